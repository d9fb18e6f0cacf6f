import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { GateStatus } from "../../src/steam-gate.ts";
import { conditionsIn, isNearlyFull } from "../../src/watch/conditions.ts";
import { type State, stateOf } from "../../src/watch/health.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { deliverySignature, post, secrets, startTestService, type TestService } from "../support/service.ts";

let db: TestDatabase;
let service: TestService;

before(async () => {
  db = await createTestDatabase();
  await db.sql`
    insert into connections (kind, path, secret, enabled) values ('battlemetrics', 'bm', ${secrets.battlemetrics}, true)`;
  service = await startTestService(db);
});
after(async () => {
  await service.stop();
  await db.drop();
});
beforeEach(async () => {
  await db.sql`truncate accepted_requests, refused_requests, refused_in_a_row, hourly_counts`;
  await db.sql`update connections set enabled = true, expect_hours = 24, is_paused = false`;
});

const idle: GateStatus = {
  breaker: "closed",
  ended: { answer: 0, passing: 0, nonsense: 0, forbidden: 0, player: 0 },
  dropped: 0,
  waiting: 0,
  callsToday: 0,
  callsPerDay: 100,
  answeredAt: undefined,
  reason: "",
  isForbidden: false,
};

const conditions = (more: Partial<Parameters<typeof conditionsIn>[0]> = {}) =>
  conditionsIn({
    database: db.database.aside,
    steam: () => idle,
    backupProblem: () => undefined,
    dataDir: "no-such-folder",
    now: () => new Date(),
    ...more,
  });

const body = '{"steam_id":"76561198000000001","playtime":"60","game_id":1}';
const deliver = (secret = secrets.battlemetrics) =>
  post(`${service.url}/set-playtime/bm/bm/`, body, { "x-signature": deliverySignature(secret, body) });

/** Until the notes of the requests are written. */
async function noted<T>(what: string, read: () => Promise<T[]>): Promise<T[]> {
  for (const untilMs = performance.now() + 15_000; ; ) {
    const found = await read();
    if (found.length > 0) return found;
    assert.ok(performance.now() < untilMs, `not within 15 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("three refusals in a row are told with their reason, and the next accepted delivery ends that", async () => {
  const now = conditions();
  for (let count = 0; count < 2; count += 1) await deliver("wrong-secret-0123456789");
  await noted("two refusals", () => db.sql`select from refused_in_a_row where count = 2`);
  assert.deepEqual(await now(), []);
  await deliver("wrong-secret-0123456789");
  assert.deepEqual(await noted("a condition", now), [
    { cause: "refusing", connection: "battlemetrics/bm", code: "bad-signature" },
  ]);
  assert.equal((await deliver()).status, 200);
  await noted("an accepted delivery", () => db.sql`select from refused_in_a_row where count = 0`);
  assert.deepEqual(await now(), []);
  for (let count = 0; count < 2; count += 1) await deliver("wrong-secret-0123456789");
  await noted("two refusals", () => db.sql`select from refused_in_a_row where count = 2`);
  assert.deepEqual(await now(), []);
});

test("a webhook is late after its own hours; one that never had a delivery, or is off or paused, is not", async () => {
  const now = conditions();
  assert.deepEqual(await now(), []);
  await db.sql`
    insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms)
    values ('battlemetrics', 'bm', now() - interval '25 hours 10 minutes', false, 1, 1)`;
  assert.deepEqual(await now(), [{ cause: "late", connection: "battlemetrics/bm", hours: 25 }]);
  for (const change of [
    db.sql`update connections set expect_hours = 26`,
    db.sql`update connections set expect_hours = null`,
    db.sql`update connections set expect_hours = 1, is_paused = true`,
    db.sql`update connections set is_paused = false, enabled = false`,
  ]) {
    await change;
    assert.deepEqual(await now(), []);
  }
});

test("Steam is told as away after 15 minutes, and a refused key at once", async () => {
  let nowMs = 0;
  let steam: Partial<GateStatus> = { breaker: "open", reason: "429" };
  const now = conditions({ steam: () => ({ ...idle, ...steam }), nowMs: () => nowMs });
  assert.deepEqual(await now(), []);
  nowMs = 15 * 60_000 - 1;
  assert.deepEqual(await now(), []);
  nowMs += 1;
  assert.deepEqual(await now(), [{ cause: "steam-away", connection: "" }]);
  steam = {};
  assert.deepEqual(await now(), []);
  steam = { breaker: "probing" };
  assert.deepEqual(await now(), []);
  steam = { breaker: "open", isForbidden: true };
  assert.deepEqual(await now(), [{ cause: "steam-key-refused", connection: "" }]);
});

test("a backup that failed is told with its reason", async () => {
  const now = conditions({ backupProblem: () => "too little room on the disk" });
  assert.deepEqual(await now(), [{ cause: "backup-failed", connection: "", reason: "too little room on the disk" }]);
});

test("a disk is nearly full below 200 MB, 5 % or 2 GB, whichever fits its size", () => {
  const disk = (gigabytes: number, freeMegabytes: number) =>
    isNearlyFull({ bsize: 4_096, blocks: gigabytes * 262_144, bavail: freeMegabytes * 256 });
  assert.deepEqual([disk(1, 199), disk(1, 201)], [true, false]);
  assert.deepEqual([disk(10, 511), disk(10, 513)], [true, false]);
  assert.deepEqual([disk(1_000, 2_047), disk(1_000, 2_049)], [true, false]);
});

test("each connection has one state, the worst that is true", () => {
  const now = new Date("2026-01-10T12:00:00Z");
  const usual = { kind: "battlemetrics", enabled: true, secret: "x", isPaused: false, expectHours: 24 } as const;
  const hoursAgo = (hours: number) => ({
    acceptedAt: new Date(now.getTime() - hours * 3_600_000).toISOString(),
    refusedInARow: 0,
  });
  const cases: [State, Parameters<typeof stateOf>[0], Parameters<typeof stateOf>[1]][] = [
    ["waiting", usual, { acceptedAt: null, refusedInARow: 2 }],
    ["refusing", usual, { acceptedAt: null, refusedInARow: 3 }],
    ["refusing", usual, { ...hoursAgo(0), refusedInARow: 3 }],
    ["up", usual, { ...hoursAgo(23.9), refusedInARow: 2 }],
    ["late", usual, hoursAgo(24)],
    ["up", { ...usual, expectHours: null }, hoursAgo(10_000)],
    ["up", { ...usual, kind: "script" }, hoursAgo(10_000)],
    ["up", usual, hoursAgo(-300)],
    ["no-secret", { ...usual, secret: null }, { ...hoursAgo(0), refusedInARow: 9 }],
    ["paused", { ...usual, isPaused: true }, hoursAgo(100)],
    ["off", { ...usual, enabled: false, secret: null }, hoursAgo(100)],
  ];
  for (const [state, connection, requests] of cases)
    assert.equal(stateOf(connection, requests, now), state, JSON.stringify([connection, requests]));
});
