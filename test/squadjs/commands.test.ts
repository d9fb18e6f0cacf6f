import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { after, before, mock, type TestContext, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { deliverySignature, insertConnections, post, secrets, startTestService } from "../support/service.ts";
import { known, loadPlugins, type PluginClass, type StubAnswer, startStub } from "./plugins.ts";

const squad = 393380;
const anna = { name: "Анна", steamID: "76561198000000001", eosID: "0002aaaa" };
const boris = { name: "[GG] Boris", steamID: "76561198000000002", eosID: "0002bbbb" };
const bob = { name: "[GG] Bob\u0007", steamID: null, eosID: "0002cccc" };

let plugins: Record<string, PluginClass>;
before(async () => {
  // The library's line about a failure.
  mock.method(console, "error", () => {});
  plugins = await loadPlugins();
});

/** As much of SquadJS's server as the plug-in uses; `say` is a line in the chat, and gives what was warned then. */
function gameServer() {
  const warned: [id: string, words: string][] = [];
  const sent = new EventEmitter();
  const server = Object.assign(new EventEmitter(), {
    players: [anna, boris, bob],
    said: [] as string[],
    rcon: {
      warn: async (id: string, words: string) => {
        warned.push([id, words]);
        sent.emit("warned");
      },
    },
    getAdminPermsByAnyID: (id: string) => (id === boris.eosID ? { canseeadminchat: true } : undefined),
  });
  const say = async (player: typeof anna | typeof bob, command: string, message = "") => {
    const warning = once(sent, "warned", { signal: AbortSignal.timeout(10_000) });
    server.emit(`CHAT_COMMAND:${command}`, { chat: "ChatAll", eosID: player.eosID, player, message });
    await warning;
    return warned.at(-1);
  };
  return { server, warned, say };
}

const secret = { playtime_service_api_secret_key: secrets.script };

async function mounted(address: string, options: Record<string, unknown> = {}) {
  const game = gameServer();
  const Plugin = plugins["PlaytimeCommands"];
  assert.ok(Plugin);
  const plugin = new Plugin(game.server, { playtime_service_api_url: address, ...secret, ...options }, {});
  await plugin.mount();
  return { ...game, plugin };
}

async function withStub(t: TestContext, answer: Parameters<typeof startStub>[0], options?: Record<string, unknown>) {
  const stub = await startStub(answer);
  t.after(stub.stop);
  return { stub, ...(await mounted(stub.address, options)) };
}

const recent = { recent: { "7": 25_200, "30": 90_000 }, last_seen: "2026-01-02T03:04:05.678Z" };

test("both files have what SquadJS reads of every file in its folder", () => {
  assert.deepEqual(Object.keys(plugins).sort(), ["PlaytimeCommands", "PlaytimeServiceAPI"]);
  for (const { name, description, defaultEnabled, optionsSpecification } of Object.values(plugins)) {
    assert.ok(description.length > 20, name);
    assert.equal(defaultEnabled, false);
    for (const [option, { description: words }] of Object.entries(optionsSpecification)) assert.ok(words, option);
  }
  const Library = plugins["PlaytimeServiceAPI"];
  assert.ok(Library);
  assert.throws(() => new Library(gameServer().server, {}, {}), /no plug-in of its own: set "enabled": false/);
});

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds)
    values (${anna.steamID}, ${squad}, 4460400, 'ok', now(), 7200), (${boris.steamID}, ${squad}, null, 'private', now(), null)`;
});
after(async () => {
  await db?.drop();
  mock.restoreAll();
});

test("!playtime tells a player's own time from the live service, and what is not known", async (t) => {
  const service = await startTestService(db);
  t.after(service.stop);
  const { say } = await mounted(`${service.url}/get-playtime/plugin/`);
  assert.match(
    (await say(anna, "playtime"))?.join(" ") ?? "",
    /^0002aaaa Your time in Squad\nSteam: 1,239 h\nBy BattleMetrics: 2 h/,
  );
  assert.match((await say(bob, "playtime"))?.[1] ?? "", /\nSteam: not known yet\nBy BattleMetrics: not known yet$/);
});

test("!playtime tells the last 7 and 30 days once the service does, in Russian too", async (t) => {
  const { stub, say } = await withStub(t, ({ body }) => known(body.steam_ids, recent), { language: "ru" });
  assert.equal(
    (await say(anna, "playtime"))?.[1],
    "Ваше время в Squad\nSteam: 100 ч\nПо данным BattleMetrics: 2 ч\nЗа 7 дней: 7 ч\nЗа 30 дней: 25 ч",
  );
  assert.deepEqual(stub.asked[0]?.body["days"], [7, 30]);
});

test("the live service tells the last days and the top list", async (t) => {
  const service = await startTestService(db);
  t.after(service.stop);
  // The first delivery is only the start; what the second one adds was played today.
  for (const [playtime, agoSeconds] of [
    [7_200, 60],
    [25_200, 0],
  ] as const) {
    const text = JSON.stringify({ steam_id: anna.steamID, playtime, game_id: squad });
    const signedAt = new Date(Date.now() - agoSeconds * 1_000).toISOString();
    const signature = deliverySignature(secrets.battlemetrics, text, signedAt);
    assert.equal((await post(`${service.url}/set-playtime/bm/bm/`, text, { "x-signature": signature })).status, 200);
  }
  const { say } = await mounted(`${service.url}/get-playtime/plugin/`);
  assert.match((await say(anna, "playtime"))?.[1] ?? "", /By BattleMetrics: 7 h\nLast 7 days: 5 h\nLast 30 days: 5 h$/);
  assert.equal((await say(boris, "top"))?.[1], "Most time in the last 30 days\n1. Анна: 5 h");
});

test("a service that keeps fewer days, or none, is asked for the totals", async (t) => {
  const { stub, say } = await withStub(t, ({ body }) =>
    body["days"] ? { status: 400, body: { code: "malformed", detail: "days must be …" } } : known(body.steam_ids),
  );
  assert.match((await say(anna, "playtime"))?.[1] ?? "", /Steam: 100 h\nBy BattleMetrics: 2 h$/);
  assert.equal(stub.asked.length, 2);
});

test("!playtime with a part of a name is for admins, and finds one or some players", async (t) => {
  const { say } = await withStub(t, ({ body }) => known(body.steam_ids));
  assert.match((await say(anna, "playtime", "boris"))?.[1] ?? "", /Only admins/);
  assert.equal((await say(boris, "playtime", "АННА"))?.[1], "Анна\nSteam: 100 h\nBy BattleMetrics: 2 h");
  const asked = await mountedAgain();
  assert.equal((await asked(boris, "playtime", "[gg] bo"))?.[1], "[GG] Boris: 100 h\n[GG] Bob : not known yet");
  assert.match((await (await mountedAgain())(boris, "playtime", "nobody"))?.[1] ?? "", /Nobody here has "nobody"/);

  async function mountedAgain() {
    return (await withStub(t, ({ body }) => known(body.steam_ids))).say;
  }
});

test("!top lists who played most, by Steam's names or those of players on the server", async (t) => {
  const list = [
    { steam_id: boris.steamID, seconds: 90_000, last_seen: null, name: "Boris" },
    { steam_id: anna.steamID, seconds: 7_200, last_seen: null, name: null },
  ];
  const { stub, say } = await withStub(t, () => ({ body: list }));
  assert.equal((await say(anna, "top"))?.[1], "Most time in the last 30 days\n1. Boris: 25 h\n2. Анна: 2 h");
  assert.deepEqual(
    [stub.asked[0]?.path, stub.asked[0]?.body],
    ["/top-playtime/squadjs/", { game_id: squad, days: 30, limit: 5, exclude: [] }],
  );
});

test("!top says that there is no list, that it is empty, or gives the one of fewer days", async (t) => {
  const answers: [(days: unknown) => StubAnswer, RegExp][] = [
    [() => ({ status: 404, body: { code: "not-found", detail: "There is nothing at this address." } }), /no top list/],
    [() => ({ body: [] }), /not known yet/],
    [
      (days) =>
        days
          ? { status: 400, body: { detail: "days" } }
          : { body: [{ steam_id: anna.steamID, seconds: 3_600, name: "A" }] },
      /^Most time lately\n1\. A: 1 h$/,
    ],
  ];
  for (const [answer, words] of answers) {
    const { say } = await withStub(t, ({ body }) => answer(body["days"]));
    assert.match((await say(anna, "top"))?.[1] ?? "", words);
  }
});

test("a player who repeats a command gets one answer, and an error ends as words, not as an end of SquadJS", async (t) => {
  const { server, warned, say, plugin } = await withStub(t, () => ({ status: 401, body: { detail: "wrong secret" } }));
  assert.match((await say(anna, "playtime"))?.[1] ?? "", /cannot be read right now/);
  assert.match(server.said.join(), /401 wrong secret/);
  server.emit("CHAT_COMMAND:playtime", { eosID: anna.eosID, player: anna, message: "" });
  server.emit("CHAT_COMMAND:playtime", { player: null, message: "" });
  server.rcon.warn = () => Promise.reject(new Error("RCON is away"));
  const said = once(server, "heard");
  server.said.push = (...words) => Number(server.emit("heard", words));
  server.emit("CHAT_COMMAND:top", { eosID: boris.eosID, player: boris, message: "" });
  await said;
  assert.equal(warned.length, 1);
  await plugin.unmount();
  assert.equal(server.listenerCount("CHAT_COMMAND:playtime"), 0);
});
