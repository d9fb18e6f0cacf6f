import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { dayIn } from "../../src/calendar.ts";
import { steamId } from "../../src/parse.ts";
import type { Playtime } from "../../src/players/playtime.ts";
import {
  type Known,
  type Playtimes,
  playtimesIn,
  type SteamTime,
  steamCheckedAtOf,
  steamStatusOf,
  timesOf,
} from "../../src/players/playtimes.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let playtimes: Playtimes;

before(async () => {
  db = await createTestDatabase();
  playtimes = playtimesIn(db.database, { history: { keepDays: 400, dayOf: dayIn("UTC") } });
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate playtimes, playtime_days`;
});

const player = (number: number) => steamId(String(76561198000000000n + BigInt(number)), "player");
const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second));
const squad = 393_380;

const told = (seconds: number, signedSecond: number, number = 1) =>
  playtimes.saveBattlemetrics({ steamId: player(number), gameId: squad, seconds, signedAt: at(signedSecond) });

const answered = (answer: Partial<SteamTime>) =>
  playtimes.saveSteam({
    steamId: player(1),
    gameId: squad,
    seconds: null,
    status: "private",
    checkedAt: at(1),
    ...answer,
  });

async function stored(number = 1): Promise<Playtime> {
  const row = (await playtimes.ofPlayer(player(number))).find(({ gameId }) => gameId === squad);
  assert.ok(row);
  return row;
}

test("a stored time is read back with every digit of its Steam ID", async () => {
  await told(7200, 1);
  const row = await stored();
  assert.deepEqual(
    {
      steamId: row.steamId,
      gameId: row.gameId,
      bmSeconds: row.bmSeconds,
      bmSignedAt: row.bmSignedAt,
      steamSeconds: row.steamSeconds,
      steamStatus: row.steamStatus,
      steamCheckedAt: row.steamCheckedAt,
    },
    {
      steamId: "76561198000000001",
      gameId: squad,
      bmSeconds: 7200,
      bmSignedAt: at(1).toISOString(),
      steamSeconds: null,
      steamStatus: "unchecked",
      steamCheckedAt: null,
    },
  );
});

test("the newest signed time wins, whatever the order of arrival, also with a smaller figure", async () => {
  await told(100, 5);
  await told(900, 4);
  assert.equal((await stored()).bmSeconds, 100);
  await told(50, 6);
  assert.equal((await stored()).bmSeconds, 50);
});

test("at equal signed times the larger figure wins", async () => {
  await told(100, 5);
  await told(99, 5);
  assert.equal((await stored()).bmSeconds, 100);
  await told(101, 5);
  assert.equal((await stored()).bmSeconds, 101);
});

test("at equal signed times inside one batch the larger figure wins, whatever its place", async () => {
  const batches: number[] = [];
  const { saveBattlemetrics } = playtimesIn(db.database, { onBatch: (_, items) => batches.push(items) });
  for (const [number, figures] of [
    [1, [100, 300, 200]],
    [2, [300, 200, 100]],
    [3, [100, 200, 300]],
  ] as const) {
    await Promise.all(
      figures.map((seconds) => saveBattlemetrics({ steamId: player(number), gameId: squad, seconds, signedAt: at(5) })),
    );
    assert.equal((await stored(number)).bmSeconds, 300, figures.join());
  }
  assert.deepEqual(batches, [3, 3, 3]);
});

test("a repeated or older time changes nothing, not even updated_at", async () => {
  await told(100, 5);
  const { updatedAt } = await stored();
  await told(100, 5);
  await told(700, 4);
  assert.deepEqual((await stored()).updatedAt, updatedAt);
  await told(100, 6);
  assert.notDeepEqual((await stored()).updatedAt, updatedAt);
});

test("many times of one player at once end as if they had come one by one", async () => {
  const seconds = [5, 1, 9, 3, 9, 7, 2];
  await Promise.all(seconds.map((second, index) => told(1_000 + index, second)));
  const row = await stored();
  assert.equal(row.bmSignedAt, at(9).toISOString());
  assert.equal(row.bmSeconds, 1_004);
});

test("many players at once are all stored", async () => {
  await Promise.all(Array.from({ length: 500 }, (_, number) => told(number, 1, number)));
  const [{ count } = { count: 0 }] = await db.sql<
    { count: number }[]
  >`select count(*)::int from playtimes where bm_seconds = steam_id - 76561198000000000`;
  assert.equal(count, 500);
});

test("a row that the database refuses fails alone", async () => {
  const outcomes = await Promise.allSettled([told(1, 1, 1), told(2, 1, 2), told(-1, 1, 3), told(4, 1, 4)]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "fulfilled", "rejected", "fulfilled"],
  );
  assert.equal((await stored(4)).bmSeconds, 4);
});

test("the same player in two games is two rows", async () => {
  await told(1, 1);
  await playtimes.saveBattlemetrics({ steamId: player(1), gameId: 440, seconds: 2, signedAt: at(1) });
  assert.deepEqual(
    (await playtimes.ofPlayer(player(1))).map((row) => [row.gameId, row.bmSeconds]),
    [
      [440, 2],
      [squad, 1],
    ],
  );
  assert.equal((await stored()).bmSeconds, 1);
});

test("a known Steam time is never overwritten by null; the status tells the newest answer", async () => {
  await answered({ status: "ok", seconds: 3600, checkedAt: at(1) });
  await answered({ status: "private", checkedAt: at(2) });
  const row = await stored();
  assert.deepEqual([row.steamSeconds, row.steamStatus, row.steamCheckedAt], [3600, "private", at(2).toISOString()]);
});

test("an older answer of Steam that arrives late changes nothing", async () => {
  await answered({ status: "ok", seconds: 3600, checkedAt: at(5) });
  await answered({ status: "ok", seconds: 60, checkedAt: at(4) });
  assert.equal((await stored()).steamSeconds, 3600);
});

test("of several answers of Steam in one batch the newest counts, whatever its place", async () => {
  for (const seconds of [
    [1, 3, 2],
    [3, 2, 1],
    [1, 2, 3],
  ]) {
    await db.sql`truncate playtimes`;
    await Promise.all(seconds.map((second) => answered({ seconds: second, status: "ok", checkedAt: at(second) })));
    assert.equal((await stored()).steamSeconds, 3, seconds.join());
  }
});

test("BattleMetrics and Steam leave each other's columns alone", async () => {
  await told(100, 1);
  await answered({ status: "ok", seconds: 3600 });
  await told(200, 2);
  const row = await stored();
  assert.deepEqual([row.bmSeconds, row.steamSeconds, row.steamStatus], [200, 3600, "ok"]);
});

test("a question is answered with every value as it is stored, times to the millisecond", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, created_at, updated_at)
    values (${player(1)}, ${squad}, null, 'private', '2026-01-02 03:04:05+00', 0, '2026-01-02 03:04:05.6+00', '2026-01-02 03:04:05.678901+00'),
      (${player(2)}, ${squad}, 0, 'ok', '2026-01-02 03:04:05+00', null, '2026-01-02 03:04:05.67+00', '2026-01-02 03:04:05.678+00')`;
  const found = await playtimes.find({ steamIds: [player(2), player(3), player(1)], gameId: squad });
  const read = (known: Known) => ({
    steamStatus: steamStatusOf(known),
    steamCheckedAt: steamCheckedAtOf(known),
    times: timesOf(known),
  });
  assert.deepEqual(
    found.map((known) => known && read(known)),
    [
      {
        steamStatus: "ok",
        steamCheckedAt: null,
        times:
          '"steam_playtime":0,"bm_playtime":null,"created_at":"2026-01-02T03:04:05.670Z","updated_at":"2026-01-02T03:04:05.678Z"',
      },
      undefined,
      {
        steamStatus: "private",
        steamCheckedAt: "2026-01-02T03:04:05.000Z",
        times:
          '"steam_playtime":null,"bm_playtime":0,"created_at":"2026-01-02T03:04:05.600Z","updated_at":"2026-01-02T03:04:05.678Z"',
      },
    ],
  );
});

