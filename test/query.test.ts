import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { eventually } from "./support/eventually.ts";
import {
  hmac,
  insertConnections,
  post,
  secrets,
  startTestService,
  type TestService,
  usualConnections,
} from "./support/service.ts";
import { type SteamStub, startSteamStub } from "./support/steam-stub.ts";

const squad = 393_380;
const player = (number: number) => String(76561198000000000n + BigInt(number));
const owned = (minutes: number) => ({ games: [{ appid: squad, playtime_forever: minutes }] });

let db: TestDatabase;
let steam: SteamStub;
let service: TestService;
let nowMs: number;

before(async () => {
  [db, steam] = await Promise.all([createTestDatabase(), startSteamStub()]);
  await insertConnections(db, [
    ...usualConnections,
    { kind: "script", path: "fixed", secret: secrets.script, enabled: true, fixedGameId: squad },
  ]);
});
after(async () => {
  await steam.stop();
  await db.drop();
});
beforeEach(async () => {
  await db.sql`truncate playtimes`;
  nowMs = Date.now();
  steam.calls.length = 0;
  steam.states = {};
  service = await start();
});
afterEach(() => service.stop());

function start(changes: Parameters<typeof startTestService>[1] = {}) {
  return startTestService(db, {
    now: () => new Date(nowMs),
    ...changes,
    config: { STEAM: { KEY: "key", API_URL: steam.url, CALLS_PER_SECOND: 1000, ...changes.config?.STEAM } },
  });
}

async function ask(
  body: unknown,
  { path = "/get-playtime/plugin/", secret = secrets.script, to = service, headers = {} } = {},
) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return post(`${to.url}${path}`, text, { "x-signature": hmac(secret, text), ...headers });
}

const aboutPlayer = (...numbers: number[]) => ({ steam_ids: numbers.map(player), game_id: squad });

const store = (number: number, row: Record<string, string | number | Date | null> = {}) =>
  db.sql`insert into playtimes ${db.sql({ steam_id: player(number), game_id: squad, ...row })}`;

test("a stored player is answered with the five fields that clients read, and the status; Steam is not asked", async () => {
  const created = "2026-01-02T03:04:05.678Z";
  await store(1, {
    steam_seconds: 360_000,
    steam_status: "ok",
    bm_seconds: 7200,
    created_at: created,
    updated_at: created,
  });
  const answer = await ask(aboutPlayer(1));
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  assert.deepEqual(answer.json, [
    {
      steam_id: player(1),
      steam_playtime: 360_000,
      bm_playtime: 7200,
      created_at: created,
      updated_at: created,
      steam_status: "ok",
    },
  ]);
  assert.deepEqual(steam.calls, []);
});

test("a stranger is asked from Steam once, stored, and known afterwards", async () => {
  steam.states = { owned: owned(100) };
  const [first] = (await ask(aboutPlayer(1))).json;
  assert.deepEqual([first.steam_playtime, first.bm_playtime, first.steam_status], [6000, null, "ok"]);
  assert.ok(Math.abs(Date.parse(first.created_at) - Date.now()) < 60_000);
  assert.deepEqual((await ask(aboutPlayer(1))).json, [first]);
  assert.equal(steam.calls.length, 1);
});

test("the answer has the order asked, one entry a player, without the nulls", async () => {
  await store(1, { bm_seconds: 1 });
  await store(2, { bm_seconds: 2 });
  const answer = await ask({ steam_ids: [player(2), null, player(1), ` ${player(2)}`, null], game_id: squad });
  assert.deepEqual(
    answer.json.map((entry: { bm_playtime: number }) => entry.bm_playtime),
    [2, 1],
  );
});

test("players without a Steam ID are left out however a language writes them; nothing but these is an empty list", async () => {
  await store(1, { bm_seconds: 1 });
  const nobody = [null, "", " ", 0, "0"];
  for (const one of nobody) {
    const answer = await ask({ steam_ids: [one, player(1)], game_id: squad });
    assert.deepEqual(
      answer.json.map((entry: { steam_id: string }) => entry.steam_id),
      [player(1)],
    );
  }
  assert.deepEqual((await ask({ steam_ids: nobody, game_id: squad })).json, []);
  for (const one of [false, "00", "x", [], 1])
    assert.equal((await ask({ steam_ids: [one, player(1)], game_id: squad })).status, 400, String(one));
});

