import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { steamId } from "../src/parse.ts";
import type { SteamTime } from "../src/players/playtimes.ts";
import { createSteam, type Question, type SteamDeps } from "../src/steam.ts";
import { eventually } from "./support/eventually.ts";
import { memoryLog } from "./support/service.ts";
import { type SteamStub, startSteamStub } from "./support/steam-stub.ts";

const squad = 393_380;
const key = "PLANTED-STEAM-KEY";
const player = (number: number) => steamId(String(76561198000000000n + BigInt(number)), "player");
const owned = (minutes: number) => ({
  games: [
    { appid: 440, playtime_forever: 9 },
    { appid: squad, playtime_forever: minutes },
  ],
});

let stub: SteamStub;
before(async () => {
  stub = await startSteamStub();
});
after(() => stub.stop());
beforeEach(() => {
  stub.calls.length = 0;
  stub.states = {};
});

function create(changes: Partial<SteamDeps> = {}) {
  const saved: SteamTime[] = [];
  const { log, lines, text } = memoryLog();
  const steam = createSteam({
    key,
    apiUrl: stub.url,
    timeoutMs: 1_000,
    callsPerSecond: 1_000,
    callsPerDay: 1_000,
    playtimes: { saveSteam: async (time) => void saved.push(time) },
    now: () => new Date(),
    log,
    ...changes,
  });
  const ask = (number = 1, question: Partial<Question> = {}) =>
    steam.ask({
      steamId: player(number),
      gameId: squad,
      refresh: false,
      dropAtMs: performance.now() + 10_000,
      ...question,
    });
  const warnings = () => lines.filter(({ level }) => level === "warn" || level === "error");
  return { ask, saved, lines, warnings, text, status: steam.status, idOf: steam.idOf };
}

/** A Steam that does what no stub state describes. */
async function withSteam(
  listener: RequestListener,
  work: (url: string, requests: () => number) => Promise<void>,
): Promise<void> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("the owned games are asked with the key in a header, minutes become seconds", async () => {
  stub.states = { owned: owned(100) };
  const { ask, saved } = create();
  assert.equal(await ask(), true);
  const { checkedAt, ...time } = saved[0] ?? assert.fail();
  assert.deepEqual(time, { steamId: player(1), gameId: squad, seconds: 6000, status: "ok" });
  assert.ok(Math.abs(checkedAt.getTime() - Date.now()) < 60_000);
  const [call] = stub.calls;
  assert.equal(call?.key, key);
  assert.ok(!call?.url.includes(key));
  const url = new URL(call?.url ?? "", stub.url);
  assert.equal(url.pathname, "/IPlayerService/GetOwnedGames/v1/");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    steamid: player(1),
    include_played_free_games: "1",
    "appids_filter[0]": String(squad),
  });
});