test("questions asked at once get each their own players", async () => {
  await Promise.all([told(1, 1, 1), told(2, 1, 2), told(3, 1, 3)]);
  const ask = (...numbers: number[]) => playtimes.find({ steamIds: numbers.map(player), gameId: squad });
  const answers = await Promise.all([
    ask(1),
    ask(3, 1),
    ask(2, 9),
    ask(9),
    playtimes.find({ steamIds: [player(1)], gameId: 440 }),
  ]);
  assert.deepEqual(
    answers.map((rows) => rows.map((row) => row && [row.slice(0, 17), JSON.parse(`{${timesOf(row)}}`).bm_playtime])),
    [
      [[player(1), 1]],
      [
        [player(3), 3],
        [player(1), 1],
      ],
      [[player(2), 2], undefined],
      [undefined],
      [undefined],
    ],
  );
});

test("the database itself refuses what the protocol refuses", async () => {
  const refused = (row: Record<string, string | number>) =>
    assert.rejects(
      db.sql`insert into playtimes ${db.sql({ steam_id: "76561198000000001", game_id: squad, ...row })}`,
      { code: "23514" },
      JSON.stringify(row),
    );
  for (const steam_id of ["7656119", "86561198000000001", "770000000000000000", "7599999999999999"])
    await refused({ steam_id });
  await refused({ game_id: -1 });
  await refused({ bm_seconds: -1 });
  await refused({ steam_seconds: -1 });
  await refused({ steam_status: "perhaps" });
});

test("deliveries of known players are heap-only updates: no index is on a column that they change", async () => {
  const indexed = await db.sql<{ name: string }[]>`
    select distinct attname as name from pg_index join pg_attribute on attrelid = indrelid and attnum = any(indkey)
    where indrelid = 'playtimes'::regclass order by attname`;
  assert.deepEqual(
    indexed.map(({ name }) => name),
    ["created_at", "game_id", "steam_id"],
  );
});
