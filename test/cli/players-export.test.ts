import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cli } from "../support/cli.ts";
import { cellsOf, openTables } from "../support/csv.ts";
import { environmentOf } from "../support/database.ts";
import { nodeArgs } from "../support/program.ts";

const { db, folder, run, stored } = await openTables();

test("players export writes a table of all players, which is a file of its owner alone or standard output", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at) values
      (76561198000000001, 393380, 3600, 'ok', '2026-01-02T03:04:05.678Z', 60, '2026-01-02T03:04:06Z', '2026-01-01T00:00:00Z', '2026-01-02T03:04:06Z'),
      (76561198000000002, 0, null, 'unchecked', null, null, null, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')`;
  const table = [
    "steam_id,game_id,steam_seconds,steam_status,steam_checked_at,bm_seconds,bm_signed_at,created_at,updated_at,org_seconds,org_signed_at,seen_at,steam_hours,bm_hours",
    "76561198000000001,393380,3600,ok,2026-01-02T03:04:05.678Z,60,2026-01-02T03:04:06.000Z,2026-01-01T00:00:00.000Z,2026-01-02T03:04:06.000Z,,,,1,0",
    "76561198000000002,0,,unchecked,,,,2026-01-01T00:00:00.000Z,2026-01-01T00:00:00.000Z,,,,,",
    "",
  ].join("\n");
  assert.deepEqual(await run("players export"), { code: 0, out: table, err: "" });
  const file = join(folder, "players.csv");
  const ran = await run(`players export ${file}`);
  assert.deepEqual([ran.code, ran.out], [0, "Written: 2 players."]);
  assert.equal(await readFile(file, "utf8"), table);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.match((await run(`players export ${file}`)).err, /exists already/);
  await rm(file);
});

test("players export takes the filters of the panel, and says what is wrong with one", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds) values
      (76561198000000001, 393380, 3600, 'ok', 60), (76561198000000001, 440, null, 'private', 60),
      (76561198000000002, 393380, 7200, 'ok', null), (76561198000000003, 440, null, 'unchecked', null)`;
  const exported = async (options: string) =>
    (await run(`players export ${options}`)).out.match(/^7656119800000000[0-9],[0-9]+/gm)?.map((id) => id.slice(16));
  assert.deepEqual(await exported("--game 440"), ["1,440", "3,440"]);
  assert.deepEqual(await exported("--steam known"), ["1,393380", "2,393380"]);
  assert.deepEqual(await exported("--steam=unknown --battlemetrics=known"), ["1,440"]);
  assert.deepEqual(await exported("--status unchecked"), ["3,440"]);
  assert.deepEqual(await exported("--status hidden"), undefined);
  for (const [option, words] of [
    ["--game x", "--game must be a whole number"],
    ["--steam yes", "--steam must be one of known, unknown"],
    ["--battlemetrics 1", "--battlemetrics must be one of known, unknown"],
    ["--status bad", "--status must be one of ok, private"],
  ]) {
    const { code, err } = await run(`players export ${option}`);
    assert.equal(code, 2);
    assert.ok(err.includes(words ?? ""), err);
  }
});

test("a reader that has seen enough of an export gets no stack", async (t: TestContext) => {
  await db.sql`insert into playtimes (steam_id, game_id) select 76561198000000000 + n, 0 from generate_series(1, 20000) n`;
  t.after(() => db.sql`truncate playtimes`);
  const child = spawn("sh", ["-c", `node ${nodeArgs("src/cli.ts").join(" ")} players export | head -n 1`], {
    env: { PATH: process.env["PATH"], ...environmentOf(db) },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part) => {
      text += part;
    });
  await new Promise((resolve) => child.on("close", resolve));
  assert.match(text, /^steam_id,[a-z_,]+\n(The program that reads the output has ended\.\n)?$/);
});

test("an export for spreadsheets keeps every digit of an ID, and can be imported", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds) values
      (76561198000000001, 393380, 5400, 'ok', now(), 59), (76561198000000002, 393380, null, 'private', now(), 7200)`;
  const file = join(folder, "excel.csv");
  assert.equal((await run(`players export ${file} --spreadsheet`)).code, 0);
  const bytes = await readFile(file);
  assert.deepEqual([bytes[0], bytes[1]], [0xff, 0xfe]);
  const rows = await cellsOf(bytes, 1_000);
  const column = (name: string) => rows.map((cells) => cells[rows[0]?.indexOf(name) ?? -1]);
  assert.deepEqual(column("steam_id"), ["steam_id", '="76561198000000001"', '="76561198000000002"']);
  assert.deepEqual(column("steam_hours"), ["steam_hours", "2", ""]);
  assert.deepEqual(column("bm_hours"), ["bm_hours", "0", "2"]);
  await db.sql`truncate playtimes`;
  assert.match((await run(`import-csv ${file}`)).out, /2 {2}imported$/);
  assert.deepEqual(
    (await stored()).map(({ id, steam, bm }) => [id, steam, bm]),
    [
      ["76561198000000001", 5_400, 59],
      ["76561198000000002", null, 7_200],
    ],
  );
  await rm(file);
});

test("npm without -s would write its lines before the table: that is refused with what to type", async () => {
  const env = { ...environmentOf(db), PLAYTIME_SERVER_DATA_DIR: folder, npm_lifecycle_event: "cli" };
  const refused = await cli("players export", { env });
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /Name the file, npm run cli -- players export FILE, or use -s: npm run -s cli -- players export - > FILE/,
  );
  assert.equal((await cli("players export", { env: { ...env, npm_config_loglevel: "silent" } })).code, 0);
});