test("a byte order mark before the JSON is skipped, and sha256= before the signature", async () => {
  await store(1, { bm_seconds: 1 });
  const marked = `\ufeff${JSON.stringify(aboutPlayer(1))}`;
  const signature = `sha256=${hmac(secrets.script, marked)}`;
  const answer = await ask(marked, { headers: { "x-signature": signature } });
  assert.equal(answer.json[0].bm_playtime, 1);
  assert.equal((await ask(`\ufeff${marked}`)).status, 400);
});

test("Steam IDs written as numbers keep all their digits", async () => {
  await store(1, { bm_seconds: 1 });
  const answer = await ask(`{"steam_ids": [${player(1)}], "game_id": "393380"}`);
  assert.deepEqual([answer.json[0].steam_id, answer.json[0].bm_playtime], [player(1), 1]);
});

test("a player known only from BattleMetrics is not asked from Steam", async () => {
  await store(1, { bm_seconds: 5 });
  const [entry] = (await ask(aboutPlayer(1))).json;
  assert.deepEqual([entry.steam_playtime, entry.bm_playtime, entry.steam_status], [null, 5, "unchecked"]);
  assert.deepEqual(steam.calls, []);
});

test("is_need_update asks Steam for everybody", async () => {
  await store(1, { steam_seconds: 60, steam_status: "ok", steam_checked_at: new Date(nowMs - 1000), bm_seconds: 5 });
  steam.states = { owned: owned(2) };
  for (const yes of [true, "true", 1, "1"]) {
    const [entry] = (await ask({ ...aboutPlayer(1), is_need_update: yes })).json;
    assert.deepEqual([entry.steam_playtime, entry.bm_playtime], [120, 5]);
  }
  assert.equal(steam.calls.length, 4);
  await ask({ ...aboutPlayer(1), is_need_update: "false" });
  assert.equal(steam.calls.length, 4);
});

test("closed profile, hidden hours and not owning the game are answers: stored, and asked again after RECHECK_HOURS", async () => {
  const cases = [
    [{ owned: { private: true } }, "private", 1],
    [{ owned: owned(0) }, "hidden", 1],
    [{ owned: { empty: true } }, "not-owned", 2],
  ] as const;
  for (const [index, [states, status, calls]] of cases.entries()) {
    await db.sql`truncate playtimes`;
    steam.calls.length = 0;
    steam.states = states;
    const [entry] = (await ask(aboutPlayer(index))).json;
    assert.deepEqual([entry.steam_playtime, entry.steam_status], [null, status]);
    await ask(aboutPlayer(index));
    assert.equal(steam.calls.length, calls, status);

    nowMs += 24 * 3_600_000 + 1;
    steam.states = { owned: owned(3) };
    const [later] = (await ask(aboutPlayer(index))).json;
    assert.deepEqual([later.steam_playtime, later.steam_status], [180, "ok"]);
  }
});

test("an answer that is stored as of a later day, by a clock that was ahead, is asked again", async () => {
  await store(1, { steam_status: "private", steam_checked_at: new Date(nowMs + 300 * 24 * 3_600_000) });
  steam.states = { owned: owned(3) };
  assert.equal((await ask(aboutPlayer(1))).json[0].steam_playtime, 180);
  await store(2, { steam_status: "private", steam_checked_at: new Date(nowMs + 30_000) });
  assert.equal((await ask(aboutPlayer(2))).json[0].steam_status, "private");
});

test("RECHECK_HOURS = 0 never asks again", async () => {
  const patient = await start({ config: { STEAM: { RECHECK_HOURS: 0 } } });
  try {
    await store(1, { steam_status: "private", steam_checked_at: new Date(0) });
    assert.equal((await ask(aboutPlayer(1), { to: patient })).json[0].steam_status, "private");
    assert.deepEqual(steam.calls, []);
  } finally {
    await patient.stop();
  }
});

