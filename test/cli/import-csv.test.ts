import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openTables } from "../support/csv.ts";

const { db, folder, run, importing, stored } = await openTables();

test("import-csv takes columns in any order, and leaves others", async () => {
  const { code, out, err } = await importing(
    [
      "Name;BM_Seconds;steam_id;game_id;steam_seconds;updated_at",
      '"Иван; Б.";7200;76561198000000001;393380;;2026-01-02 03:04:05+03:00',
      "Bob;;76561198000000002;393380;3600.0;",
      "Eve;;'76561198000000003;0;;",
      "",
    ].join("\r\n"),
  );
  assert.equal(code, 0, err);
  assert.equal(err, "These columns are ignored: name.");
  assert.match(out, /^ {2}PLAYERS {2}RESULT\n {8}3 {2}imported$/);
  const rows = await stored();
  assert.deepEqual(
    rows.map(({ id, game, steam, status, bm }) => [id, game, steam, status, bm]),
    [
      ["76561198000000001", 393_380, null, "unchecked", 7_200],
      ["76561198000000002", 393_380, 3_600, "ok", null],
      ["76561198000000003", 0, null, "unavailable", null],
    ],
  );
  assert.equal(rows[0]?.["updated"], "2026-01-02T00:04:05.000Z");
  assert.equal(rows[0]?.["created"], "2026-01-02T00:04:05.000Z");
});

test("import-csv reads a pipe with a name, as shells make one of <(zcat FILE)", async (t) => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  t.after(() => rm(pipe));
  const writing = writeFile(pipe, "steam_id,game_id,steam_seconds\n76561198000000001,393380,5\n");
  assert.match((await run(`import-csv ${pipe}`)).out, /1 {2}imported$/);
  await writing;
  assert.deepEqual(await readdir(folder), ["pipe"]);
});

test("import-csv takes hours, with a point or a comma; where there are seconds too, these count", async () => {
  const { code, err } = await importing(
    "steam_id;game_id;steam_hours;bm_hours;bm_seconds\n76561198000000001;1;1,5;9;60\n76561198000000002;1;2.25;;\n",
  );
  assert.equal(code, 0, err);
  assert.deepEqual(
    (await stored()).map(({ steam, bm }) => [steam, bm]),
    [
      [5_400, 60],
      [8_100, null],
    ],
  );
  for (const wrong of ["-1", "x", "1:30", "600000", "1e3"])
    assert.match(
      (await importing(`steam_id;game_id;bm_hours\n76561198000000003;1;${wrong}\n`)).err,
      /line 2: bm_hours must be hours, such as 12 or 12\.5\./,
      wrong,
    );
  assert.match(
    (await importing("steam_id,game_id,hours\n76561198000000003,1,5\n")).err,
    /the first line must be without a column hours: name it steam_hours or bm_hours.*\nNothing was imported\.$/,
  );
});

test("--game is the game of all rows; without it the column is needed", async () => {
  const table = "steam_id,bm_seconds\n76561198000000001,5\n";
  const without = await importing(table);
  assert.equal(without.code, 1);
  assert.match(
    without.err,
    /^the first line must be .* with game_id among them \(or give --game\)\.\nNothing was imported\.$/,
  );
  assert.equal((await importing(table, " --game 393380")).code, 0);
  assert.equal((await stored())[0]?.["game"], 393_380);
  assert.equal((await importing(table, " --game x")).code, 2);
});

test("nothing takes the place of a time that BattleMetrics signed, and a time never that of a newer row", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at) values
      (76561198000000001, 1, null, 'unchecked', null, 10, now() - interval '1 day', now() - interval '1 day', now() - interval '1 day'),
      (76561198000000002, 1, 20, 'ok', now() - interval '1 day', null, null, now() - interval '1 day', now() - interval '1 day'),
      (76561198000000003, 1, 30, 'ok', now() - interval '1 day', null, null, now() - interval '1 day', now() - interval '1 day')`;
  const { out } = await importing(
    [
      "steam_id,game_id,bm_seconds,updated_at",
      "76561198000000001,1,99,",
      "76561198000000002,1,99,",
      "76561198000000003,1,99,2020-01-01T00:00:00Z",
      "",
    ].join("\n"),
  );
  assert.match(
    out,
    / 1 {2}imported; an older row was replaced\n +1 {2}left unchanged: the row here has a time signed by BattleMetrics\n +1 {2}left unchanged: /,
  );
  assert.deepEqual(
    (await stored()).map(({ steam, status, bm }) => [steam, status, bm]),
    [
      [null, "unchecked", 10],
      [20, "ok", 99],
      [30, "ok", null],
    ],
  );
});

test("what was exported can be imported elsewhere, and a second time changes nothing", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, created_at, updated_at)
    select 76561198000000000 + n, 393380, n, 'ok', now() - interval '1 day', n, now() - interval '2 days', now() - interval '1 day'
    from generate_series(1, 3000) n`;
  const { out: table } = await run("players export");
  const before = (await stored()).map((row) => ({ ...row }));
  await db.sql`truncate playtimes`;
  assert.match((await importing(table)).out, /3,000 {2}imported$/);
  assert.deepEqual(
    (await stored()).map((row) => ({ ...row })),
    before,
  );
  assert.match(
    (await importing(table)).out,
    /3,000 {2}left unchanged: the database, or another row of the table, has a time that is as new$/,
  );
});

test("the same player twice in a table: the newest row counts, else the first", async () => {
  await importing(
    [
      "steam_id,game_id,bm_seconds,updated_at",
      "76561198000000001,1,1,2026-01-01T00:00:00Z",
      "76561198000000001,1,2,2026-01-02T00:00:00Z",
      "76561198000000001,1,3,2026-01-01T12:00:00Z",
      "76561198000000002,1,4,",
      "76561198000000002,1,5,",
      "",
    ].join("\n"),
  );
  assert.deepEqual(
    (await stored()).map(({ bm }) => bm),
    [2, 4],
  );
});
