import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import fc from "fast-check";
import { dayIn } from "../../src/calendar.ts";
import { connect, type Database, type Sql } from "../../src/database/connect.ts";
import { steamId } from "../../src/parse.ts";
import { type Playtimes, playtimesIn } from "../../src/players/playtimes.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { memoryLog } from "../support/service.ts";

const squad = 393_380;
const hour = 3_600;
const history = { keepDays: 400, dayOf: dayIn("Europe/Moscow") };

let db: TestDatabase;
let playtimes: Playtimes;

before(async () => {
  db = await createTestDatabase();
  playtimes = playtimesIn(db.database, { history });
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate playtimes, playtime_days`;
});

const player = (number = 1) => steamId(String(76561198000000000n + BigInt(number)), "player");
/** Moscow begins its days at 21:00 UTC. */
const at = (time: string) => new Date(`2026-01-${time}:00Z`);

type Told = { seconds: number; org?: number; time: string; number?: number };

const told = ({ seconds, org, time, number = 1 }: Told, by: Pick<Playtimes, "saveBattlemetrics"> = playtimes) =>
  by.saveBattlemetrics({ steamId: player(number), gameId: squad, seconds, orgSeconds: org, signedAt: at(time) });

async function inOrder(...deliveries: Told[]): Promise<void> {
  for (const one of deliveries) await told(one);
}

const daysOf = async (number = 1) =>
  Object.fromEntries(
    (
      await db.sql<{ day: string; seconds: number }[]>`
        select day::text as day, seconds from playtime_days where steam_id = ${player(number)} and game_id = ${squad} order by day`
    ).map(({ day, seconds }) => [day, seconds]),
  );

async function row(number = 1) {
  return (await playtimes.ofPlayer(player(number)))[0] ?? assert.fail("no such row");
}

test("what a delivery adds to the one before it counts for the day on which it was signed", async () => {
  await inOrder(
    { seconds: 1_000, time: "02T10:00" },
    { seconds: 1_600, time: "02T10:10" },
    { seconds: 2_000, time: "02T20:59" },
    { seconds: 2_050, time: "02T21:00" },
  );
  assert.deepEqual(await daysOf(), { "2026-01-02": 1_000, "2026-01-03": 50 });
});

test("a batch over midnight counts each delivery for its own day", async () => {
  await Promise.all([1, 2, 3].map((number) => told({ seconds: 0, time: "02T20:00", number })));
  await Promise.all([
    told({ seconds: 10, time: "02T21:01", number: 1 }),
    told({ seconds: 20, time: "02T20:59", number: 2 }),
    told({ seconds: 30, time: "02T21:00", number: 3 }),
  ]);
  assert.deepEqual(await Promise.all([1, 2, 3].map(daysOf)), [
    { "2026-01-03": 10 },
    { "2026-01-02": 20 },
    { "2026-01-03": 30 },
  ]);
});

test("a repeated or older delivery adds nothing, one of the same moment with a larger figure the rest", async () => {
  await inOrder(
    { seconds: 100, time: "02T10:00" },
    { seconds: 200, time: "02T10:10" },
    { seconds: 200, time: "02T10:10" },
    { seconds: 190, time: "02T10:05" },
    { seconds: 900, time: "02T10:09" },
  );
  assert.deepEqual(await daysOf(), { "2026-01-02": 100 });
  await told({ seconds: 230, time: "02T10:10" });
  assert.deepEqual(await daysOf(), { "2026-01-02": 130 });
});

test("a figure that fell, and a jump of more than 24 hours, are new starts", async () => {
  await inOrder(
    { seconds: 500_000, time: "02T10:00" },
    { seconds: 100, time: "02T10:10" },
    { seconds: 160, time: "02T10:20" },
    { seconds: 160 + 24 * hour, time: "03T10:20" },
    { seconds: 160 + 48 * hour + 1, time: "09T10:20" },
    { seconds: 160 + 48 * hour + 8, time: "09T10:21" },
  );
  assert.deepEqual(await daysOf(), { "2026-01-02": 60, "2026-01-03": 24 * hour, "2026-01-09": 7 });
});

test("the time on the organisation's servers counts where two deliveries in a row told it, else the time in the game", async () => {
  await inOrder(
    { seconds: 1_000, time: "02T10:00" },
    { seconds: 1_100, org: 10, time: "02T10:01" },
    { seconds: 1_900, org: 15, time: "02T10:02" },
    { seconds: 1_950, time: "02T10:03" },
    { seconds: 1_990, org: 95, time: "02T10:04" },
    // The figure in the game fell, that of the organisation grew: the latter is what counts.
    { seconds: 5, org: 97, time: "02T10:05" },
    // And the other way round.
    { seconds: 9, org: 2, time: "02T10:06" },
  );
  assert.deepEqual(await daysOf(), { "2026-01-02": 100 + 5 + 50 + 40 + 2 });
});

test("a delivery that does not tell the organisation's time leaves what is known of it", async () => {
  await inOrder({ seconds: 1, org: 50, time: "02T10:00" }, { seconds: 2, time: "02T10:01" });
  const { orgSeconds, orgSignedAt, bmSignedAt, seenAt } = await row();
  assert.deepEqual(
    { orgSeconds, orgSignedAt, bmSignedAt, seenAt },
    {
      orgSeconds: 50,
      orgSignedAt: "2026-01-02T10:00:00.000Z",
      bmSignedAt: "2026-01-02T10:01:00.000Z",
      seenAt: "2026-01-02T10:01:00.000Z",
    },
  );
});

test("after a correction by hand the next delivery is only a start, and the player was seen when BattleMetrics said so", async () => {
  await inOrder({ seconds: 100, time: "02T10:00" }, { seconds: 160, time: "02T10:01" });
  await playtimes.correct({ steamId: player(), gameId: squad, bmSeconds: 50, at: at("02T10:02") });
  assert.equal((await row()).seenAt, "2026-01-02T10:01:00.000Z");
  await told({ seconds: 300, time: "02T10:03" });
  assert.deepEqual(await daysOf(), { "2026-01-02": 60 });
  await told({ seconds: 303, time: "02T10:04" });
  assert.deepEqual(await daysOf(), { "2026-01-02": 63 });
  await playtimes.correct({ steamId: player(), gameId: squad, bmSeconds: null, at: at("02T10:05") });
  await inOrder({ seconds: 400, time: "02T10:06" }, { seconds: 410, time: "02T10:07" });
  assert.deepEqual(await daysOf(), { "2026-01-02": 73 });
});

test("a correction of the Steam time takes nothing from the days", async () => {
  await told({ seconds: 100, time: "02T10:00" });
  await playtimes.correct({ steamId: player(), gameId: squad, steamSeconds: 7, at: at("02T10:02") });
  await told({ seconds: 160, time: "02T10:03" });
  assert.deepEqual(await daysOf(), { "2026-01-02": 60 });
});

test("after an import, whose figure nobody signed, the first delivery is only a start", async () => {
  await db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (${player()}, ${squad}, 100)`;
  await inOrder({ seconds: 160, time: "02T10:00" }, { seconds: 170, time: "02T10:01" });
  assert.deepEqual(await daysOf(), { "2026-01-02": 10 });
});