test("a known Steam time stays when the profile is closed later; the status tells", async () => {
  await store(1, { steam_seconds: 3600, steam_status: "ok", steam_checked_at: new Date(nowMs - 1000) });
  steam.states = { owned: { private: true } };
  const [entry] = (await ask({ ...aboutPlayer(1), is_need_update: true })).json;
  assert.deepEqual([entry.steam_playtime, entry.steam_status], [3600, "private"]);
});

test("Steam failing is not an answer: nothing is stored, what was known is shown as unavailable, and the next query asks again", async () => {
  await store(2, {
    steam_seconds: 60,
    steam_status: "ok",
    steam_checked_at: new Date(0),
    updated_at: "2026-01-01T00:00:00Z",
  });
  steam.states = { owned: { status: 404 } };
  const answer = await ask({ ...aboutPlayer(1, 2), is_need_update: true });
  assert.deepEqual(answer.json, [
    {
      steam_id: player(1),
      steam_playtime: null,
      bm_playtime: null,
      created_at: null,
      updated_at: null,
      steam_status: "unavailable",
    },
    {
      ...answer.json[1],
      steam_id: player(2),
      steam_playtime: 60,
      updated_at: "2026-01-01T00:00:00.000Z",
      steam_status: "unavailable",
    },
  ]);
  assert.equal((await db.sql`select 1 from playtimes`).length, 1);
  steam.states = { owned: owned(5) };
  assert.equal((await ask(aboutPlayer(1))).json[0].steam_playtime, 300);
});

test("one player's failure does not spoil the others of the call", async () => {
  steam.states = { owned: owned(1), players: { [player(2)]: { owned: { status: 400 } } } };
  const answer = await ask(aboutPlayer(1, 2, 3));
  assert.deepEqual(
    answer.json.map((entry: { steam_playtime: number; steam_status: string }) => [
      entry.steam_playtime,
      entry.steam_status,
    ]),
    [
      [60, "ok"],
      [null, "unavailable"],
      [60, "ok"],
    ],
  );
});

test("a row that is stored as unavailable is asked again by the next query, whenever it was asked last", async () => {
  const patient = await start({ config: { STEAM: { RECHECK_HOURS: 0 } } });
  try {
    for (const [index, to] of [service, patient].entries()) {
      const checks = [null, new Date(0), new Date(nowMs)].entries();
      for (const [offset, steam_checked_at] of checks) {
        const number = index * 10 + offset;
        await store(number, { steam_status: "unavailable", steam_checked_at });
        steam.states = { owned: owned(1) };
        assert.equal((await ask(aboutPlayer(number), { to })).json[0].steam_playtime, 60);
      }
    }
  } finally {
    await patient.stop();
  }
});

test("the same player is asked once however many queries wait", async () => {
  steam.states = { owned: owned(1) };
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(aboutPlayer(1))));
  assert.ok(answers.every(({ json }) => json[0].steam_playtime === 60));
  assert.equal(steam.calls.length, 1);
});

test("a query answers within its deadline while Steam hangs, and what Steam says later is stored", async () => {
  const hasty = await start({ config: { STEAM: { DEADLINE: 1, TIMEOUT: 10 } } });
  try {
    let release = () => {};
    steam.states = {
      players: { [player(1)]: { owned: { until: new Promise((resolve) => (release = resolve)), ...owned(7) } } },
      owned: owned(1),
    };
    const startMs = performance.now();
    const answer = await ask(aboutPlayer(1, 2), { to: hasty });
    assert.ok(performance.now() - startMs < 5_000);
    assert.deepEqual(
      answer.json.map((entry: { steam_status: string }) => entry.steam_status),
      ["unavailable", "ok"],
    );
    release();
    await eventually(
      "the late answer in the table",
      async () => (await db.sql`select 1 from playtimes where steam_seconds = 420`).length > 0,
    );
  } finally {
    await hasty.stop();
  }
});