test("API_URL may have a path of its own", async () => {
  stub.states = { owned: owned(1) };
  await create({ apiUrl: `${stub.url}/proxy/` }).ask();
  assert.match(stub.calls[0]?.url ?? "", /^\/proxy\/IPlayerService\//);
});

test("the recently played games are asked only when the profile is open and the game not among the owned", async () => {
  const cases = [
    [{ owned: { empty: true }, recent: owned(2) }, "ok", 120, ["owned", "recent"]],
    [{ owned: { games: [{ appid: 440, playtime_forever: 1 }] }, recent: owned(2) }, "ok", 120, ["owned", "recent"]],
    [{ owned: { empty: true }, recent: { empty: true } }, "not-owned", null, ["owned", "recent"]],
    [{ owned: { empty: true }, recent: { private: true } }, "not-owned", null, ["owned", "recent"]],
    [{ owned: { private: true }, recent: owned(2) }, "private", null, ["owned"]],
    [{ owned: owned(0), recent: owned(2) }, "hidden", null, ["owned"]],
  ] as const;
  for (const [states, status, seconds, methods] of cases) {
    stub.calls.length = 0;
    stub.states = structuredClone(states) as typeof stub.states;
    const { ask, saved } = create();
    assert.equal(await ask(), true);
    assert.deepEqual([saved[0]?.status, saved[0]?.seconds], [status, seconds]);
    assert.deepEqual(
      stub.calls.map(({ method }) => method),
      methods,
    );
  }
});

test("nonsense is no answer, and is not tried twice", async () => {
  const nonsense = [
    "",
    "{nope",
    "[]",
    "null",
    "5",
    '{"response":null}',
    '{"response":[]}',
    '{"response":{"games":{}}}',
    '{"response":{"games":[null]}}'.replace("null", `{"appid":${squad}}`),
    `{"response":{"games":[{"appid":${squad},"playtime_forever":"7"}]}}`,
    `{"response":{"games":[{"appid":${squad},"playtime_forever":7.5}]}}`,
    `{"response":{"games":[{"appid":${squad},"playtime_forever":-7}]}}`,
    `{"response":{"games":[{"appid":${squad},"playtime_forever":99999999999}]}}`,
    "<html>down for maintenance</html>",
    `{"response":{"x":"${"x".repeat(1_100_000)}"}}`,
  ];
  for (const raw of nonsense) {
    stub.calls.length = 0;
    stub.states = { owned: { raw }, recent: owned(1) };
    const { ask, saved } = create();
    assert.equal(await ask(), false, raw.slice(0, 80));
    assert.deepEqual(saved, []);
    assert.equal(stub.calls.length, 1);
  }
});

test("429, 5xx, a reset and a timeout are tried once more", async () => {
  for (const state of [{ status: 429 }, { status: 500 }, { status: 503 }, { reset: true }, { hang: true }] as const) {
    stub.calls.length = 0;
    stub.states = { owned: state };
    const { ask, saved } = create({ timeoutMs: 100 });
    assert.equal(await ask(), false);
    assert.deepEqual(saved, []);
    assert.equal(stub.calls.length, 2, JSON.stringify(state));
  }
});

test("the second try counts when the first failed", async () => {
  stub.states = { owned: { status: 500 } };
  const { ask, saved } = create();
  const answer = ask();
  await eventually("the first try", () => stub.calls.length > 0, { everyMs: 1 });
  stub.states = { owned: owned(1) };
  assert.equal(await answer, true);
  assert.equal(saved[0]?.seconds, 60);
});

test("400 and 404 concern that player alone: not tried again, and never counted towards the breaker", async () => {
  for (const status of [400, 404]) {
    const { ask, warnings } = create();
    stub.states = { owned: { status } };
    for (let number = 0; number < 20; number += 1) assert.equal(await ask(number), false);
    stub.states = { owned: owned(1) };
    assert.equal(await ask(1), true);
    assert.deepEqual(warnings(), []);
  }
});

test("after five failures in a row Steam is left alone, said once, until a probe succeeds", async () => {
  let clockMs = 0;
  const { ask: askBy, warnings, lines, status } = create({ limits: { openMs: 10_000, clockMs: () => clockMs } });
  const ask = (number: number) => askBy(number, { dropAtMs: Number.POSITIVE_INFINITY });
  stub.states = { owned: { raw: "nonsense" } };
  for (let number = 0; number < 20; number += 1) await ask(number);
  assert.equal(stub.calls.length, 5);
  assert.deepEqual([status().breaker, status().ended.nonsense, status().dropped], ["open", 5, 15]);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0]?.message ?? "", /Steam does not answer properly/);

  clockMs += 10_000;
  assert.equal(status().breaker, "probing");
  await Promise.all([1, 2, 3, 4].map((number) => ask(number)));
  assert.equal(stub.calls.length, 6, "one probe, while the others are refused");
  clockMs += 19_999;
  await ask(1);
  assert.equal(stub.calls.length, 6, "the pause is doubled after a failed probe");

  clockMs += 1;
  stub.states = { owned: owned(1) };
  assert.equal(await ask(1), true);
  assert.equal(await ask(2), true);
  assert.equal(status().breaker, "closed");
  assert.match(lines.at(-1)?.message ?? "", /Steam answers again/);
  assert.equal(warnings().length, 1);
});

test("who waits for the next call a second when a pause is over is refused while the probe decides", async () => {
  const { ask } = create({ callsPerSecond: 10, limits: { burstCalls: 1, failures: 1, openMs: 1 } });
  stub.states = { owned: { raw: "nonsense" } };
  assert.equal(await ask(1), false);
  await new Promise((resolve) => setTimeout(resolve, 5));
  stub.states = { owned: owned(1) };
  assert.deepEqual(await Promise.all([2, 3, 4].map((number) => ask(number))), [true, false, false]);
});