test("days of a zone stay as they are when another zone is set", async () => {
  await inOrder({ seconds: 0, time: "02T21:30" }, { seconds: 60, time: "02T21:40" });
  const utc = playtimesIn(db.database, { history: { keepDays: 400, dayOf: dayIn("UTC") } });
  await told({ seconds: 100, time: "02T21:50" }, utc);
  assert.deepEqual(await daysOf(), { "2026-01-02": 40, "2026-01-03": 60 });
});

test("a clock that jumps over midnight and back counts for the days that it told, and nothing twice", async () => {
  await inOrder(
    { seconds: 0, time: "02T20:00" },
    { seconds: 10, time: "02T21:00" },
    { seconds: 15, time: "02T20:01" },
    { seconds: 20, time: "02T21:01" },
  );
  assert.deepEqual(await daysOf(), { "2026-01-03": 20 });
});

test("without days kept none is written, but when the player was seen is", async () => {
  const without = playtimesIn(db.database, { history: { ...history, keepDays: 0 } });
  await told({ seconds: 0, org: 0, time: "02T10:00" }, without);
  await told({ seconds: 60, org: 30, time: "02T10:10" }, without);
  assert.deepEqual(await daysOf(), {});
  const { seenAt, orgSeconds } = await row();
  assert.deepEqual({ seenAt, orgSeconds }, { seenAt: "2026-01-02T10:10:00.000Z", orgSeconds: 30 });
});

test("a day that is full takes no more instead of refusing the delivery", async () => {
  await told({ seconds: 0, time: "02T10:00" });
  await db.sql`insert into playtime_days values (${player()}, ${squad}, '2026-01-02', 2147483640)`;
  await told({ seconds: 60, time: "02T10:01" });
  assert.deepEqual(await daysOf(), { "2026-01-02": 2_147_483_647 });
});

test("two writers that get the same deliveries in any order count each second once", async () => {
  const others = [db.address, db.address].map((address) => connect(address, memoryLog().log));
  const writers = others.map((database) => playtimesIn(database, { history }));
  const minutes = Array.from({ length: 40 }, (_, minute) => minute + 1);
  await Promise.all([1, 2, 3].map((number) => told({ seconds: 0, time: "02T10:00", number })));
  await Promise.all(
    writers.flatMap((writer, index) =>
      minutes.map(async (minute) => {
        await new Promise((resolve) => setTimeout(resolve, (minute * (7 + index * 4)) % 50));
        const time = `02T10:${String(minute).padStart(2, "0")}`;
        await Promise.all([3, 1, 2].map((number) => told({ seconds: minute * 60, time, number }, writer)));
      }),
    ),
  );
  for (const number of [1, 2, 3]) assert.deepEqual(await daysOf(number), { "2026-01-02": 40 * 60 });
  await Promise.all(others.map((database) => database.close()));
});

