import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createNames } from "../src/names.ts";
import { type SteamId, steamId } from "../src/parse.ts";
import { namesIn } from "../src/players/names.ts";
import { createSteam } from "../src/steam.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { eventually } from "./support/eventually.ts";
import { hmac, insertConnections, memoryLog, post, secrets, startTestService } from "./support/service.ts";
import { type SteamStub, startSteamStub } from "./support/steam-stub.ts";

const player = (number: number) => steamId(String(76561198000000000n + BigInt(number)), "player");
const [anna, boris, nobody] = [player(1), player(2), player(3)];
const day = 24 * 3_600_000;

let db: TestDatabase;
let stub: SteamStub;
let nowMs: number;

before(async () => {
  [db, stub] = await Promise.all([createTestDatabase(), startSteamStub()]);
});
after(async () => {
  await stub.stop();
  await db.drop();
});
beforeEach(async () => {
  await db.sql`truncate player_names`;
  nowMs = Date.now();
  stub.calls.length = 0;
  stub.states = { names: { [anna]: 'Anna, "the" \\ {one}', [boris]: "Борис 🎉" } };
});

function start({ key = "key", isAsked = true } = {}) {
  const { log } = memoryLog();
  const now = () => new Date(nowMs);
  const steam = createSteam({
    key: () => key,
    apiUrl: stub.url,
    timeoutMs: 1_000,
    callsPerSecond: 1_000,
    callsPerDay: 1_000,
    playtimes: { saveSteam: async () => {} },
    now,
    log,
  });
  return createNames({ stored: namesIn(db.database), steam, isAsked: () => isAsked, now, log });
}

const stored = () =>
  db.sql<{ id: SteamId; name: string | null }[]>`select steam_id::text as id, name from player_names order by 1`;

async function storedAre(count: number): Promise<void> {
  for (const tooLate = Date.now() + 10_000; (await stored()).length < count; await sleep(10))
    assert.ok(Date.now() < tooLate, "no names were stored");
}

test("names are told once Steam has answered in the background, in one call, whatever they hold", async () => {
  const names = start();
  assert.deepEqual(await names([anna, boris, nobody]), new Map());
  await storedAre(3);
  assert.deepEqual(
    await names([anna, nobody, boris]),
    new Map([
      [anna, 'Anna, "the" \\ {one}'],
      [boris, "Борис 🎉"],
    ]),
  );
  assert.deepEqual(
    stub.calls.map(({ method, key }) => [method, key]),
    [["summaries", "key"]],
  );
  assert.match(stub.calls[0]?.url ?? "", /^\/ISteamUser\/GetPlayerSummaries\/v2\//);
});

test("a name is asked again when it is a week old, and told until then; so is a player whom Steam does not know", async () => {
  const names = start();
  await names([anna, nobody]);
  await storedAre(2);
  nowMs += 6 * day;
  await names([anna, nobody]);
  nowMs += 2 * day;
  stub.states = { names: { [anna]: "Anna II", [nobody]: "Somebody" } };
  assert.equal((await names([anna, nobody])).get(anna), 'Anna, "the" \\ {one}');
  const isStored = async () => (await stored()).some(({ name }) => name === "Somebody");
  for (const tooLate = Date.now() + 10_000; !(await isStored()); await sleep(10)) assert.ok(Date.now() < tooLate);
  assert.deepEqual(
    await names([anna, nobody]),
    new Map([
      [anna, "Anna II"],
      [nobody, "Somebody"],
    ]),
  );
  assert.equal(stub.calls.length, 2);
});

test("more than a hundred players are several calls", async () => {
  const names = start();
  await names(Array.from({ length: 250 }, (_, number) => player(number)));
  await storedAre(250);
  assert.equal(stub.calls.length, 3);
});

test("nothing that Steam does holds an answer up, and without an answer nothing is stored", async () => {
  for (const summaries of [
    { hang: true },
    { status: 429 },
    { status: 500 },
    { raw: "<html>" },
    { raw: '{"response":{}}' },
  ] as const) {
    stub.states = { summaries };
    const startMs = performance.now();
    assert.deepEqual(await start()([anna]), new Map());
    assert.ok(performance.now() - startMs < 900, JSON.stringify(summaries));
  }
  // None is under way any more when the next test counts calls.
  await eventually("all five calls", () => stub.calls.length === 5);
  await sleep(50);
  assert.deepEqual([...(await stored())], []);
});

test("a name that Postgres could not take is stored as it can be", async () => {
  const names = start();
  stub.states = {
    summaries: {
      raw: JSON.stringify({
        response: {
          players: [
            { steamid: anna, personaname: `\u0000\ud800${"x".repeat(100)}` },
            { steamid: 5, personaname: "x" },
            null,
          ],
        },
      }),
    },
  };
  await names([anna]);
  await storedAre(1);
  assert.equal((await names([anna])).get(anna), `\ufffd\ufffd${"x".repeat(62)}`);
});

test("without a key, or switched off, Steam is not asked; what is stored is told", async () => {
  // Not those of whom a call of the tests above may still be under way.
  const [emma, fred] = [player(300), player(301)];
  await namesIn(db.database).save([{ steamId: emma, name: "Emma", checkedAt: "2020-01-01T00:00:00.000Z" }]);
  for (const names of [start({ key: "" }), start({ isAsked: false })])
    assert.deepEqual(await names([emma, fred]), new Map([[emma, "Emma"]]));
  await sleep(50);
  assert.deepEqual(
    stub.calls.filter(({ url }) => url.includes(emma) || url.includes(fred)),
    [],
  );
});

test("the top list tells names, and asks for those that it does not know", async () => {
  // Not those of whom a call of the tests above may still be under way.
  const [clara, dora] = [player(8), player(9)];
  stub.states = { names: { [clara]: "Клара", [dora]: 'Dora "the" \\ {one}' } };
  await insertConnections(db);
  const today = new Date().toISOString().slice(0, 10);
  await db.sql`insert into playtime_days values (${clara}, 1, ${today}, 60), (${dora}, 1, ${today}, 50)`;
  const service = await startTestService(db, {
    config: { STEAM: { KEY: "key", API_URL: stub.url }, HISTORY: { TIME_ZONE: "UTC" } },
  });
  const ask = async (): Promise<(string | null)[]> => {
    const body = JSON.stringify({ game_id: 1, days: 2 });
    const answer = await post(`${service.url}/top-playtime/plugin/`, body, {
      "x-signature": hmac(secrets.script, body),
    });
    return answer.json.map(({ name }: { name: string | null }) => name);
  };
  try {
    assert.deepEqual(await ask(), [null, null]);
    await storedAre(2);
    assert.deepEqual(await ask(), ["Клара", 'Dora "the" \\ {one}']);
  } finally {
    await service.stop();
  }
});
