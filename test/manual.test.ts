import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { texts } from "../src/admin/texts/texts.ts";
import { commands } from "../src/cli/run.ts";
import { settings } from "../src/config.ts";
import { placeholder, webhookFields } from "../src/connections/how-to-use.ts";
import { refusalCodes } from "../src/http/refusal.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { insertConnections, startTestService, type TestService } from "./support/service.ts";

/* What each page of the manual must name. */

const text = (file: string) => readFileSync(file, "utf8");

test("the page of the settings names every setting", () => {
  for (const keys of Object.values(settings))
    for (const key of Object.keys(keys)) assert.ok(text("configs/README.md").includes(key), key);
});

test("the page of the requests names every refusal", () => {
  for (const code of refusalCodes) assert.ok(text("src/README.md").includes(`\`${code}\``), code);
});

test("the page of the command line names every command", () => {
  for (const name of Object.keys(commands)) assert.ok(text("src/cli/README.md").includes(`\`${name}`), name);
});

describe("the lines to copy on the front page work as they stand", () => {
  const missing = ["sh", "curl", "openssl"].find((program) => spawnSync(program, ["--help"]).error);
  const options = { skip: missing !== undefined && `there is no ${missing} here` };
  const scripts = [...text("README.md").matchAll(/^```sh\n(.*?)^```/gms)].map(([, script = ""]) => script);
  let db: TestDatabase;
  let service: TestService;

  before(async () => {
    db = await createTestDatabase();
    await insertConnections(db, [
      { kind: "battlemetrics", path: "my-server", secret: "secret of the server", enabled: true, fixedGameId: null },
      { kind: "script", path: "my-plugin", secret: "secret of the script", enabled: true, fixedGameId: null },
    ]);
    service = await startTestService(db);
  });
  after(async () => {
    await service?.stop();
    await db?.drop();
  });

  /** Runs one of them as somebody would who puts in the secret; the port is the test's. */
  async function run(address: string, secret: string): Promise<string> {
    const script = scripts.find((one) => one.includes(address)) ?? "";
    const lines = script.replace("http://localhost:8000", service.url).replace(/^SECRET='.*'$/m, `SECRET='${secret}'`);
    return (await promisify(execFile)("sh", ["-c", lines])).stdout;
  }

  test("a delivery is stored, and a query answers it", options, async () => {
    assert.equal(scripts.length, 2);
    assert.match(await run("/set-playtime/bm/my-server/", "secret of the server"), /^HTTP\/1\.1 200 /);
    const answer = JSON.parse(await run("/get-playtime/my-plugin/", "secret of the script"));
    assert.deepEqual(
      answer.map(({ steam_id, bm_playtime }: Record<string, unknown>) => [steam_id, bm_playtime]),
      [["76561198012345678", 7200]],
    );
  });

  test("with another secret both are refused", options, async () => {
    assert.match(await run("/set-playtime/bm/my-server/", "another"), /^HTTP\/1\.1 401 .*"bad-signature"/s);
    assert.match(await run("/get-playtime/my-plugin/", "another"), /"bad-signature"/);
  });

  test("the steps use the webhook's body and the address that the service itself shows", () => {
    const { url, body } = webhookFields(
      { kind: "battlemetrics", path: "my-server", fixedGameId: null },
      `http://${placeholder}:8000`,
    );
    for (const page of ["README.md", "README.ru.md"]) {
      assert.ok(text(page).includes(url), `${page}: ${url}`);
      assert.ok(text(page).includes(body), `${page}: ${body}`);
    }
  });

  test("the steps call the panel's buttons by their names", () => {
    for (const [page, language] of [
      ["README.md", "en"],
      ["README.ru.md", "ru"],
    ] as const) {
      const { nav, connections } = texts[language];
      assert.ok(text(page).includes(`*${nav.connections}*, *${connections.add.battlemetrics}*`), page);
    }
  });

  test("the form of BattleMetrics is filled in its order", () => {
    for (const page of ["README.md", "README.ru.md"])
      assert.deepEqual(
        [...text(page).matchAll(/^ +- \*(.+?)\*:/gm)].map(([, field]) => field),
        ["Name", "URL", "Shared secret", "Content type", "Logging", "Enabled", "Body"],
      );
  });
});