/** Runs each statement twice, as after an answer that was lost. */
const twice = (database: Pick<Database, "run">): Pick<Database, "run"> => ({
  run: async <T>(statement: (sql: Sql) => Promise<T>) => {
    await database.run(statement);
    return database.run(statement);
  },
});

type Row = {
  bm: number | null;
  signed: number | null;
  seen: number | null;
  org: number | null;
  orgSigned: number | null;
};
type Delivery = { number: number; seconds: number; org: number | undefined; minute: number };
type Step =
  | { deliveries: Delivery[]; isTwice: boolean }
  | { correct: { number: number; seconds: number | null; minute: number } };

/** What the protocol says, in plain words of one process. */
function modelOf(steps: Step[], dayOf: (time: Date) => string) {
  const rows = new Map<number, Row>();
  const days = new Map<string, number>();
  for (const step of steps) {
    if ("correct" in step) {
      const { number, seconds, minute } = step.correct;
      const row = rows.get(number);
      if (row) Object.assign(row, { bm: seconds, signed: seconds === null ? null : minute });
      continue;
    }
    for (const number of new Set(step.deliveries.map((one) => one.number))) {
      const [newest] = step.deliveries
        .map((one, index) => ({ ...one, index }))
        .filter((one) => one.number === number)
        .sort((a, b) => b.minute - a.minute || b.seconds - a.seconds || b.index - a.index);
      if (newest) deliver(newest);
    }
  }
  return { rows, days };

  function deliver({ number, seconds, org, minute }: Delivery): void {
    const before = rows.get(number);
    const told = { bm: seconds, signed: minute, seen: minute };
    if (!before) {
      rows.set(number, { ...told, org: org ?? null, orgSigned: org === undefined ? null : minute });
      return;
    }
    const isNewer =
      before.signed === null || minute > before.signed || (minute === before.signed && seconds > (before.bm ?? 0));
    if (!isNewer) return;
    let gained = 0;
    if (before.signed !== null && before.seen === before.signed)
      gained =
        org !== undefined && before.orgSigned === before.signed ? org - (before.org ?? 0) : seconds - (before.bm ?? 0);
    if (gained > 0 && gained <= 24 * hour) {
      const key = `${number} ${dayOf(timeOf(minute))}`;
      days.set(key, (days.get(key) ?? 0) + gained);
    }
    rows.set(number, { ...before, ...told, ...(org === undefined ? {} : { org, orgSigned: minute }) });
  }
}

/** From three hours before midnight in Moscow to three after it. */
const timeOf = (minute: number) => new Date(at("02T18:00").getTime() + minute * 60_000);

const figures = fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.constantFrom(0, 86_399, 86_400, 86_401, 2_147_483_647));
const minutes = fc.integer({ min: 0, max: 360 });
const deliveries = fc.record({
  number: fc.integer({ min: 1, max: 3 }),
  seconds: figures,
  org: fc.option(figures, { nil: undefined, freq: 3 }),
  minute: minutes,
});
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ deliveries: fc.array(deliveries, { minLength: 1, maxLength: 4 }), isTwice: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      correct: fc.record({ number: fc.integer({ min: 1, max: 3 }), seconds: fc.option(figures), minute: minutes }),
    }),
  },
);

test("any order, repetition, loss, falling figure, jump, correction and fault of a clock ends as the model says", async () => {
  const once = playtimesIn(db.database, { history });
  const repeated = playtimesIn(twice(db.database), { history });
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 12 }), async (all) => {
      await db.sql`delete from playtimes`;
      await db.sql`delete from playtime_days`;
      for (const step of all) {
        if ("correct" in step) {
          const { number, seconds, minute } = step.correct;
          await once.correct({ steamId: player(number), gameId: squad, bmSeconds: seconds, at: timeOf(minute) });
          continue;
        }
        const writer = step.isTwice ? repeated : once;
        await Promise.all(
          step.deliveries.map(({ number, seconds, org, minute }) =>
            writer.saveBattlemetrics({
              steamId: player(number),
              gameId: squad,
              seconds,
              orgSeconds: org,
              signedAt: timeOf(minute),
            }),
          ),
        );
      }
      const model = modelOf(all, history.dayOf);
      for (const number of [1, 2, 3]) {
        const stored = (await once.ofPlayer(player(number)))[0];
        const expected = model.rows.get(number);
        assert.deepEqual(
          stored && [stored.bmSeconds, stored.bmSignedAt, stored.seenAt, stored.orgSeconds, stored.orgSignedAt],
          expected && [expected.bm, iso(expected.signed), iso(expected.seen), expected.org, iso(expected.orgSigned)],
        );
        const days = [...model.days].filter(([key]) => key.startsWith(`${number} `));
        assert.deepEqual(await daysOf(number), Object.fromEntries(days.map(([key, sum]) => [key.slice(2), sum])));
      }
    }),
    { numRuns: 60 },
  );
});

const iso = (minute: number | null) => (minute === null ? null : timeOf(minute).toISOString());
