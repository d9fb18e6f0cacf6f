import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { histogramHours, statisticsIn } from "../../src/players/statistics.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());

test("players are counted, and sorted into bars by their hours, and the figures are kept for a minute", async () => {
  let nowMs = 0;
  const statistics = statisticsIn(db.database, () => new Date(nowMs));
  const none = await statistics.totals();
  assert.deepEqual([none.players, none.isEstimate, none.steam], [0, false, histogramHours.map(() => 0)]);
  const hours = [0, 9.9, 10, 49, 5_000, 100_000];
  for (const [index, of] of hours.entries())
    await db.sql`insert into playtimes (steam_id, game_id, steam_seconds, steam_status) values (${String(76561198000000000n + BigInt(index))}, 1, ${of * 3_600}, 'ok')`;
  await db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (76561198000000100, 1, 400000)`;
  nowMs = 59_000;
  assert.equal((await statistics.totals()).players, 0);
  nowMs = 60_000;
  const all = await statistics.totals();
  assert.deepEqual(
    [all.players, all.steam, all.battlemetrics],
    [7, [2, 2, 0, 0, 0, 0, 0, 2], [0, 0, 0, 1, 0, 0, 0, 0]],
  );
  assert.ok(all.databaseBytes > 1e6);
  assert.match(all.postgresVersion, /^\d+\.\d+$/);
  assert.deepEqual(
    (await statistics.newest(2)).map(({ steamId }) => steamId),
    ["76561198000000100", "76561198000000005"],
  );
});

test("of a large table only a part is looked at, and the figures are near the truth", async () => {
  await db.sql`truncate playtimes`;
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds)
    select 76561198000000000 + n, 1, (n % 4) * 200000, 'ok', null from generate_series(1, 250000) n`;
  const near = (found: number, right: number, by: number) =>
    assert.ok(Math.abs(found / right - 1) < by, `${found} of ${right}`);
  // As after a restore, when Postgres has not counted yet.
  const raw = await statisticsIn(db.database).totals();
  assert.equal(raw.isEstimate, true);
  near(raw.players, 250_000, 0.25);
  await db.sql`analyze playtimes`;
  const totals = await statisticsIn(db.database).totals();
  near(totals.players, 250_000, 0.02);
  near(totals.steam[0] ?? 0, 62_500, 0.1);
  near(totals.steam[3] ?? 0, 125_000, 0.1);
});
