import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { dayIn } from "../../src/calendar.ts";
import { createClient } from "../../src/database/connect.ts";
import { steamId } from "../../src/parse.ts";
import { playtimesIn } from "../../src/players/playtimes.ts";
import { removePlayer } from "../../src/players/remove.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

const squad = 393_380;
const player = steamId("76561198000000001", "player");
const other = steamId("76561198000000002", "player");
const history = { keepDays: 400, dayOf: dayIn("UTC") };

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());

const told = (seconds: number, by = playtimesIn(db.database, { history }), id = player, gameId = squad) =>
  by.saveBattlemetrics({ steamId: id, gameId, seconds, signedAt: new Date(Date.UTC(2026, 0, 2, 0, 0, seconds)) });

const daysOf = (id: string) => db.sql`select day from playtime_days where steam_id = ${id}`;

test("a player goes from every game and every day; the others stay", async () => {
  for (const id of [player, other])
    for (const game of [440, squad]) for (const seconds of [1, 2]) await told(seconds, undefined, id, game);
  await db.sql`insert into player_names values (${player}, 'Anna', now()), (${other}, 'Boris', now())`;
  assert.equal(await removePlayer(db.database, player), 2);
  assert.deepEqual([...(await db.sql`select name from player_names`)], [{ name: "Boris" }]);
  assert.equal((await daysOf(player)).length, 0);
  assert.equal((await db.sql`select from playtimes where steam_id = ${player}`).length, 0);
  assert.equal((await daysOf(other)).length, 2);
  assert.equal(await removePlayer(db.database, player), 0);
});

test("a delivery that is under way leaves no day behind", async () => {
  for (const seconds of [10, 20]) await told(seconds);
  const client = createClient(db.address, 1);
  await client`begin`;
  await told(30, playtimesIn({ run: (statement) => statement(client) }, { history }));
  const removing = removePlayer(db.database, player);
  const isWaiting = () => db.sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like 'delete from playtimes%'`;
  for (const tooLate = Date.now() + 8_000; (await isWaiting()).length === 0; )
    assert.ok(Date.now() < tooLate, "the removal did not wait for the delivery");
  await client`commit`;
  assert.equal(await removing, 1);
  assert.equal((await daysOf(player)).length, 0);
  await client.end();
});

test("a player who comes back begins anew", async () => {
  for (const seconds of [40, 50]) await told(seconds);
  await removePlayer(db.database, player);
  await told(60);
  assert.equal((await daysOf(player)).length, 0);
});
