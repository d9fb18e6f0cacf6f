import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { cli, type Ran } from "../support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "../support/database.ts";
import { insertConnections } from "../support/service.ts";

/* How connections stand, by the command line; pausing, and after what time one is late. */

let db: TestDatabase;
let run: (args: string) => Promise<Ran>;

before(async () => {
  db = await createTestDatabase();
  run = (args) => cli(args, { env: environmentOf(db) });
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate connections, accepted_requests, refused_requests, refused_in_a_row, hourly_counts`;
  await insertConnections(db);
});

const row = async () => (await db.sql`select is_paused, expect_hours from connections where path = 'bm'`)[0];

async function accepted(path: string, hoursAgo: number) {
  await db.sql`
    insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms)
    values ('battlemetrics', ${path}, now() - ${hoursAgo} * interval '1 hour', false, 1, 1)`;
}

async function refused(path: string, count: number) {
  await db.sql`
    insert into refused_requests (kind, path, minute, code, count, at, reason, duration_ms)
    values ('battlemetrics', ${path}, date_trunc('minute', now()), 'bad-signature', ${count}, now(), 'the reason', 1)`;
  await db.sql`insert into refused_in_a_row values ('battlemetrics', ${path}, ${count}, false)`;
}

test("connections pause and resume change what they say, for BattleMetrics only", async () => {
  const paused = await run("connections pause battlemetrics bm");
  assert.equal(paused.code, 0);
  assert.match(paused.out, /"bm" is paused: deliveries get 200, but are not stored.*connections resume/s);
  assert.equal((await row())?.["is_paused"], true);
  assert.match((await run("connections list")).out, /battlemetrics +bm +paused/);
  assert.match((await run("connections resume battlemetrics bm")).out, /"bm" is resumed/);
  assert.equal((await row())?.["is_paused"], false);
  for (const args of ["connections pause script plugin", "connections resume script plugin"]) {
    const { code, err } = await run(args);
    assert.deepEqual([code, /Only a battlemetrics connection can be paused/.test(err)], [1, true]);
  }
  assert.equal((await run("connections pause battlemetrics nobody")).code, 1);
});

test("connections expect takes hours or never, and nothing else", async () => {
  assert.match((await run("connections expect battlemetrics bm 6")).out, /late after 6 h without a delivery/);
  assert.equal((await row())?.["expect_hours"], 6);
  assert.match((await run("connections show battlemetrics bm")).out, /^expected {2}every 6 h$/m);
  for (const hours of ["0", "8761", "1.5", "-1", "soon", "6h"]) {
    const { code, err } = await run(`connections expect battlemetrics bm ${hours}`);
    assert.equal(code, 2, hours);
    if (hours !== "-1") assert.match(err, /the hours must be a whole number from 1 to 8760, or never/);
  }
  assert.equal((await row())?.["expect_hours"], 6);
  assert.match((await run("connections expect battlemetrics bm never")).out, /is never late/);
  assert.equal((await row())?.["expect_hours"], null);
  const script = await run("connections expect script plugin 6");
  assert.deepEqual([script.code, /Only a battlemetrics connection can be late/.test(script.err)], [1, true]);
});

test("connections list and stats show each state in words, the worst first", async () => {
  for (const path of ["a-up", "b-off", "c-paused", "d-late", "e-bare", "f-refusing"])
    await db.sql`insert into connections (kind, path, secret, enabled) values ('battlemetrics', ${path}, 'secret', true)`;
  await db.sql`update connections set enabled = false where path = 'b-off'`;
  await db.sql`update connections set is_paused = true where path = 'c-paused'`;
  await db.sql`update connections set secret = null where path = 'e-bare'`;
  await accepted("a-up", 1);
  await accepted("d-late", 31);
  await accepted("f-refusing", 1);
  await refused("f-refusing", 3);
  await refused("a-up", 2);
  const expected = [
    ["f-refusing", "refusing"],
    ["e-bare", "no-secret"],
    ["d-late", "late"],
    ["bm", "waiting"],
    ["plugin", "waiting"],
    ["c-paused", "paused"],
    ["b-off", "off"],
    ["a-up", "up"],
  ];
  const list = JSON.parse((await run("connections list --json")).out);
  const stats = JSON.parse((await run("stats --json")).out).connections;
  for (const found of [list, stats])
    assert.deepEqual(
      found.map(({ path, state }: { path: string; state: string }) => [path, state]),
      expected,
    );
  for (const { out } of [await run("connections list"), await run("stats")]) {
    assert.match(out, /battlemetrics +f-refusing +refusing: The signature does not match: the sender uses a different/);
    assert.match(out, /battlemetrics +bm +waiting for its first delivery/);
    assert.match(out, /script +plugin +waiting for its first query/);
    assert.match(out, /e-bare +no secret.*d-late +late.*a-up +up/s);
  }
  const show = (await run("connections show battlemetrics d-late")).out;
  assert.match(show, /^state +late\n +BattleMetrics switches a webhook off after errors/m);
  assert.equal(JSON.parse((await run("connections show battlemetrics d-late --json")).out).state, "late");
});
