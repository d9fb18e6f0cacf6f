import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import {
  deliverySignature,
  hmac,
  insertConnections,
  post,
  secrets,
  startTestService,
  type TestService,
  usualConnections,
} from "./support/service.ts";

const player = "76561198012345678";
const squad = 393_380;
const nowMs = Date.UTC(2026, 0, 2, 12, 0, 0);

let db: TestDatabase;
let service: TestService;

before(async () => {
  db = await createTestDatabase();
  await insertConnections(db, [
    ...usualConnections,
    { kind: "battlemetrics", path: "fixed", secret: secrets.battlemetrics, enabled: true, fixedGameId: squad },
    { kind: "battlemetrics", path: "off", secret: secrets.battlemetrics, enabled: false, fixedGameId: null },
    { kind: "battlemetrics", path: "bare", secret: null, enabled: true, fixedGameId: null },
  ]);
  service = await startTestService(db, { now: () => new Date(nowMs) });
});
after(async () => {
  await service.stop();
  await db.drop();
});
beforeEach(async () => {
  await db.sql`truncate playtimes`;
  service.lines.length = 0;
});

type Sent = { path?: string; secret?: string; signedAt?: string; signature?: string; headers?: Record<string, string> };

function deliver(
  body: unknown,
  { path = "/set-playtime/bm/bm/", secret = secrets.battlemetrics, signedAt, signature, headers = {} }: Sent = {},
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const timestamp = signedAt ?? new Date(nowMs).toISOString();
  return post(`${service.url}${path}`, text, {
    "x-signature": signature ?? deliverySignature(secret, text, timestamp),
    ...headers,
  });
}

const delivery = { steam_id: player, playtime: "7200", game_id: squad };

async function stored() {
  return [
    ...(await db.sql<
      { id: string; game: number; seconds: number; signed: string }[]
    >`select steam_id::text as id, game_id as game, bm_seconds as seconds, bm_signed_at as signed from playtimes`),
  ];
}

test("a delivery is stored with its signed time and answered 200 with an empty body", async () => {
  const answer = await deliver(delivery);
  assert.deepEqual([answer.status, answer.text], [200, ""]);
  assert.deepEqual(await stored(), [{ id: player, game: squad, seconds: 7200, signed: new Date(nowMs).toISOString() }]);
});

test("an accepted delivery writes no log line at the default level", async () => {
  await deliver(delivery);
  assert.deepEqual(
    service.lines.filter(({ level }) => level !== "debug"),
    [],
  );
});

test("a Steam ID written as a number keeps all its digits", async () => {
  await deliver('{"steam_id": 76561198012345679, "playtime": 7200.0, "game_id": "393380"}');
  assert.equal((await stored())[0]?.id, "76561198012345679");
});

test("the time on the organisation's servers is stored beside, and may be missing, empty or unknown", async () => {
  const org = async () => (await db.sql<{ org: number | null }[]>`select org_seconds as org from playtimes`)[0]?.org;
  for (const org_playtime of [undefined, "", null, "undefined", " null "]) {
    assert.equal((await deliver({ ...delivery, org_playtime })).status, 200);
    assert.equal(await org(), null);
  }
  await deliver({ ...delivery, playtime: "7201", org_playtime: "3600.0" });
  assert.equal(await org(), 3_600);
  await deliver({ ...delivery, playtime: "7202", org_playtime: 3_601 });
  assert.equal(await org(), 3_601);
  await deliver({ ...delivery, playtime: "7203" });
  assert.equal(await org(), 3_601);
});

test("a time on the organisation's servers that is no number is 400, and nothing is stored", async () => {
  for (const org_playtime of ["12.5", -1, "x", true, [], {}, 2 ** 31, "{{player.org.timePlayed}}"]) {
    const answer = await deliver({ ...delivery, org_playtime });
    assert.deepEqual([answer.status, answer.json.code], [400, "malformed"], String(org_playtime));
    assert.match(answer.json.detail, /org_playtime must be a whole number from 0 to 2147483647/);
  }
  assert.deepEqual(await stored(), []);
});

