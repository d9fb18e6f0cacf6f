import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Refusal, type RefusalCode } from "../../src/http/refusal.ts";
import { createActivity } from "../../src/watch/activity.ts";
import { activityIn } from "../../src/watch/read.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import {
  deliverySignature,
  hmac,
  insertConnections,
  memoryLog,
  post,
  secrets,
  startTestService,
} from "../support/service.ts";

let db: TestDatabase;
const read = () => activityIn(db.database);

before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate accepted_requests, refused_requests, hourly_counts`;
});

function create({
  at = new Date(),
  steamEnded = { answer: 0, passing: 0, nonsense: 0, forbidden: 0, player: 0 },
} = {}) {
  const clock = { at };
  const activity = createActivity({
    database: db.database,
    steam: { ended: () => steamEnded, share: () => {} },
    log: memoryLog().log,
    now: () => clock.at,
  });
  const record = (
    end: "accepted" | "ignored" | "paused" | RefusalCode,
    { path = "bm", facts = {}, headers = {} } = {},
  ) =>
    activity.record(
      "battlemetrics",
      {
        method: "POST",
        path: "",
        search: () => "",
        headers,
        remoteAddress: () => "",
        param: path,
        body: async () => Buffer.alloc(0),
        facts: { connection: `battlemetrics/${path}`, ...facts },
      },
      end === "accepted" || end === "ignored" || end === "paused" ? end : new Refusal(end),
      1.5,
    );
  return { activity, record, clock };
}

test("what was accepted is told with its player, its duration and the caller's id, the newest first", async () => {
  const { activity, record, clock } = create({ at: new Date("2026-01-02T03:04:05.678Z") });
  record("accepted", { facts: { steamId: "76561198000000001" }, headers: { "x-request-id": "first" } });
  clock.at = new Date("2026-01-02T03:04:06.000Z");
  record("ignored", { headers: { "x-request-id": "x".repeat(65) } });
  record("accepted", { facts: { players: 12 } });
  await activity.flush();
  assert.deepEqual(
    [...(await read().accepted("battlemetrics", "bm"))],
    [
      {
        at: "2026-01-02T03:04:06.000Z",
        isIgnored: false,
        isPaused: false,
        steamId: null,
        players: 12,
        durationMs: 1.5,
        requestId: null,
      },
      {
        at: "2026-01-02T03:04:06.000Z",
        isIgnored: true,
        isPaused: false,
        steamId: null,
        players: 0,
        durationMs: 1.5,
        requestId: null,
      },
      {
        at: "2026-01-02T03:04:05.678Z",
        isIgnored: false,
        isPaused: false,
        steamId: "76561198000000001",
        players: 1,
        durationMs: 1.5,
        requestId: "first",
      },
    ],
  );
});

test("equal refusals within a minute are one line with a count, also over several writings", async () => {
  const { activity, record, clock } = create({ at: new Date("2026-01-02T03:04:05Z") });
  for (let count = 0; count < 3; count += 1) record("bad-signature");
  await activity.flush();
  clock.at = new Date("2026-01-02T03:04:59Z");
  record("bad-signature", { headers: { "x-request-id": "newest" } });
  record("no-signature");
  clock.at = new Date("2026-01-02T03:05:00Z");
  record("bad-signature");
  await activity.flush();
  const lines = await read().refused("battlemetrics", "bm");
  assert.deepEqual(
    lines.map(({ code, count, requestId, at }) => [code, count, requestId, at]),
    [
      ["bad-signature", 1, null, "2026-01-02T03:05:00.000Z"],
      ["bad-signature", 4, "newest", "2026-01-02T03:04:59.000Z"],
      ["no-signature", 1, null, "2026-01-02T03:04:59.000Z"],
    ],
  );
  assert.match(lines[0]?.reason ?? "", /Compare the secret/);
});

test("the newest 100 of each stay, and strangers cannot push accepted ones out", async () => {
  const { activity, record, clock } = create();
  for (let count = 0; count < 250; count += 1) record("accepted", { facts: { players: count } });
  for (let minute = 0; minute < 150; minute += 1) {
    clock.at = new Date(Date.UTC(2026, 0, 2) + minute * 60_000);
    record("bad-signature");
  }
  for (let count = 0; count < 10_000; count += 1) record("bad-signature");
  await activity.flush();
  const accepted = await read().accepted("battlemetrics", "bm");
  assert.deepEqual([accepted.length, accepted[0]?.players, accepted[99]?.players], [100, 249, 150]);
  assert.equal((await read().refused("battlemetrics", "bm")).length, 100);
  const rows = async () => [
    (await db.sql`select from accepted_requests`).length,
    (await db.sql`select from refused_requests`).length,
  ];
  assert.deepEqual(await rows(), [100, 100]);
  for (let round = 0; round < 3; round += 1) {
    record("accepted");
    await activity.flush();
  }
  const [own] = (await read().summaries()).filter(({ path }) => path === "bm");
  assert.deepEqual([own?.accepted, own?.refused], [253, 10_150]);
});

test("nothing stays of a connection that is gone, of days long past, and no secret whose time is over", async () => {
  await db.sql`
    insert into hourly_counts values
      (now() - interval '32 days', 'script', 'plugin', 'accepted', 5), (now() - interval '30 days', 'script', 'plugin', 'accepted', 6),
      (now(), 'script', 'gone', 'accepted', 7), (now(), 'script', '', 'refused', 8)`;
  await db.sql`update connections set old_secret = 'old', old_secret_until = now() - interval '1 minute' where path = 'plugin'`;
  const { activity, record } = create();
  record("accepted", { path: "gone" });
  record("bad-signature", { path: "gone" });
  record("unknown-path", { facts: { path: "some\u0000where\ud800" } });
  await activity.flush();
  assert.deepEqual(
    (await db.sql<{ count: number }[]>`select count::int from hourly_counts order by count`).map(({ count }) => count),
    [1, 6, 8],
  );
  assert.deepEqual(
    [(await read().accepted("battlemetrics", "gone")).length, (await read().refused("battlemetrics", "gone")).length],
    [0, 0],
  );
  // Which address it was is all that is known of a stranger.
  assert.equal((await read().refused("battlemetrics", ""))[0]?.reason, "some\ufffdwhere\ufffd");
  assert.equal((await db.sql`select from connections where old_secret is not null`).length, 0);
});

test("calls to Steam are counted by the day, and a new start goes on counting", async () => {
  const steamEnded = { answer: 3, passing: 1, nonsense: 0, forbidden: 0, player: 0 };
  const { activity, record } = create({ steamEnded });
  steamEnded.answer = 10;
  record("accepted");
  // Also when it is written by two at once, as when pages of the panel are opened.
  await Promise.all([activity.flush(), activity.flush()]);
  record("accepted");
  await activity.flush();
  assert.equal(await read().steamCallsToday(), 7);
});

test("while the database is away nothing is heaped up, and afterwards all goes on", async () => {
  let isAway = true;
  const activity = createActivity({
    database: {
      run: (statement) => (isAway ? Promise.reject(new Refusal("database-away")) : db.database.run(statement)),
    },
    steam: { ended: () => ({ answer: 0, passing: 0, nonsense: 0, forbidden: 0, player: 0 }), share: () => {} },
    log: memoryLog().log,
  });
  const call = {
    method: "",
    path: "",
    search: () => "",
    headers: {},
    remoteAddress: () => "",
    param: "",
    body: async () => Buffer.alloc(0),
    facts: { connection: "script/plugin" },
  };
  activity.record("script", call, "accepted", 1);
  await activity.flush();
  isAway = false;
  activity.record("script", call, "accepted", 1);
  await activity.stop();
  assert.equal((await read().accepted("script", "plugin")).length, 1);
});

test("a service notes what it is asked, by itself and before it stops, and never a secret, a signature or a body", async () => {
  const service = await startTestService(db);
  const delivery = JSON.stringify({
    steam_id: "76561198000000001",
    playtime: "60",
    game_id: 1,
    planted: "planted-body",
  });
  const url = `${service.url}/set-playtime/bm/bm/`;
  await post(url, delivery, {
    "x-signature": deliverySignature(secrets.battlemetrics, delivery),
    "x-request-id": "abc",
  });
  await post(url, delivery, { "x-signature": deliverySignature("planted-wrong-secret", delivery) });
  await post(url, "planted-body", { "x-signature": deliverySignature(secrets.battlemetrics, "planted-body") });
  const question = JSON.stringify({ steam_ids: ["76561198000000001"], game_id: 1 });
  await post(`${service.url}/get-playtime/plugin/`, question, { "x-signature": hmac(secrets.script, question) });
  await post(`${service.url}/get-playtime/elsewhere/`, question);
  await service.stop();
  const [delivered] = await read().accepted("battlemetrics", "bm");
  assert.deepEqual(
    [delivered?.steamId, delivered?.requestId, delivered?.isIgnored],
    ["76561198000000001", "abc", false],
  );
  assert.deepEqual((await read().refused("battlemetrics", "bm")).map(({ code }) => code).sort(), [
    "bad-signature",
    "malformed",
  ]);
  assert.equal((await read().accepted("script", "plugin")).length, 1);
  assert.equal((await read().refused("script", ""))[0]?.reason, "elsewhere");
  const noted = JSON.stringify([
    await db.sql`select * from accepted_requests`,
    await db.sql`select * from refused_requests`,
  ]);
  for (const planted of ["planted", secrets.battlemetrics, secrets.script, hmac(secrets.script, question)])
    assert.ok(!noted.includes(planted), planted);
  assert.doesNotMatch(noted, /[0-9a-f]{64}/);
});
