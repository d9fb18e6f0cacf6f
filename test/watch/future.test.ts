import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { signInsIn } from "../../src/admin/sessions.ts";
import { connectionsIn } from "../../src/connections/connections.ts";
import { takeTurn } from "../../src/database/turns.ts";
import type { SteamId } from "../../src/parse.ts";
import { playtimesIn } from "../../src/players/playtimes.ts";
import { lookForFuture, mendFuture } from "../../src/watch/future.ts";
import { activityIn } from "../../src/watch/read.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createBrowser, panelPassword } from "../support/panel.ts";
import {
  deliverySignature,
  hmac,
  insertConnections,
  memoryLog,
  post,
  secrets,
  startTestService,
} from "../support/service.ts";
import { startSteamStub } from "../support/steam-stub.ts";

/** What a clock that was 300 days ahead left behind, once it is right again. Rows are stamped by the database: so are these. */
const id = "76561198000000001" as SteamId;

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate connections, playtimes, playtime_days, sessions, panel_settings, hourly_counts, wrong_guesses, turns`;
});

const ahead = () => db.sql`
  insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, seen_at, created_at, updated_at)
  select ${id}, 393380, 100, 'ok', at, 200, at, at, at, at from (select now() + interval '300 days' as at) as clock`;
const row = async () =>
  (
    await db.sql<{ steam: number; bm: number; status: string; isNow: boolean }[]>`
      select steam_seconds as steam, bm_seconds as bm, steam_status as status,
        greatest(steam_checked_at, bm_signed_at, updated_at) <= now() + interval '1 minute' as "isNow" from playtimes`
  )[0];

describe("after a clock that was ahead", () => {
  test("a delivery counts, and then the usual order", async () => {
    await insertConnections(db);
    await ahead();
    const service = await startTestService(db);
    try {
      const deliver = (playtime: number, signedAt: Date) => {
        const body = JSON.stringify({ steam_id: id, playtime, game_id: 393380 });
        const signature = deliverySignature(secrets.battlemetrics, body, signedAt.toISOString());
        return post(`${service.url}/set-playtime/bm/bm/`, body, { "x-signature": signature });
      };
      const nowMs = Date.now();
      assert.equal((await deliver(300, new Date(nowMs - 60_000))).status, 200);
      assert.deepEqual([(await row())?.bm, (await row())?.steam], [300, 100]);
      await deliver(250, new Date(nowMs - 120_000));
      assert.equal((await row())?.bm, 300);
      await deliver(400, new Date(nowMs));
      assert.equal((await row())?.bm, 400);
    } finally {
      await service.stop();
    }
  });

  test("Steam's answer is stored, and private profiles are asked about again", async () => {
    await insertConnections(db);
    await ahead();
    await db.sql`update playtimes set steam_status = 'private', steam_seconds = null`;
    const steam = await startSteamStub({ owned: { games: [{ appid: 393380, playtime_forever: 10 }] } });
    const service = await startTestService(db, { config: { STEAM: { KEY: "key", API_URL: steam.url } } });
    try {
      const body = JSON.stringify({ steam_ids: [id], game_id: 393380 });
      const ask = () =>
        post(`${service.url}/get-playtime/plugin/`, body, { "x-signature": hmac(secrets.script, body) });
      assert.equal((await ask()).json[0].steam_playtime, 600);
      const calls = steam.calls.length;
      assert.equal((await ask()).json[0].steam_status, "ok");
      assert.equal(steam.calls.length, calls);
      assert.deepEqual([(await row())?.steam, (await row())?.status], [600, "ok"]);
    } finally {
      await service.stop();
      await steam.stop();
    }
  });

  test("an answer of Steam that is older than another, but of a right clock, changes nothing", async () => {
    const playtimes = playtimesIn(db.database);
    const answer = (seconds: number, secondsAgo: number) =>
      playtimes.saveSteam({
        steamId: id,
        gameId: 1,
        seconds,
        status: "ok",
        checkedAt: new Date(Date.now() - secondsAgo * 1_000),
      });
    await answer(10, 0);
    await answer(20, 5);
    assert.equal((await row())?.steam, 10);
  });

  test("a session ends 12 hours after its next use, as any other", async () => {
    await signInsIn(db.database).setPassword(panelPassword);
    const service = await startTestService(db);
    try {
      const browser = createBrowser(service);
      await browser.signIn();
      await db.sql`update sessions set used_at = now() + interval '300 days', created_at = now() + interval '300 days'`;
      assert.equal((await browser.get("/admin/")).status, 200);
      const [session] = await db.sql`select greatest(used_at, created_at) <= now() as "isNow" from sessions`;
      assert.equal(session?.["isNow"], true);
      await db.sql`update sessions set used_at = now() - interval '13 hours'`;
      assert.equal((await browser.get("/admin/")).status, 303);
    } finally {
      await service.stop();
    }
  });

  test("an old secret is accepted for as long as was wanted, counted from now", async () => {
    await insertConnections(db);
    const key = { kind: "script", path: "plugin" } as const;
    await connectionsIn(db.database).setSecret(key, "a new secret of sixteen", { keepOldSeconds: 86_400 });
    await db.sql`
      update connections set updated_at = updated_at + interval '300 days', old_secret_until = old_secret_until + interval '300 days'
      where kind = 'script'`;
    await db.database.run(mendFuture);
    const [until] = await db.sql<{ hours: number }[]>`
      select round(extract(epoch from old_secret_until - now()) / 3600)::int as hours from connections where kind = 'script'`;
    assert.equal(until?.hours, 24);
    await db.sql`update connections set old_secret_until = now() + interval '300 days' where kind = 'script'`;
    await db.database.run(mendFuture);
    const [most] = await db.sql<{ days: number }[]>`
      select round(extract(epoch from old_secret_until - now()) / 86400)::int as days from connections where kind = 'script'`;
    assert.equal(most?.days, 30);
  });

  test("calls to Steam of that day use up nothing of today's", async () => {
    await db.sql`insert into hourly_counts (hour, kind, path, outcome, count) values
      (date_trunc('hour', now() + interval '300 days'), 'steam', '', 'ok', 90000), (date_trunc('hour', now()), 'steam', '', 'ok', 3)`;
    assert.equal(await activityIn(db.database).steamCallsToday(), 3);
    assert.equal((await activityIn(db.database).hourly(new Date(Date.now() - 86_400_000))).length, 1);
  });

  test("what one replica does at a time is done again", async () => {
    await db.sql`insert into turns (name, place, at) values ('backup', 'elsewhere', now() + interval '300 days')`;
    const take = (place: string) =>
      db.database.run((sql) => takeTurn(sql, { name: "backup", place, othersSeconds: 60 }));
    assert.equal(await take("here"), true);
    assert.equal(await take("there"), false);
  });

  test("a start says what it found, once, and nothing when all is as it should be", async () => {
    const first = memoryLog();
    await lookForFuture(db.database.aside, first.log);
    assert.deepEqual(first.lines, []);
    await ahead();
    await db.sql`insert into sessions (token_sha256, used_at) values ('x', now() + interval '300 days')`;
    const second = memoryLog();
    await lookForFuture(db.database.aside, second.log);
    const [said, ...more] = second.lines;
    assert.equal(more.length, 0);
    assert.match(String(said?.message), /clock .* was ahead once/);
    assert.deepEqual([said?.level, said?.["players"], said?.["sessions"]], ["warn", 1, 1]);
  });
});