test("a byte order mark before the JSON is skipped, and the signed time may have any form of zone", async () => {
  for (const [index, signedAt] of [
    "2026-01-02T14:59:00+0300",
    "2026-01-02T14:59:01+03",
    "2026-01-02T11:59:02Z",
  ].entries()) {
    assert.equal(
      (await deliver(`\ufeff${JSON.stringify({ ...delivery, playtime: index })}`, { signedAt })).status,
      200,
    );
    assert.equal((await stored())[0]?.signed, `2026-01-02T11:59:0${index}.000Z`);
  }
});

test("both forms of the address are served, in any case, with a query string, and percent-encoded", async () => {
  for (const path of [
    "/set-playtime/bm/bm",
    "/set-playtime/bm/BM/",
    "/set-playtime/bm/%62m/?x=1",
    "/set-playtime/bm/bm?x=/",
  ])
    assert.equal((await deliver(delivery, { path })).status, 200, path);
});

test("a fixed game id wins, and then the field may be missing or wrong", async () => {
  const path = "/set-playtime/bm/fixed/";
  for (const game_id of [440, "x", null, undefined])
    assert.equal((await deliver({ ...delivery, game_id }, { path })).status, 200);
  assert.deepEqual(
    (await stored()).map(({ game }) => game),
    [squad],
  );
});

test("an unknown path is 404, another kind's path too, and a switched-off connection 403", async () => {
  for (const path of [
    "/set-playtime/bm/nobody/",
    "/set-playtime/bm/plugin/",
    "/set-playtime/bm/%/",
    "/set-playtime/bm/a%2Fb/",
  ]) {
    const answer = await deliver(delivery, { path });
    assert.deepEqual([answer.status, answer.json.code], [404, "unknown-path"], path);
  }
  const off = await deliver(delivery, { path: "/set-playtime/bm/off/", signature: "none" });
  assert.deepEqual([off.status, off.json.code], [403, "disabled-connection"]);
});

test("a wrong signature is 401 before anything of the body is read", async () => {
  const wrong: Sent[] = [
    { secret: "another-secret-012345" },
    { signature: "" },
    { signature: hmac(secrets.battlemetrics, JSON.stringify(delivery)) },
    { signature: `t=${new Date(nowMs).toISOString()}` },
    { signature: `t=${new Date(nowMs).toISOString()},s=${"0".repeat(64)}` },
    { secret: "" },
  ];
  for (const sent of wrong) {
    assert.equal((await deliver(delivery, sent)).status, 401);
    assert.equal((await deliver("{not json", sent)).status, 401);
  }
  assert.equal((await post(`${service.url}/set-playtime/bm/bm/`, JSON.stringify(delivery))).json.code, "no-signature");
  assert.deepEqual(await stored(), []);
});

test("a connection without a secret answers 401, and the log says what is missing", async () => {
  const answer = await deliver(delivery, { path: "/set-playtime/bm/bare/" });
  assert.deepEqual([answer.status, answer.json.code], [401, "no-secret"]);
  assert.match(service.logText(), /battlemetrics\/bare.*no secret/);
});

test("the signed time may lie 300 seconds from our clock on either side, and no more", async () => {
  const signedAt = (offsetSeconds: number) => new Date(nowMs + offsetSeconds * 1000).toISOString();
  for (const offset of [-300, -299.9, 0, 300])
    assert.equal((await deliver(delivery, { signedAt: signedAt(offset) })).status, 200, String(offset));
  for (const offset of [-300.1, 300.1, -86_400, 31_536_000]) {
    const answer = await deliver(delivery, { signedAt: signedAt(offset) });
    assert.deepEqual([answer.status, answer.json.code], [401, "stale-timestamp"], String(offset));
  }
});

test("the words on a stale time give both clocks and the difference", async () => {
  const answer = await deliver(delivery, { signedAt: "2026-01-02T11:54:59.000Z" });
  assert.equal(
    answer.json.detail,
    "The signed time 2026-01-02T11:54:59.000Z is 301.0 seconds old by this server's clock, 2026-01-02T12:00:00.000Z; 300 seconds are allowed. Check that both clocks are right.",
  );
});

test("the signature is judged before the time, and a time without a zone is refused", async () => {
  assert.equal(
    (await deliver(delivery, { signedAt: "2000-01-01T00:00:00Z", secret: "another-secret-012345" })).json.code,
    "bad-signature",
  );
  const answer = await deliver(delivery, { signedAt: "2026-01-02T12:00:00" });
  assert.deepEqual([answer.status, answer.json.code], [401, "bad-timestamp"]);
});

