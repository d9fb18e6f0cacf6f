import assert from "node:assert/strict";
import { after, before, describe, mock, type TestContext, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { runProgram } from "../support/program.ts";
import { startProxy } from "../support/proxy.ts";
import { hmac, insertConnections, secrets, startTestService, type TestService } from "../support/service.ts";
import { apiFile, known, loadApi, type StubAnswer, startStub } from "./plugins.ts";

const squad = 393380;
const [first, second, stranger] = ["76561198000000001", "76561198000000002", "76561198000000003"] as const;
const eosId = "0002a10186d9414496bf20d22d3860ba";

let db: TestDatabase;
let service: TestService;
before(async () => {
  // The library's line about a failure; its test looks for itself.
  mock.method(console, "error", () => {});
  db = await createTestDatabase();
  await insertConnections(db);
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds)
    values (${first}, ${squad}, 360000, 'ok', now(), 7200), (${second}, ${squad}, null, 'private', now(), 5400)`;
  service = await startTestService(db);
});
after(async () => {
  await service?.stop();
  await db?.drop();
  mock.restoreAll();
});

async function apiOf(address = `${service.url}/get-playtime/plugin/`, secret: unknown = secrets.script) {
  const { default: PlaytimeServiceAPI } = await loadApi();
  return new PlaytimeServiceAPI(address, secret, squad);
}

/** A stub for one test, and the library that asks it. */
async function stubbed(t: TestContext, answer: Parameters<typeof startStub>[0]) {
  const stub = await startStub(answer);
  t.after(stub.stop);
  return { stub, api: await apiOf(stub.address) };
}

/** A proxy in front of the live service, and the library that asks through it. */
async function behindProxy(t: TestContext) {
  const proxy = await startProxy(service.port);
  t.after(proxy.close);
  return { proxy, api: await apiOf(`http://127.0.0.1:${proxy.port}/get-playtime/plugin/`) };
}

const down = { status: 503, body: { code: "database-away", detail: "The database does not answer." } };

describe("against the live service", () => {
  test("both times of each player come in the order asked, with the status of Steam", async () => {
    const entries = await (await apiOf()).requestPlaytimesBySteamIDs([second, first, second]);
    assert.deepEqual(
      entries.map((entry) => ({ ...entry })),
      [
        { steamID: second, steamPlaytime: null, bmPlaytime: 5_400, steamStatus: "private" },
        { steamID: first, steamPlaytime: 360_000, bmPlaytime: 7_200, steamStatus: "ok" },
      ],
    );
  });

  test("the largest time of a player, and the sum of all of them, count unknown times as none", async () => {
    const api = await apiOf();
    assert.deepEqual(await Promise.all([first, second, stranger].map((id) => api.getPlayerMaxSecondsPlaytime(id))), [
      360_000,
      5_400,
      null,
    ]);
    assert.equal(await api.getPlayersTotalSecondsPlaytime([first, second, stranger]), 365_400);
    assert.equal(await api.getPlayersTotalSecondsPlaytime([null, eosId]), 0);
  });

  test("players without a Steam ID are left out of a list, and are entries without times alone", async () => {
    const api = await apiOf();
    const entries = await api.requestPlaytimesBySteamIDs([null, first, undefined, eosId, ""]);
    assert.deepEqual(
      entries.map(({ steamID }) => steamID),
      [first],
    );
    for (const id of [null, eosId]) {
      const { steamID, steamPlaytime, bmPlaytime } = await api.requestPlaytimeBySteamID(id);
      assert.deepEqual([steamID, steamPlaytime, bmPlaytime], [id, null, null]);
    }
    assert.equal(await api.getPlayerMaxSecondsPlaytime(undefined), null);
  });

  test("a number is refused, because its last digits are lost already", async () => {
    const api = await apiOf();
    await assert.rejects(api.requestPlaytimeBySteamID(Number(first)), /Steam IDs must be text.*digits are lost/);
    await assert.rejects(api.requestPlaytimesBySteamIDs(first), /must be a list/);
  });

  test("more than 120 players are asked in parts", async () => {
    const many = Array.from({ length: 300 }, (_, index) => `7656119800001${String(index).padStart(4, "0")}`);
    const entries = await (await apiOf()).requestPlaytimesBySteamIDs([...many, first]);
    assert.equal(entries.length, 301);
    assert.equal(entries[300]?.steamPlaytime, 360_000);
  });

  test("a wrong secret is refused at once, in the words of the service", async () => {
    const api = await apiOf(undefined, "another secret than that");
    await assert.rejects(api.requestPlaytimeBySteamID(first), (error: Error & { status?: number; code?: string }) => {
      assert.match(
        error.message,
        /^Playtime-Service at http:\/\/127\.0\.0\.1:\d+\/get-playtime\/plugin\/: 401 The signature/,
      );
      assert.deepEqual([error.status, error.code], [401, "bad-signature"]);
      return true;
    });
  });

  test("the secret may stand in the environment, and a missing one is named", async () => {
    process.env["TEST_SQUADJS_SECRET"] = `${secrets.script}\n`;
    const api = await apiOf(undefined, "env:TEST_SQUADJS_SECRET");
    assert.equal(await api.getPlayerMaxSecondsPlaytime(first), 360_000);
    delete process.env["TEST_SQUADJS_SECRET"];
    await assert.rejects((await apiOf(undefined, "env:TEST_NOT_SET")).requestPlaytimeBySteamID(first), /TEST_NOT_SET/);
    await assert.rejects((await apiOf(undefined, "")).requestPlaytimeBySteamID(first), /the secret is missing/);
    await assert.rejects((await apiOf("playtime.example.com")).requestPlaytimeBySteamID(first), /must begin with http/);
  });

  test("--try asks for one player with the options of config.json or the environment", async () => {
    const address = `${service.url}/get-playtime/plugin/`;
    const run = (args: string[], env: Record<string, string> = {}) =>
      runProgram(process.execPath, [apiFile, ...args], { env });
    const [good, wrong, none, help] = await Promise.all([
      run(["--try", first], { ADDRESS: address, SECRET: secrets.script }),
      run(["--try", first], { ADDRESS: address, SECRET: "wrong" }),
      run(["--try", first]),
      run([]),
    ]);
    assert.equal(good.stdout, `Asking ${address}\n${first}  Steam: 100.0 h (ok)  by BattleMetrics: 2.0 h\n`);
    assert.deepEqual([good.code, wrong.code, none.code, help.code], [0, 1, 1, 2]);
    assert.match(wrong.stderr, /^Playtime-Service at .*: 401 The signature.*\n$/);
    assert.match(none.stderr, /config\.json is not there/);
    assert.match(help.stdout, /^Usage: node playtime-service-api\.js --try/);
  });
});

describe("what is remembered", () => {
  let nowMs = 0;
  before(() => mock.method(performance, "now", () => nowMs));
  after(() => mock.restoreAll());
  const ids = ({ steam_ids }: { steam_ids: string[] }) => steam_ids;

  test("the same question is asked once at a time, also by several plug-ins", async (t) => {
    const { stub, api } = await stubbed(t, ({ body }) => known(ids(body)));
    await Promise.all(Array.from({ length: 180 }, () => api.getPlayerMaxSecondsPlaytime(first)));
    assert.equal(stub.asked.length, 1);
    await Promise.all([
      api.requestPlaytimesBySteamIDs([first, second, stranger]),
      api.requestPlaytimeBySteamID(second),
    ]);
    assert.deepEqual(
      stub.asked.map(({ body }) => ids(body)),
      [[first], [second, stranger]],
    );
  });

  test("an answer is fresh for 30 seconds, but not for whoever wants Steam asked again", async (t) => {
    const { stub, api } = await stubbed(t, ({ body }) => known(ids(body)));
    await api.requestPlaytimeBySteamID(first);
    nowMs += 29_000;
    await api.requestPlaytimeBySteamID(first);
    assert.equal(stub.asked.length, 1);
    await api.requestPlaytimeBySteamID(first, true);
    assert.deepEqual([stub.asked.length, stub.asked[1]?.body["is_need_update"]], [2, true]);
    nowMs += 31_000;
    await api.requestPlaytimeBySteamID(first);
    assert.equal(stub.asked.length, 3);
  });

  test("when the service fails, what it said within a day stands in, and unknown players are nulls", async (t) => {
    const { stub, api } = await stubbed(t, ({ body }) => known(ids(body)));
    await api.requestPlaytimeBySteamID(first);
    stub.answer = () => ({ status: 403, body: { code: "disabled-connection", detail: "off" } });
    nowMs += 23 * 3_600_000;
    const entries = await api.requestPlaytimesBySteamIDs([stranger, first]);
    assert.deepEqual(
      entries.map(({ steamPlaytime, bmPlaytime }) => [steamPlaytime, bmPlaytime]),
      [
        [null, null],
        [360_000, 7_200],
      ],
    );
    await assert.rejects(api.requestPlaytimeBySteamID(stranger), /403 off/);
    nowMs += 2 * 3_600_000;
    await assert.rejects(api.requestPlaytimeBySteamID(first), /403 off/);
  });

  test("unavailable never replaces a known time, and is asked again at once", async (t) => {
    const { stub, api } = await stubbed(t, ({ body }) => known(ids(body)));
    await api.requestPlaytimeBySteamID(first);
    nowMs += 31_000;
    stub.answer = ({ body }) =>
      known(ids(body), { steam_playtime: null, bm_playtime: null, steam_status: "unavailable" });
    for (const asked of [2, 3]) {
      const { steamPlaytime, bmPlaytime, steamStatus } = await api.requestPlaytimeBySteamID(first);
      assert.deepEqual([steamPlaytime, bmPlaytime, steamStatus], [360_000, 7_200, "unavailable"]);
      assert.equal(stub.asked.length, asked);
    }
    stub.answer = ({ body }) => known(ids(body), { steam_playtime: null, steam_status: "private" });
    assert.equal((await api.requestPlaytimeBySteamID(first)).steamPlaytime, null);
  });

  test("10,000 players are kept, the longest unheard of are forgotten", async (t) => {
    const { stub, api } = await stubbed(t, ({ body }) => known(ids(body)));
    const many = Array.from({ length: 10_000 }, (_, index) => `765611990000${String(index).padStart(5, "0")}`);
    await api.requestPlaytimeBySteamID(first);
    await api.requestPlaytimesBySteamIDs(many);
    const asked = stub.asked.length;
    await api.requestPlaytimesBySteamIDs(many);
    assert.equal(stub.asked.length, asked);
    await api.requestPlaytimeBySteamID(first);
    assert.equal(stub.asked.length, asked + 1);
  });

  test("failures are at most one line a minute", async (t) => {
    const said = mock.method(console, "error", () => {});
    const { api } = await stubbed(t, () => ({ status: 403, body: { detail: "off\nor away" } }));
    const failing = () => assert.rejects(api.requestPlaytimeBySteamID(first));
    for (let call = 0; call < 5; call += 1) await failing();
    assert.equal(said.mock.callCount(), 1);
    assert.match(String(said.mock.calls[0]?.arguments[0]), /^\[PlaytimeServiceAPI\] .*403 off or away$/);
    nowMs += 61_000;
    await failing();
    assert.equal(said.mock.callCount(), 2);
  });
});

describe("when something fails", { concurrency: true }, () => {
  test("a restart of the service is not noticed", async (t) => {
    const { proxy, api } = await behindProxy(t);
    const own = await startTestService(db);
    proxy.leadTo(own.port);
    assert.equal(await api.getPlayerMaxSecondsPlaytime(first), 360_000);
    await own.stop();
    const asked = api.requestPlaytimesBySteamIDs([first, stranger], true);
    const again = await startTestService(db);
    t.after(again.stop);
    proxy.leadTo(again.port);
    const entries = await asked;
    assert.deepEqual(
      entries.map(({ steamPlaytime }) => steamPlaytime),
      [360_000, null],
    );
  });

  test("503, a cut connection and a page of a proxy are tried again until the service answers", async (t) => {
    const failures: StubAnswer[] = [down, "cut", { status: 502, raw: "<html>Bad Gateway</html>" }];
    const { stub, api } = await stubbed(t, ({ body }, count) => failures[count - 1] ?? known(body.steam_ids));
    const startMs = performance.now();
    assert.equal(await api.getPlayerMaxSecondsPlaytime(first), 360_000);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 3_300 && tookMs < 11_000, `${tookMs} ms`);
    assert.equal(stub.asked.length, 4);
    for (const { headers, body } of stub.asked)
      assert.equal(headers["x-signature"], hmac(secrets.script, JSON.stringify(body)));
  });

  test("a service that goes on failing is given up after four tries, with its words", async (t) => {
    const { stub, api } = await stubbed(t, () => down);
    await assert.rejects(api.requestPlaytimesBySteamIDs([first]), /503 The database does not answer\./);
    assert.equal(stub.asked.length, 4);
  });

  test("a refusal, a redirect and a strange answer are not tried again", async (t) => {
    const answers: [StubAnswer, RegExp][] = [
      [{ status: 404, raw: "<html>" }, /404, but the answer is not one of Playtime-Service/],
      [{ status: 301, location: "https://example.com/" }, /301, it leads on to https:\/\/example\.com\//],
      [{ raw: "<html>Hello</html>" }, /200, but the answer is not one of Playtime-Service/],
      [{ body: { ok: true } }, /not a list of players/],
    ];
    for (const [answer, words] of answers) {
      const { stub, api } = await stubbed(t, () => answer);
      await assert.rejects(api.requestPlaytimeBySteamID(first), words);
      assert.equal(stub.asked.length, 1);
    }
  });

  test("where nothing listens it fails within seconds, but knows who is known", async (t) => {
    const { proxy, api } = await behindProxy(t);
    await api.requestPlaytimeBySteamID(first);
    proxy.refuse();
    const [knownOne, sum] = await Promise.all([
      api.requestPlaytimeBySteamID(first, true),
      api.getPlayersTotalSecondsPlaytime([first, stranger], true),
    ]);
    assert.deepEqual([knownOne.steamPlaytime, sum], [360_000, 360_000]);
    await assert.rejects(api.requestPlaytimeBySteamID(stranger), /nothing listens there.*\(ECONNREFUSED\)/);
  });

  test("a service that hangs is given up after 12 seconds and not tried again", async (t) => {
    const { proxy, api } = await behindProxy(t);
    await api.requestPlaytimeBySteamID(first);
    proxy.block();
    const startMs = performance.now();
    const [knownOne, unknown] = await Promise.allSettled([
      api.requestPlaytimeBySteamID(first, true),
      api.requestPlaytimeBySteamID(stranger),
    ]);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 11_000 && tookMs < 20_000, `${tookMs} ms`);
    assert.equal(knownOne.status === "fulfilled" && knownOne.value.steamPlaytime, 360_000);
    assert.match(String(unknown.status === "rejected" && unknown.reason), /no answer within 12 seconds/);
  });
});
