import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { Sql } from "../../src/database/connect.ts";
import { firstKept, removeOldDays } from "../../src/players/old-days.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());
beforeEach(() => db.sql`truncate playtime_days`);

/** So many players on each of some days of January, in two games. */
const fill = (players: number, days: number) => db.sql`
  insert into playtime_days (steam_id, game_id, day, seconds)
  select 76561198000000000 + player, game, date '2026-01-01' + day, 60
  from generate_series(1, ${players}::int) player, generate_series(0, ${days - 1}::int) day, unnest('{440,393380}'::int[]) game`;

const left = async () =>
  (
    await db.sql<{ day: string; rows: number }[]>`
    select day::text as day, count(*)::int as rows from playtime_days group by day order by day`
  ).map((row) => [row.day, row.rows]);

test("days before the first that is kept go, of every game; the others stay", async () => {
  await fill(10, 4);
  assert.equal(await removeOldDays(db.database, "2026-01-03"), 40);
  assert.deepEqual(await left(), [
    ["2026-01-03", 20],
    ["2026-01-04", 20],
  ]);
  assert.equal(await removeOldDays(db.database, "2026-01-03"), 0);
});

test("many go in steps of at most 1,000 rows, with what is left of a step for the next game", async () => {
  await fill(700, 2);
  const steps: number[] = [];
  const counting = {
    run: async <T>(statement: (sql: Sql) => Promise<T>): Promise<T> => {
      const result = await db.database.run(statement);
      steps.push(Number(result));
      return result;
    },
  };
  assert.equal(await removeOldDays(counting, "9999-12-31"), 2_800);
  assert.deepEqual(steps, [1_000, 1_000, 800]);
  assert.deepEqual(await left(), []);
});

test("two processes at once remove each row once, and wait for nobody", async () => {
  await fill(1_000, 3);
  const rows = await Promise.all([1, 2].map(() => removeOldDays(db.database, "2026-01-03")));
  assert.ok(rows[0] !== undefined && rows[1] !== undefined && rows[0] + rows[1] <= 4_000);
  await removeOldDays(db.database, "2026-01-03");
  assert.deepEqual(await left(), [["2026-01-03", 2_000]]);
});

test("an end of the service ends the work after the step under way", async () => {
  await fill(1_000, 2);
  const abort = new AbortController();
  abort.abort();
  assert.equal(await removeOldDays(db.database, "9999-12-31", abort.signal), 1_000);
});

test("a clock that is ahead removes nothing: days are counted back from the newest that is stored, if today is later", async () => {
  const history = { keepDays: 2, dayOf: (time: Date) => time.toISOString().slice(0, 10) };
  const on = (day: string) => firstKept(db.database, history, new Date(`${day}T12:00:00Z`));
  assert.equal(await on("2026-01-04"), "2026-01-03");
  await fill(1, 4);
  assert.equal(await on("2026-01-04"), "2026-01-03");
  assert.equal(await on("2027-01-04"), "2026-01-03");
  assert.equal(await on("2026-01-03"), "2026-01-02");
  assert.equal(await firstKept(db.database, { ...history, keepDays: 0 }, new Date()), "9999-12-31");
});
