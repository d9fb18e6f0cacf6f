import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient, type Sql } from "../../src/database/connect.ts";
import { activityIn } from "../../src/watch/read.ts";
import { startOf } from "../../src/watch/spans.ts";
import { keptRequests, tidy, writeNotes } from "../../src/watch/write.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

/* A thousand connections and a million notes, far more than are kept: nothing reads them all, and they become fewer. */

const connections = 1_000;
const notesOfEach = 1_000;
const replica = "00000000-0000-4000-8000-000000000001";
/** What a statement of ours may take; here with slack for a machine that has other work. */
const limitMs = 1_600;

let db: TestDatabase;
let client: Sql;

before(async () => {
  db = await createTestDatabase();
  await db.sql`alter table accepted_requests drop constraint accepted_requests_pkey`;
  await db.sql`alter table refused_requests drop constraint refused_requests_pkey`;
  await db.sql`drop index accepted_requests_kind_path_id_idx`;
  await db.sql`
    insert into connections (kind, path, secret) select 'battlemetrics', 'bm-' || n, 'secret' from generate_series(1, ${connections}) n`;
  await db.sql`
    insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms)
    select 'battlemetrics', 'bm-' || 1 + n % ${connections}, now() - n * interval '1 ms', false, 1, 1
    from generate_series(1, ${(connections * notesOfEach) / 2}) n`;
  await db.sql`
    insert into refused_requests (kind, path, minute, code, count, at, reason, duration_ms)
    select 'battlemetrics', 'bm-' || c, date_trunc('minute', now()) - m * interval '1 minute', 'bad-signature', 1,
      now() - m * interval '1 minute', 'a reason', 1
    from generate_series(1, ${connections}) c, generate_series(1, ${notesOfEach / 2}) m`;
  await db.sql`
    insert into hourly_counts (hour, kind, path, outcome, count)
    select date_trunc('hour', now()) - h * interval '1 hour', 'battlemetrics', 'bm-' || c, 'accepted', 1
    from generate_series(1, ${connections}) c, generate_series(0, 750) h`;
  await db.sql`alter table accepted_requests add primary key (id)`;
  await db.sql`alter table refused_requests add primary key (kind, path, minute, code)`;
  await db.sql`create index on accepted_requests (kind, path, id)`;
  await db.sql`analyze accepted_requests, refused_requests, hourly_counts, connections`;
  client = createClient(db.address, 1);
});
after(async () => {
  await client.end();
  await db.drop();
});

const own = { run: <T>(statement: (sql: Sql) => Promise<T>) => statement(client) };

/** Runs it, and tells how often the tables of notes were read from end to end, and how long it took. */
async function measured(work: () => Promise<unknown>) {
  const scans = async () => {
    const [row] = await client<{ scans: number }[]>`
      select sum(seq_scan)::int as scans from pg_stat_xact_user_tables
      where relname in ('accepted_requests', 'refused_requests', 'hourly_counts')`;
    return row?.scans ?? 0;
  };
  await client`begin`;
  const before = await scans();
  const startMs = performance.now();
  await work();
  const ms = performance.now() - startMs;
  const after = await scans();
  await client`commit`;
  return { ms, scans: after - before };
}

async function rows(): Promise<{ accepted: number; refused: number; most: number }> {
  const [row] = await db.sql<{ accepted: number; refused: number; most: number }[]>`
    select (select count(*)::int from accepted_requests) as accepted, (select count(*)::int from refused_requests) as refused,
      (select max(count)::int from (select count(*) from accepted_requests group by kind, path) as each) as most`;
  return row ?? assert.fail();
}

test("a read of a whole table would be seen", async () => {
  assert.equal((await measured(() => client`select count(*) from hourly_counts`)).scans, 1);
});

test("the panel's summaries look up a few rows of each connection", async () => {
  const found = await measured(() => activityIn(own).summaries());
  assert.equal(found.scans, 0);
  assert.ok(found.ms < limitMs, `${found.ms} ms`);
  const summaries = await activityIn(own).summaries();
  assert.equal(summaries.length, connections);
  assert.ok(summaries.every(({ accepted, acceptedAt }) => accepted >= 23 && acceptedAt !== null));
});

test("the charts of 30 days: a connection's by index, everybody's within the limit of a page", async () => {
  const since = startOf("30d", new Date());
  const one = await measured(() => activityIn(own).hourly(since, { kind: "battlemetrics", path: "bm-7" }));
  assert.equal(one.scans, 0);
  const all = await measured(() => activityIn(own).hourly(since));
  assert.ok(one.ms < limitMs && all.ms < limitMs, `${one.ms} and ${all.ms} ms`);
});

test("what is written removes what is too old of the same connections, a part each time, until it has caught up", async () => {
  let number = 0;
  const write = (count: number) => {
    number += 1;
    const names = Array.from({ length: count }, (_, index) => ({ kind: "battlemetrics", path: `bm-${index + 1}` }));
    return writeNotes(own, {
      replica,
      number,
      counts: names.map((one) => ({ ...one, outcome: "accepted", count: 1 })),
      accepted: names.map((one) => ({
        ...one,
        at: new Date().toISOString(),
        is_ignored: false,
        is_paused: false,
        steam_id: null,
        players: 1,
        duration_ms: 1,
        request_id: null,
      })),
      refused: [],
      inARow: [],
    });
  };
  const before = await rows();
  const all = await measured(() => write(connections));
  assert.equal(all.scans, 0);
  assert.ok(all.ms < limitMs, `${all.ms} ms`);
  const once = await rows();
  assert.ok(once.accepted < before.accepted && once.refused < before.refused);
  // One connection is caught up with at once.
  const one = await measured(() => write(1));
  assert.equal(one.scans, 0);
  const [left] = await db.sql<{ accepted: number; refused: number }[]>`
    select (select count(*)::int from accepted_requests where path = 'bm-1') as accepted,
      (select count(*)::int from refused_requests where path = 'bm-1') as refused`;
  assert.deepEqual(left, { accepted: keptRequests, refused: keptRequests });
});

test("tidying reads no table from end to end, and removes what is known of connections that are gone", async () => {
  await db.sql`delete from connections where path in ('bm-500', 'bm-501')`;
  const found = await measured(() => tidy(own, replica, true));
  assert.equal(found.scans, 0);
  assert.ok(found.ms < limitMs, `${found.ms} ms`);
  const [left] = await db.sql<{ count: number }[]>`
    select (select count(*) from accepted_requests where path in ('bm-500', 'bm-501'))
      + (select count(*) from refused_requests where path in ('bm-500', 'bm-501'))
      + (select count(*) from hourly_counts where path in ('bm-500', 'bm-501')) as count`;
  assert.equal(Number(left?.count), 0);
  const [old] = await db.sql`select from hourly_counts where hour < now() - interval '31 days' limit 1`;
  assert.equal(old, undefined);
});
