import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Summary } from "../src/activity.ts";
import type { Connection } from "../src/connections.ts";
import { histogramHours, hoursOf, isEmbedded, statisticsIn, warningsOf } from "../src/statistics.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { testConfig } from "./support/service.ts";

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

test("the last 24 hours have their counts, whether anything came or not", () => {
  const now = new Date("2026-01-02T03:59:59Z");
  const count = (hour: string, kind: "script" | "battlemetrics" | "steam", outcome: string, count: number) => ({
    hour: `2026-01-0${hour}:00:00.000Z`,
    kind,
    outcome,
    count,
  });
  const hours = hoursOf(
    "script",
    [
      count("1T03", "script", "accepted", 99),
      count("1T04", "script", "accepted", 1),
      count("2T03", "script", "accepted", 2),
      count("2T03", "script", "refused", 3),
      count("2T03", "battlemetrics", "accepted", 77),
      count("2T03", "steam", "answer", 77),
    ],
    now,
  );
  assert.equal(hours.length, 24);
  assert.deepEqual(hours[0], { accepted: 1, ignored: 0, refused: 0 });
  assert.deepEqual(hours[23], { accepted: 2, ignored: 0, refused: 3 });
  assert.equal(hours.filter(({ accepted }) => accepted > 0).length, 2);
});

test("warnings say what is not as it should be, and nothing when all is well", async () => {
  const config = await testConfig({ STEAM: { KEY: "key" } });
  const now = new Date("2026-01-02T12:00:00Z");
  const bm: Connection = {
    kind: "battlemetrics",
    path: "bm",
    secret: "s",
    enabled: true,
    fixedGameId: null,
    oldSecret: null,
    oldSecretUntil: null,
    createdAt: "",
    updatedAt: "",
  };
  const steam = { breaker: "closed", reason: "" };
  const summary: Summary = {
    kind: "battlemetrics",
    path: "bm",
    acceptedAt: "2026-01-02T11:00:00.000Z",
    refusedAt: null,
    refusedCode: null,
    refusedReason: null,
    accepted: 5,
    ignored: 0,
    refused: 0,
    badSignatures: 0,
  };
  const codes = (known: Partial<Parameters<typeof warningsOf>[0]>) =>
    warningsOf({ config, connections: [bm], summaries: [summary], steam, now, ...known }).map(({ code }) => code);
  assert.deepEqual(codes({}), []);
  assert.deepEqual(codes({ connections: [] }), ["no-connection"]);
  assert.deepEqual(codes({ config: await testConfig({ HMAC: { ENABLE: false } }) }), ["hmac-off", "no-steam-key"]);
  assert.deepEqual(codes({ steam: { breaker: "open", reason: "status 403" } }), ["steam-fails"]);
  assert.deepEqual(codes({ connections: [{ ...bm, secret: null }] }), ["no-secret"]);
  const silent = { ...summary, acceptedAt: "2026-01-01T11:59:00.000Z" };
  assert.deepEqual(codes({ summaries: [silent] }), ["silent"]);
  assert.deepEqual(codes({ summaries: [silent], connections: [{ ...bm, enabled: false }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...silent, acceptedAt: null }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...summary, badSignatures: 2 }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...summary, badSignatures: 3 }] }), ["bad-signatures"]);
  const stale = { ...summary, refusedAt: "2026-01-02T11:30:00.000Z", refusedCode: "stale-timestamp" };
  assert.deepEqual(codes({ summaries: [stale] }), ["stale-timestamps"]);
  assert.deepEqual(codes({ summaries: [{ ...stale, acceptedAt: "2026-01-02T11:31:00.000Z" }] }), []);
});

test("the database is our own unless a server is named", async () => {
  const config = await testConfig();
  assert.equal(isEmbedded(config), true);
  assert.equal(isEmbedded({ ...config, databaseUrl: "postgres://there/" }), false);
  assert.equal(isEmbedded({ ...config, POSTGRES: { ...config.POSTGRES, HOST: "db" } }), false);
});
