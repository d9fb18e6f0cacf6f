import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { runProgram } from "./support/program.ts";
import { insertConnections, secrets, startTestService, type TestService } from "./support/service.ts";

/*
 * The two example clients of src/README.md, run as somebody would who has copied them: a program each, against the live
 * service.
 */

const player = "76561198000000001";
const clients = [
  {
    language: "js",
    file: "test/clients/playtime.mjs",
    program: process.execPath,
    unknown: "null",
    missing: false,
    importing: [
      "-e",
      'import("./test/clients/playtime.mjs").then((it) => it.askPlaytimes([process.argv.at(-1)])).then(([one]) => console.log(one.steam_playtime))',
    ],
  },
  {
    language: "python",
    file: "test/clients/playtime.py",
    program: "python3",
    unknown: "None",
    missing: !hasPython(),
    importing: ["-c", "import playtime, sys; print(playtime.ask_playtimes([sys.argv[-1]])[0]['steam_playtime'])"],
  },
];

let db: TestDatabase;
let service: TestService;
before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds)
    values (${player}, 393380, 360000, 'ok', 7200), (76561198000000002, 393380, null, 'private', null)`;
  service = await startTestService(db);
});
after(async () => {
  await service?.stop();
  await db?.drop();
});

for (const { language, file, program, unknown, missing, importing } of clients)
  describe(`the ${language} client`, { concurrency: 2, skip: missing && `${program} is not installed` }, () => {
    const ask = (steamId: string, { address = "", secret = secrets.script } = {}) =>
      runProgram(program, [file, steamId], {
        env: {
          ADDRESS: address || `${service.url}/get-playtime/plugin/`,
          SECRET: secret,
          PYTHONDONTWRITEBYTECODE: "1",
        },
      });

    test("prints both times of a player in seconds", async () => {
      assert.deepEqual(await ask(player), { code: 0, stdout: `${player} 360000 7200\n`, stderr: "" });
    });

    test("prints that nothing is known", async () => {
      const { code, stdout } = await ask("76561198000000002");
      assert.deepEqual([code, stdout], [0, `76561198000000002 ${unknown} ${unknown}\n`]);
    });

    test("prints its usage without an argument, and does nothing where it is imported", async () => {
      const { code, stdout, stderr } = await runProgram(program, [file], { env: {} });
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^Usage: ADDRESS=.* playtime\.(?:mjs|py) <steamId>\n$/);
      const env = {
        ADDRESS: `${service.url}/get-playtime/plugin/`,
        SECRET: secrets.script,
        PYTHONDONTWRITEBYTECODE: "1",
      };
      const imported = await runProgram(program, [...importing, player], {
        env: { ...env, PYTHONPATH: "test/clients" },
      });
      assert.deepEqual(imported, { code: 0, stdout: "360000\n", stderr: "" });
    });

    test("prints why the service refuses, in the words of the service", async () => {
      const [wrongSecret, wrongPath, wrongId] = await Promise.all([
        ask(player, { secret: "another one" }),
        ask(player, { address: `${service.url}/get-playtime/unknown/` }),
        ask("765"),
      ]);
      assert.deepEqual([wrongSecret.code, wrongSecret.stdout], [1, ""]);
      assert.match(wrongSecret.stderr, /^401: The signature does not match the body and the secret\./);
      assert.match(wrongPath.stderr, /^404: No connection has this path\./);
      assert.match(wrongId.stderr, /^400: steam_ids\[0\] must be a SteamID64/);
    });

    test("ends with a word when something else answers, or nothing", async () => {
      const stranger = createServer((_, response) => void response.writeHead(502).end("<html>Bad Gateway</html>"));
      await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
      const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
      const bad = await ask(player, { address });
      assert.deepEqual([bad.code, bad.stdout], [1, ""]);
      assert.match(bad.stderr, /502/);
      await new Promise((resolve) => stranger.close(resolve));
      const refused = await ask(player, { address });
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /ECONNREFUSED|Connection refused/i);
    });
  });

test("both stand in the manual word for word", () => {
  const page = readFileSync("src/README.md", "utf8");
  for (const { language, file } of clients)
    assert.ok(
      page.includes(`\`\`\`${language}\n${readFileSync(file, "utf8")}\`\`\``),
      `src/README.md must show ${file} in a block of its own`,
    );
});

function hasPython(): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(`${folder}/python3`));
}