test("401 and 403 close the way at once, and are said once, loudly", async () => {
  for (const status of [401, 403]) {
    stub.calls.length = 0;
    stub.states = { owned: { status } };
    let clockMs = 0;
    const { ask: askBy, warnings, text } = create({ limits: { clockMs: () => clockMs } });
    const ask = (number: number) => askBy(number, { dropAtMs: Number.POSITIVE_INFINITY });
    for (let number = 0; number < 10; number += 1) assert.equal(await ask(number), false);
    clockMs += 300_000;
    await ask(1);
    assert.equal(stub.calls.length, 2);
    assert.deepEqual(
      warnings().map(({ level }) => level),
      ["error"],
    );
    assert.match(warnings()[0]?.message ?? "", /KEY is wrong, or this server's address is blocked/);
    assert.ok(!text().includes(key));
  }
});

test("a redirect is not followed, so that the key stays here", async () => {
  const visitors: unknown[] = [];
  await withSteam(
    (request, response) => {
      visitors.push(request.headers["x-webapi-key"]);
      response.end("{}");
    },
    (elsewhere) =>
      withSteam(
        (_, response) => void response.writeHead(302, { location: elsewhere }).end(),
        async (url) => {
          assert.equal(await create({ apiUrl: url }).ask(), false);
          assert.deepEqual(visitors, []);
        },
      ),
  );
});

test("a body that trickles is cut off at the timeout, one without end at its size", async () => {
  await withSteam(
    (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(" "), 10);
      response.on("close", () => clearInterval(timer));
    },
    async (url) => assert.equal(await create({ apiUrl: url, timeoutMs: 200 }).ask(), false),
  );
  let sentBytes = 0;
  await withSteam(
    (_, response) => {
      const write = () => {
        do sentBytes += 65_536;
        while (!response.destroyed && response.write(" ".repeat(65_536)));
      };
      response.on("drain", write);
      write();
    },
    async (url, requests) => {
      assert.equal(await create({ apiUrl: url, timeoutMs: 10_000 }).ask(), false);
      assert.equal(requests(), 1);
      assert.ok(sentBytes < 20 * 1024 * 1024, `${sentBytes} bytes`);
    },
  );
});

test("the same player is asked once however many wait, also by who comes a moment too late", async () => {
  stub.states = { owned: owned(1) };
  const { ask, saved } = create();
  assert.deepEqual(await Promise.all([ask(), ask(), ask(), ask(2)]), [true, true, true, true]);
  assert.equal(await ask(), true);
  assert.equal(stub.calls.length, 2);
  assert.equal(saved.length, 2);
});

test("a refresh asks anew, and so does the next question after a failure", async () => {
  stub.states = { owned: owned(1) };
  const { ask } = create();
  await ask();
  await ask(1, { refresh: true });
  assert.equal(stub.calls.length, 2);
  stub.states = { owned: { status: 404 } };
  await ask(2);
  stub.states = { owned: owned(1) };
  assert.equal(await ask(2), true);
  assert.equal(stub.calls.length, 4);
});

/**
 * A Steam with one call under way at a time and ten a day. Six are over, the seventh is held and the eighth waits, so that a
 * refresh that comes now waits too, and is over its four fifths of the day when its turn comes.
 */
async function almostUsedUp() {
  let release = () => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  stub.states = { owned: owned(1), players: { [player(7)]: { owned: { ...owned(1), until } } } };
  const { ask } = create({ callsPerDay: 10, limits: { callsAtOnce: 1 } });
  for (let number = 1; number <= 6; number += 1) assert.equal(await ask(number), true);
  const before = [ask(7), ask(8)];
  return {
    ask,
    ends: async (asked: Promise<boolean>[]) => {
      release();
      assert.deepEqual(await Promise.all(before), [true, true]);
      return Promise.all(asked);
    },
  };
}

test("a refresh has four fifths of the day's calls, also when it is over them only at its turn", async () => {
  const { ask, ends } = await almostUsedUp();
  assert.deepEqual(await ends([ask(9, { refresh: true })]), [false]);
});

test("who asks for a refresh and who does not share one call, which counts as an ordinary one, whoever was first", async () => {
  for (const refreshes of [
    [true, false],
    [false, true],
    [false, true, true],
  ]) {
    const { ask, ends } = await almostUsedUp();
    stub.calls.length = 0;
    const answers = await ends(refreshes.map((refresh) => ask(9, { refresh })));
    assert.ok(answers.every(Boolean), refreshes.join());
    assert.equal(stub.calls.filter(({ steamId }) => steamId === player(9)).length, 1);
  }
});

