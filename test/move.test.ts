import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../src/database/connect.ts";
import { importDjango } from "../src/django/import.ts";
import { awaitsImport } from "../src/django/source.ts";
import { startService } from "../src/service.ts";
import { cases, type Row, recordedConnections, replay } from "./compat/replay.ts";
import { cli } from "./support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "./support/database.ts";
import {
  createDjangoTables,
  databaseWithDjango,
  djangoContent,
  type Installation,
  insertPaths,
  insertTimes,
  installations,
} from "./support/django.ts";
import { deliverySignature, hmac, memoryLog, post, testConfig } from "./support/service.ts";
import { type SteamStub, startSteamStub } from "./support/steam-stub.ts";

/*
 * Moving from the Django service, played whole: its database in each of its versions, our service started on it, the
 * import, and then everybody goes on with the addresses and secrets that they have.
 */

let steam: SteamStub;
let replayed = 0;
before(async () => {
  steam = await startSteamStub();
});
after(() => steam.stop());

for (const [index, installation] of installations.entries())
  describe(`from the Django service after its migration ${installation.stage}, with ${installation.ids} ids`, () => {
    let db: TestDatabase;
    before(async () => {
      db = await createTestDatabase({ empty: true });
      await createDjangoTables(db.sql, installation);
      for (const connection of recordedConnections) await insertRecorded(db, connection, installation);
    });
    after(() => db.drop());

    test("everybody is let in as before and gets the same times", async () => {
      steam.states = { owned: { games: [{ appid: 393380, playtime_forever: 30 }] } };
      await insertTimes(db.sql, awkward);
      const content = await djangoContent(db.sql);
      const { log, lines } = memoryLog();
      const config = await testConfig({
        SERVER: { HOST: "127.0.0.1", PORT: 0 },
        STEAM: { KEY: "key", API_URL: steam.url },
      });
      useDatabase(config, db);
      const service = await startService({ config, log });
      try {
        const url = `http://127.0.0.1:${service.port}`;
        assert.ok(lines.some(({ message }) => message.includes("npm run cli -- import-django")));
        assert.equal((await ask(url, players)).status, 404);

        const moved = await cli("import-django", { env: environmentOf(db) });
        assert.equal(moved.code, 0, moved.err);
        assert.match(moved.out, /^players +4 {2}imported$/m);
        assert.match(moved.out, /^players +1 {2}left unchanged: a newer row of the same player and game was there$/m);
        assert.match(moved.out, /^players +2 {2}skipped: steam_id must be /m);
        assert.match(moved.out, /^players +1 {2}skipped: bm_playtime must be /m);
        assert.match(moved.out, /^battlemetrics connections +\d {2}imported$/m);

        assert.equal(await letIn(url), true);
        const answer = await ask(url, players);
        assert.deepEqual(
          answer.json.map((row: Record<string, unknown>) => [
            row["steam_playtime"],
            row["bm_playtime"],
            row["steam_status"],
          ]),
          [
            [360000, 7200, "ok"],
            [null, 5, "unchecked"],
            // The Django service did not know, and never asked again.
            [1800, null, "ok"],
            [60, null, "ok"],
          ],
        );
        assert.deepEqual([answer.json[0].created_at, answer.json[0].updated_at], [createdAt, updatedAt]);

        assert.equal((await deliver(url, players[0], 7300)).status, 200);
        await cli("import-django", { env: environmentOf(db) });
        assert.equal((await ask(url, players)).json[0].bm_playtime, 7300);
        assert.deepEqual(await djangoContent(db.sql), content);
      } finally {
        await service.stop();
      }
    });

    // The recorded cases take turns, so that each version of the database meets some of them; only the last version
    // knows fixed games.
    const turns = (path: string) => (path.includes("-fixed") ? [4, 5] : [0, 1, 2, 3, 4, 5]);
    const mine = cases.filter(({ request }, number) => {
      const possible = turns(request.path);
      return possible[number % possible.length] === index;
    });
    test(`${mine.length} recorded requests are answered as if our own service had stored the players`, async (t) => {
      const from = createClient(db.address, 1);
      t.after(() => from.end());
      const storeRows = async (rows: Row[]) => {
        await db.sql`delete from playtimes`;
        await db.sql`delete from playtime_playtime`;
        if (rows.length === 0) return;
        await insertTimes(db.sql, rows.map(recordedTimes));
        await importDjango({
          from,
          into: db.database,
          dryRun: false,
          onProgress: () => {},
          onRemark: () => {},
          onSkipped: async (skipped) => assert.deepEqual(skipped, []),
        });
      };
      replayed += mine.length;
      for (const recorded of mine) await t.test(recorded.name, () => replay(recorded, { db, steam, storeRows }));
    });
  });

