import assert from "node:assert/strict";
import { test } from "node:test";
import { key, openSteam, owned, player, squad, withSteam } from "./support/steam.ts";

const { stub, create } = await openSteam();

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

test("what Steam has against a key says nothing about the next one, which is asked with at once", async () => {
  let key = "refused";
  stub.states = { owned: { status: 403 } };
  const { status, ask } = create({ key: () => key });
  assert.equal(await ask(), false);
  assert.equal(status().isForbidden, true);
  assert.equal(await ask(2), false);
  assert.equal(stub.calls.length, 1);
  key = "good";
  stub.states = { owned: { games: [{ appid: 393380, playtime_forever: 5 }] } };
  assert.equal(await ask(2), true);
  assert.deepEqual([status().breaker, stub.calls.at(-1)?.key], ["closed", "good"]);
});

test("no key, no call", async () => {
  const { ask } = create({ key: () => "" });
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
