import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Database } from "../../src/database/connect.ts";
import { Refusal } from "../../src/http/refusal.ts";
import { createGate } from "../../src/steam-gate.ts";
import { type ActivityDeps, createActivity } from "../../src/watch/activity.ts";
import { activityIn } from "../../src/watch/read.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { hmac, insertConnections, memoryLog, post, secrets, startTestService } from "../support/service.ts";
import { startSteamStub } from "../support/steam-stub.ts";

/* Several services on one database, and one whose answers get lost, count everything once. */

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate accepted_requests, refused_requests, hourly_counts, replicas, turns`;
});

const noCalls = { answer: 0, passing: 0, nonsense: 0, forbidden: 0, player: 0 };

function create({
  database = db.database,
  ended = { ...noCalls },
}: Partial<{ database: Pick<Database, "run">; ended: typeof noCalls }> = {}) {
  const shared: Parameters<ActivityDeps["steam"]["share"]>[0][] = [];
  const activity = createActivity({
    database,
    steam: { ended: () => ended, share: (one) => void shared.push(one) },
    log: memoryLog().log,
  });
  const record = (path: string, end: "accepted" | Refusal = "accepted") =>
    activity.record(
      "battlemetrics",
      {
        method: "POST",
        path: "",
        search: () => "",
        headers: {},
        remoteAddress: () => "",
        param: path,
        body: async () => Buffer.alloc(0),
        facts: { connection: `battlemetrics/${path}` },
      },
      end,
      1,
    );
  return { activity, record, shared };
}

test("notes whose answer was lost, and that are written again, count once", async () => {
  const { activity, record } = create({
    database: { run: (statement) => db.database.run((sql) => statement(sql).then(() => statement(sql))) },
  });
  for (let count = 0; count < 50; count += 1) record("bm");
  for (let count = 0; count < 7; count += 1) record("bm", new Refusal("bad-signature"));
  await activity.flush();
  record("bm");
  await activity.flush();
  await activity.stop();
  const [summary] = await activityIn(db.database).summaries();
  assert.deepEqual([summary?.accepted, summary?.refused, summary?.badSignatures], [51, 7, 0]);
  assert.equal((await activityIn(db.database).accepted("battlemetrics", "bm")).length, 51);
  const [refused] = await activityIn(db.database).refused("battlemetrics", "bm");
  assert.equal(refused?.count, 7);
});

test("calls to Steam are counted once though nobody heard that they were, and are not lost when they were not", async () => {
  let fate: "heard" | "lost answer" | "away" = "heard";
  const ended = { ...noCalls };
  const { activity } = create({
    ended,
    database: {
      run: async (statement) => {
        if (fate === "away") throw new Refusal("database-away");
        const result = await db.database.run(statement);
        if (fate === "lost answer") throw new Refusal("database-away");
        return result;
      },
    },
  });
  for (fate of ["heard", "lost answer", "lost answer", "away", "lost answer", "away", "away", "heard"] as const) {
    ended.answer += 10;
    await activity.flush();
  }
  assert.equal(await activityIn(db.database).steamCallsToday(), 80);
  await activity.stop();
});

test("two services that write the same rows, seen in opposite orders, do not deadlock", async (t) => {
  const paths = Array.from({ length: 60 }, (_, index) => `bm-${index}`);
  await insertConnections(
    db,
    paths.map((path) => ({ kind: "battlemetrics", path, secret: "secret", enabled: true, fixedGameId: null })),
  );
  const databases = [connect(db.address, memoryLog().log), connect(db.address, memoryLog().log)];
  t.after(() => Promise.all(databases.map((database) => database.close())));
  const both = databases.map((database) => create({ database: database.aside }));
  for (let round = 0; round < 20; round += 1) {
    for (const [index, { record }] of both.entries())
      for (const path of index === 0 ? paths : paths.toReversed()) {
        record(path);
        record(path, new Refusal("bad-signature"));
      }
    await Promise.all(both.map(({ activity }) => activity.flush()));
  }
  for (const database of databases) assert.deepEqual(database.status().failures, noFailures);
  const summaries = await activityIn(db.database).summaries();
  assert.ok(paths.every((path) => summaries.find((one) => one.path === path)?.accepted === 40));
  for (const { activity } of both) await activity.stop();
});

const noFailures = { timeout: 0, connection: 0, refused: 0, statement: 0 };

test("services hear of each other's calls to Steam and of how many they are, until one has stopped", async () => {
  const [one, other] = [create({ ended: { ...noCalls } }), create({ ended: { ...noCalls } })];
  const ended = { ...noCalls };
  const third = create({ ended });
  ended.answer = 30;
  await third.activity.flush();
  await one.activity.flush();
  await other.activity.flush();
  assert.deepEqual(other.shared.at(-1), {
    day: new Date().toISOString().slice(0, 10),
    steamCallsToday: 30,
    replicas: 3,
  });
  await third.activity.stop();
  await one.activity.flush();
  assert.equal(one.shared.at(-1)?.replicas, 2);
  await one.activity.stop();
  await other.activity.stop();
});

test("what other services have asked of Steam counts against the day's calls, and the calls a second are shared", async () => {
  const clock = { ms: 0 };
  const day = new Date(Date.UTC(2026, 0, 2));
  const gate = createGate({
    callsPerSecond: 10,
    callsPerDay: 100,
    callsAtOnce: 1_000,
    now: () => day,
    log: memoryLog().log,
    clockMs: () => clock.ms,
  });
  const entered: boolean[] = [];
  const enter = (count: number) => {
    for (let index = 0; index < count; index += 1)
      void gate.enter({ refresh: false, dropAtMs: 60_000 }).then((may) => entered.push(may));
  };
  const ended = () => gate.status().ended;
  enter(5);
  await sleep(1);
  for (let count = 0; count < 3; count += 1) gate.leave({ kind: "answer" });
  // Three of ours are among the 40; two are under way yet.
  gate.share({ day: "2026-01-02", steamCallsToday: 40, replicas: 2 }, ended());
  assert.equal(gate.status().callsToday, 42);
  // Of another day, by a clock that differs: it says nothing of this one.
  gate.share({ day: "2026-01-01", steamCallsToday: 9, replicas: 2 }, ended());
  assert.equal(gate.status().callsToday, 42);
  // Half of the burst of 40, then half of 10 a second.
  enter(30);
  await sleep(1);
  assert.equal(entered.length, 25);
  clock.ms = 1_000;
  enter(1);
  await sleep(1);
  assert.equal(entered.length, 30);
  gate.share({ day: "2026-01-02", steamCallsToday: 100, replicas: 2 }, ended());
  assert.equal(await gate.enter({ refresh: false, dropAtMs: 60_000 }), false);
});

test("without the panel the day's calls to Steam survive a restart, and an old secret is erased", async (t) => {
  const own = await createTestDatabase();
  t.after(own.drop);
  await insertConnections(own);
  const steam = await startSteamStub({ owned: { games: [{ appid: 1, playtime_forever: 5 }] } });
  t.after(steam.stop);
  await own.sql`update connections set old_secret = 'old', old_secret_until = now() - interval '1 minute'`;
  const token = "a-token-of-more-than-thirty-two-characters";
  const config = {
    ADMIN: { ENABLED: false },
    STEAM: { KEY: "a-key", API_URL: steam.url },
    METRICS: { TOKEN: token },
  };
  const start = () => startTestService(own, { config });
  const callsToday = async ({ url }: { url: string }) => {
    const page = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    return Number(/^playtime_steam_calls_today (\d+)$/m.exec(await page.text())?.[1]);
  };
  let service = await start();
  const question = JSON.stringify({ steam_ids: ["76561198000000001", "76561198000000002"], game_id: 1 });
  const { status } = await post(`${service.url}/get-playtime/plugin/`, question, {
    "x-signature": hmac(secrets.script, question),
  });
  assert.deepEqual([status, await callsToday(service)], [200, 2]);
  assert.equal((await fetch(`${service.url}/admin/`)).status, 404);
  await service.stop();
  assert.equal((await own.sql`select from connections where old_secret is not null`).length, 0);
  // Nobody sees them: they are not kept.
  assert.equal((await own.sql`select from accepted_requests`).length, 0);
  service = await start();
  assert.equal(await callsToday(service), 2);
  await service.stop();
});