test("each recorded case has had its turn in one of the databases", () => assert.equal(replayed, cases.length));

test("the service names the command at its start while its own tables are empty, and imports nothing by itself", async (t) => {
  const db = await databaseWithDjango(t);
  await insertTimes(db.sql, [{ steamId: "76561198000000001", bm: 1 }]);
  const hints = async () => {
    const { log, lines } = memoryLog();
    const config = await testConfig({ SERVER: { HOST: "127.0.0.1", PORT: 0 } });
    useDatabase(config, db);
    const service = await startService({ config, log });
    await service.stop();
    return lines.filter((line) => line.message.includes("npm run cli -- import-django")).length;
  };
  assert.equal(await hints(), 1);
  assert.equal((await db.sql`select from playtimes`).length, 0);
  await cli("import-django", { env: environmentOf(db) });
  assert.equal(await hints(), 0);

  const plain = await createTestDatabase();
  t.after(plain.drop);
  assert.equal(await awaitsImport(plain.sql), false);
});

const players = ["76561198000000001", "76561198000000002", "76561198000000003", "765611980000000004"];
const createdAt = "2025-02-20T10:20:30.123Z";
const updatedAt = "2025-03-01T11:22:33.654Z";
const awkward = [
  { steamId: "76561198000000001", steam: 360000, bm: 7200 },
  { steamId: "76561198000000001 ", steam: 1, bm: 1, updated: "2025-02-28 00:00:00+00" },
  { steamId: "76561198000000002", bm: 5 },
  { steamId: "76561198000000003" },
  { steamId: "765611980000000004", steam: 60 },
  { steamId: "７６561198000000005", bm: 1 },
  { steamId: "765", bm: 1 },
  { steamId: "76561198000000006", bm: -7 },
];

type Recorded = (typeof recordedConnections)[number];

function insertRecorded(db: TestDatabase, { kind, path, secret, enabled, fixedGameId }: Recorded, of: Installation) {
  const fixed = of.stage === 3 && fixedGameId !== null ? { fixedGameId } : {};
  return insertPaths(db.sql, kind, [{ path, secret: secret ?? "", enabled, ...fixed }]);
}

function recordedTimes(row: Row) {
  const { steam_id, game_id, steam_playtime, bm_playtime, created_at, updated_at } = row;
  const times = { steam: steam_playtime, bm: bm_playtime, created: created_at, updated: updated_at };
  return { steamId: steam_id, gameId: game_id, ...times };
}

function useDatabase(config: Awaited<ReturnType<typeof testConfig>>, { address }: TestDatabase): void {
  if ("url" in address) config.databaseUrl = address.url;
  else Object.assign(config.POSTGRES, { HOST: address.host, DATABASE_NAME: address.database, USER: address.user });
}

/** As the JavaScript library of the Django service asks. */
function ask(url: string, steamIds: string[]) {
  const body = JSON.stringify({ steam_ids: steamIds, game_id: 393380, is_need_update: false });
  return post(`${url}/get-playtime/get-main/`, body, {
    "Content-Type": "application/json",
    "X-SIGNATURE": hmac("get-secret-1", body),
  });
}

function deliver(url: string, steamId: string | undefined, seconds: number) {
  const body = JSON.stringify({ steam_id: steamId, playtime: String(seconds), game_id: 393380 });
  return post(`${url}/set-playtime/bm/bm-main/`, body, { "X-Signature": deliverySignature("bm-secret-1", body) });
}

/** A running service knows new connections within 5 seconds. */
async function letIn(url: string): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if ((await ask(url, ["76561198000000001"])).status === 200) return true;
    await sleep(100);
  }
  return false;
}