test("without a key the service works, and strangers are unavailable", async () => {
  const keyless = await start({ config: { STEAM: { KEY: "" } } });
  try {
    assert.equal((await ask(aboutPlayer(1), { to: keyless })).json[0].steam_status, "unavailable");
    assert.deepEqual(steam.calls, []);
  } finally {
    await keyless.stop();
  }
});

test("a fixed game id wins, and then the field may be missing or wrong", async () => {
  await store(1, { bm_seconds: 1 });
  for (const game_id of [440, "x", undefined])
    assert.equal(
      (await ask({ steam_ids: [player(1)], game_id }, { path: "/get-playtime/fixed" })).json[0].bm_playtime,
      1,
    );
});

test("120 entries are taken, 121 are not, counted before duplicates and nulls are dropped", async () => {
  await store(1, { bm_seconds: 1 });
  assert.equal((await ask({ steam_ids: Array(120).fill(player(1)), game_id: squad })).json.length, 1);
  for (const steam_ids of [Array(121).fill(player(1)), Array(121).fill(null), []]) {
    const answer = await ask({ steam_ids, game_id: squad });
    assert.deepEqual([answer.status, answer.json.detail], [400, "steam_ids must be a list of 1 to 120 Steam IDs."]);
  }
});

test("a malformed entry is 400 and the answer names its index", async () => {
  const answer = await ask({ steam_ids: [player(1), null, "x"], game_id: squad });
  assert.deepEqual([answer.status, answer.json.code], [400, "malformed"]);
  assert.match(answer.json.detail, /^steam_ids\[2\] must be a SteamID64/);
});

test("a wrong shape is 400 and names the field", async () => {
  const wrong: [unknown, RegExp][] = [
    [{ game_id: squad }, /^steam_ids/],
    [{ steam_ids: player(1), game_id: squad }, /^steam_ids/],
    [{ steam_ids: [player(1)] }, /^game_id/],
    [{ steam_ids: [player(1)], game_id: -1 }, /^game_id/],
    [{ ...aboutPlayer(1), is_need_update: "perhaps" }, /^is_need_update must be true or false/],
    ["[]", /^the body must be a JSON object/],
    ["steam_ids=1", /^the body must be JSON/],
  ];
  for (const [body, words] of wrong) {
    const answer = await ask(body);
    assert.equal(answer.status, 400);
    assert.match(answer.json.detail, words);
  }
});

test("a wrong signature is 401, a BattleMetrics one too; an unknown path 404, also one of the other kind", async () => {
  const body = JSON.stringify(aboutPlayer(1));
  const signed = (signature: string) => post(`${service.url}/get-playtime/plugin/`, body, { "x-signature": signature });
  assert.equal((await signed("0".repeat(64))).json.code, "bad-signature");
  for (const none of [
    "",
    "zz",
    `sha1=${hmac(secrets.script, body)}`,
    `t=2026-01-01T00:00:00Z,s=${hmac(secrets.script, body)}`,
  ])
    assert.equal((await signed(none)).json.code, "no-signature");
  assert.equal((await signed(hmac(secrets.script, body).toUpperCase())).status, 200);
  assert.equal((await ask(body, { path: "/get-playtime/bm/" })).status, 404);
});

test("days that are no list of one to five different whole numbers within what is kept are 400, and named", async () => {
  for (const [days, words] of [
    [[7, 7], /without the same number twice/],
    [[1, 2, 3, 4, 5, 6], /"code":"malformed".*days/],
    [[], /"code":"malformed".*days/],
    [7, /"code":"malformed".*days/],
    [[7, 0], /days\[1\]/],
    [[401], /days\[0\]/],
    [[1.5], /days\[0\]/],
  ] as const) {
    const answer = await ask({ ...aboutPlayer(1), days });
    assert.equal(answer.status, 400, JSON.stringify(days));
    assert.match(answer.text, words);
  }
  assert.equal((await ask({ ...aboutPlayer(1), days: [1, 400] })).status, 200);
});