test("a time signed ahead of our clock does not outrank the next delivery", async () => {
  await deliver({ ...delivery, playtime: 100 }, { signedAt: new Date(nowMs + 200_000).toISOString() });
  assert.deepEqual((await stored())[0]?.signed, new Date(nowMs).toISOString());
  await deliver({ ...delivery, playtime: 200 });
  assert.equal((await stored())[0]?.seconds, 200);
});

test("an older or repeated delivery is 200 and changes nothing", async () => {
  await deliver(delivery);
  assert.equal((await deliver(delivery)).status, 200);
  assert.equal(
    (await deliver({ ...delivery, playtime: 9_999 }, { signedAt: new Date(nowMs - 1000).toISOString() })).status,
    200,
  );
  assert.equal((await stored())[0]?.seconds, 7200);
});

test("a player whom BattleMetrics does not know is 200 with the reason, and nothing is stored", async () => {
  for (const nothing of ["", null, "null", "undefined", " "]) {
    assert.match((await deliver({ ...delivery, steam_id: nothing })).json.ignored, /steam_id is empty/);
    assert.match((await deliver({ ...delivery, playtime: nothing })).json.ignored, /playtime is empty/);
  }
  assert.deepEqual(await stored(), []);
});

test("a wrong template is 400 and names the field, also when the player is unknown", async () => {
  const wrong: [unknown, RegExp][] = [
    [{ ...delivery, steam_id: undefined }, /^steam_id must be in the body/],
    [{ ...delivery, playtime: undefined }, /^playtime must be in the body/],
    [{ ...delivery, game_id: undefined }, /^game_id must be a whole number/],
    [{ ...delivery, steam_id: "{{player.steamID}}" }, /^steam_id must be a SteamID64/],
    [{ ...delivery, steam_id: "", game_id: "Squad" }, /^game_id must be/],
    [{ ...delivery, playtime: "1.5" }, /^playtime must be a whole number from 0 to 2147483647/],
    [{ ...delivery, playtime: -1 }, /^playtime/],
    [{ ...delivery, playtime: 2_147_483_648 }, /^playtime/],
    ["{nope", /^the body must be JSON/],
    ["[]", /^the body must be a JSON object/],
    ["", /^the body must be JSON/],
  ];
  for (const [body, words] of wrong) {
    const answer = await deliver(body);
    assert.deepEqual([answer.status, answer.json.code], [400, "malformed"]);
    assert.match(answer.json.detail, words);
  }
  assert.deepEqual(await stored(), []);
});

test("a refusal is logged with its connection, code and X-Request-ID, without secret, signature or body", async () => {
  const body = JSON.stringify({ ...delivery, note: "body-text-planted" });
  const signature = deliverySignature("another-secret-012345", body, new Date(nowMs).toISOString());
  await deliver(body, { path: "/set-playtime/bm/fixed/", signature, headers: { "x-request-id": "req-1 (ok)" } });
  const { time: _, ...line } = service.lines.find(({ level }) => level === "warn") ?? {};
  assert.deepEqual(
    { ...line, detail: undefined },
    {
      level: "warn",
      message: "refused",
      connection: "battlemetrics/fixed",
      code: "bad-signature",
      requestId: "req-1 (ok)",
      detail: undefined,
    },
  );
  for (const planted of [secrets.battlemetrics, "body-text-planted", signature.split("s=")[1] ?? "", player])
    assert.ok(!service.logText().includes(planted), planted);
});

test("an X-Request-ID that is not up to 64 printable ASCII characters is dropped", async () => {
  for (const requestId of ["x".repeat(65), "é", ""])
    await deliver(delivery, { signature: "bad", headers: { "x-request-id": requestId } });
  assert.equal(service.lines.length, 3);
  assert.ok(service.lines.every((line) => !("requestId" in line)));
});

test("with HMAC.ENABLE = false signatures are not looked at, and the time of arrival is the signed time", async () => {
  const open = await startTestService(db, { now: () => new Date(nowMs), config: { HMAC: { ENABLE: false } } });
  try {
    assert.equal((await post(`${open.url}/set-playtime/bm/bare/`, JSON.stringify(delivery))).status, 200);
    assert.deepEqual((await stored())[0]?.signed, new Date(nowMs).toISOString());
  } finally {
    await open.stop();
  }
});