test("at most eight calls are under way at once", async () => {
  let underWay = 0;
  let most = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await withSteam(
    async (_, response) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await released;
      underWay -= 1;
      response.end(JSON.stringify({ response: owned(1) }));
    },
    async (url) => {
      const { ask } = create({ apiUrl: url, timeoutMs: 60_000 });
      const answers = Promise.all(Array.from({ length: 40 }, (_, number) => ask(number, { dropAtMs: Infinity })));
      await eventually("eight calls", () => underWay === 8);
      await new Promise((resolve) => setTimeout(resolve, 100));
      release();
      assert.ok((await answers).every(Boolean));
      assert.equal(most, 8);
    },
  );
});

test("a burst of 40 is let through at once, then so many a second", async () => {
  stub.states = { owned: owned(1) };
  let clockMs = 0;
  const { ask, status } = create({ callsPerSecond: 5, limits: { clockMs: () => clockMs } });
  const all = Promise.all(Array.from({ length: 100 }, (_, number) => ask(number, { dropAtMs: 1_000 })));
  await eventually("the burst to be over", () => status().ended.answer === 40);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(stub.calls.length, 40);
  clockMs = 600;
  await eventually("three calls more", () => status().ended.answer === 43);
  clockMs = 1_000;
  assert.equal((await all).filter(Boolean).length, 43, "what had not begun by its deadline was dropped");
  assert.equal(stub.calls.length, 43);
});

test("a query with a later deadline keeps a waiting call alive", async () => {
  stub.states = { owned: owned(1) };
  const { ask } = create({ callsPerSecond: 5, limits: { burstCalls: 1 } });
  await ask(1);
  const first = ask(2, { dropAtMs: performance.now() + 20 });
  const second = ask(2, { dropAtMs: performance.now() + 5_000 });
  assert.deepEqual(await Promise.all([first, second]), [true, true]);
});

test("the day's calls are limited, refreshes to four fifths of them, and the next day is new", async () => {
  stub.states = { owned: owned(1) };
  let now = new Date("2026-01-02T23:59:00Z");
  const { ask, warnings } = create({ callsPerDay: 10, now: () => now });
  const count = async (refresh: boolean, first = 0) => {
    const answers = [];
    for (let number = 0; number < 12; number += 1) answers.push(await ask(first + number, { refresh }));
    return answers.filter(Boolean).length;
  };
  assert.equal(await count(true), 8);
  assert.equal(await count(false, 100), 2);
  assert.equal(warnings().length, 1);
  now = new Date("2026-01-03T00:00:01Z");
  assert.equal(await count(false, 200), 10);
});

test("more than a thousand waiting calls are refused at once", async () => {
  stub.states = { owned: { hang: true } };
  const { ask } = create({ limits: { waitingCalls: 10 } });
  const answers = Array.from({ length: 30 }, (_, number) => ask(number, { dropAtMs: performance.now() + 100 }));
  assert.deepEqual(
    await Promise.race([Promise.all(answers.slice(18)), new Promise((resolve) => setTimeout(resolve, 90, "late"))]),
    Array(12).fill(false),
  );
  await Promise.all(answers.slice(8, 18));
});

test("no key, no call", async () => {
  const { ask } = create({ key: "" });
  assert.equal(await ask(), false);
  assert.deepEqual(stub.calls, []);
});

test("when the answer cannot be stored, the failure is the asker's", async () => {
  stub.states = { owned: owned(1) };
  const { ask } = create({ playtimes: { saveSteam: () => Promise.reject(new Error("database away")) } });
  await assert.rejects(ask(), /database away/);
});

test("the key is in no log line, whatever Steam does", async () => {
  for (const state of [{ status: 401 }, { status: 500 }, { reset: true }, { raw: key }] as const) {
    stub.states = { owned: state };
    const { ask, text } = create();
    for (let number = 0; number < 6; number += 1) await ask(number);
    assert.ok(!text().includes(key));
  }
});

test("a profile's name is asked with the key in a header; who has it, that nobody has, and no answer are told apart", async () => {
  const { idOf } = create();
  const soon = () => performance.now() + 5_000;
  stub.states = { name: { raw: `{"response":{"steamid":"${player(1)}","success":1}}` } };
  assert.equal(await idOf("Some-Name", soon()), player(1));
  assert.deepEqual(
    [stub.calls[0]?.url, stub.calls[0]?.key],
    ["/ISteamUser/ResolveVanityURL/v1/?vanityurl=Some-Name", key],
  );
  stub.states = {};
  assert.equal(await idOf("nobody", soon()), "no-such-name");
  for (const state of [
    { status: 500 },
    { raw: '{"response":{"success":1,"steamid":"1"}}' },
    { raw: '{"response":{}}' },
  ]) {
    stub.states = { name: state };
    assert.equal(await idOf("nobody", soon()), undefined);
  }
});
