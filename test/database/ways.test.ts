import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServerAddress } from "../../src/database/address.ts";
import { connect, createClient, type Database, type Sql } from "../../src/database/connect.ts";
import { inTransaction } from "../../src/database/transaction.ts";
import { Refusal } from "../../src/http/refusal.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startPooler } from "../support/pooler.ts";
import { memoryLog } from "../support/service.ts";

/* What one way does, fills, blocks or loses is nothing to the other. */

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
  await db.sql`create table held (value int primary key)`;
});
after(() => db.drop());

function opened(options: Parameters<typeof connect>[2] = {}) {
  const { log, lines } = memoryLog();
  return { database: connect(db.address, log, options), lines };
}

const isAway = (error: unknown) => error instanceof Refusal && error.code === "database-away";

/** Holds a table so that nobody else can read or write it, while `work` lasts. */
async function whileLocked(table: string, work: () => Promise<void>): Promise<void> {
  const blocker = createClient(db.address, 1);
  try {
    await blocker`begin`;
    await blocker`lock table ${blocker(table)} in access exclusive mode`;
    await work();
  } finally {
    await blocker`rollback`;
    await blocker.end();
  }
}

/** How many connections there are to our database, but for the test's own. */
async function backends(where = (sql: Sql) => sql`true`): Promise<number> {
  const [row] = await db.sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity
    where datname = ${db.name} and pid <> pg_backend_pid() and application_name = 'playtime-service' and ${where(db.sql)}`;
  return row?.count ?? 0;
}

async function soon(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (const tooLate = performance.now() + 10_000; !(await condition()); await sleep(20))
    assert.ok(performance.now() < tooLate, `not within 10 s: ${what}`);
}

test("what stands aside and is blocked does not hold up deliveries, and the other way round", async (t) => {
  const { database } = opened();
  t.after(database.close);
  for (const [blocked, free] of [
    [database.aside, database],
    [database, database.aside],
  ] as const)
    await whileLocked("held", async () => {
      const many = Array.from({ length: 30 }, () =>
        assert.rejects(
          blocked.run((sql) => sql`select * from held`),
          isAway,
        ),
      );
      const startMs = performance.now();
      await free.run((sql) => sql`select 1`);
      assert.ok(performance.now() - startMs < 1_000);
      await Promise.all(many);
      await free.run((sql) => sql`select 1`);
    });
  assert.equal(database.status().renewals, 0);
  assert.ok(database.status().failures.timeout >= 60);
});

test("what was given up ends at the server too: nothing piles up, and no connection is given up for it", async (t) => {
  const { database } = opened();
  t.after(database.close);
  await whileLocked("held", async () => {
    for (let round = 0; round < 3; round += 1) {
      const given = [database, database.aside].map((way) =>
        assert.rejects(
          way.run((sql) => sql`insert into held values (${round})`),
          isAway,
        ),
      );
      await Promise.all(given);
      const count = await backends((sql) => sql`wait_event_type = 'Lock'`);
      assert.ok(count <= 4, `${count} statements wait`);
    }
    await soon(async () => (await backends((sql) => sql`wait_event_type = 'Lock'`)) === 0, "all have ended");
  });
  assert.equal((await db.sql`select from held`).length, 0);
  assert.equal(database.status().renewals, 0);
});

test("however much is asked, there are at most 5 connections for deliveries and 2 for all else", async (t) => {
  const { database } = opened();
  t.after(database.close);
  let running = true;
  let most = 0;
  const watching = (async () => {
    for (; running; await sleep(5)) most = Math.max(most, await backends());
  })();
  const before = await backends();
  const long = Array.from({ length: 3 }, () =>
    inTransaction(database, "snapshot", (sql) => sql`select pg_sleep(0.2)`.then(() => sql`select 1`)),
  );
  const short = [database, database.aside].flatMap((way) =>
    Array.from({ length: 40 }, () => way.run((sql) => sql`select pg_sleep(0.01)`)),
  );
  await Promise.all([...long, ...short]);
  running = false;
  await watching;
  // The one that is closed for a long work may be there for a moment yet.
  assert.ok(most - before <= 8, `${most - before} connections`);
  assert.equal(database.status().connections, 7);
});

test("panel and lists have each statement planned for its values; deliveries keep their plans", async (t) => {
  const { database } = opened();
  t.after(database.close);
  const modeOf = (sql: Sql) => sql<{ mode: string }[]>`select current_setting('plan_cache_mode') as mode`;
  assert.deepEqual([...(await database.aside.run(modeOf))], [{ mode: "force_custom_plan" }]);
  assert.deepEqual([...(await database.run(modeOf))], [{ mode: "auto" }]);
});

test("long work, one at a time, leaves the panel a connection, and is not ended by the limit of time", async (t) => {
  const { database } = opened();
  t.after(database.close);
  const limitOf = (sql: Sql) => sql<{ limit: string }[]>`select current_setting('statement_timeout') as limit`;
  const order: string[] = [];
  const long = (name: string) =>
    database.alone(async (sql) => {
      order.push(`${name} begins`);
      const [row] = await limitOf(sql);
      await sql`select pg_sleep(0.3)`;
      order.push(`${name} ends`);
      return row?.limit;
    });
  const both = Promise.all([long("one"), long("two")]);
  await database.aside.run((sql) => sql`select 1`);
  assert.deepEqual(await both, ["0", "0"]);
  assert.deepEqual(order, ["one begins", "one ends", "two begins", "two ends"]);
  for (const way of [database, database.aside]) {
    const [row] = await way.run(limitOf);
    assert.equal(row?.limit, "1800ms");
  }
});

test("who waits for long work of others may give up", async (t) => {
  const { database } = opened();
  t.after(database.close);
  const long = database.alone((sql) => sql`select pg_sleep(0.5)`);
  await assert.rejects(
    database.alone((sql) => sql`select 1`, AbortSignal.timeout(50)),
    (error) => error instanceof Refusal && error.code === "overloaded",
  );
  await long;
});

test("a connection that is lost aside is none of the deliveries'", async (t) => {
  const { database } = opened();
  t.after(database.close);
  const pidBy = async (way: Pick<Database, "run">) =>
    (await way.run((sql) => sql<{ pid: number }[]>`select pg_backend_pid() as pid`))[0]?.pid;
  const [mine, other] = [await pidBy(database), await pidBy(database.aside)];
  await db.sql`select pg_terminate_backend(${other ?? 0}::int)`;
  await soon(async () => (await pidBy(database.aside).catch(() => other)) !== other, "another connection");
  assert.equal(await pidBy(database), mine);
});

test("a statement that is wrong is its own fault: it is thrown as it is, and all connections stay", async (t) => {
  const { database, lines } = opened();
  t.after(database.close);
  await database.run((sql) => sql`select 1`);
  for (const [way, code] of [
    [database, "42703"],
    [database.aside, "42P01"],
    [database, "22012"],
  ] as const)
    await assert.rejects(
      way.run((sql) =>
        code === "42703"
          ? sql`select no_such_column`
          : code === "42P01"
            ? sql`select from no_such_table`
            : sql`select 1/0`,
      ),
      { code },
    );
  const { renewals, failures, isUp } = database.status();
  assert.deepEqual([renewals, failures.statement, isUp], [0, 3, true]);
  assert.deepEqual(lines, []);
});

test("a deadlock and a conflict of transactions are tried again, on the same connections", async (t) => {
  const { database } = opened();
  t.after(database.close);
  let tries = 0;
  const pids = new Set<number>();
  const done = await database.run(async (sql) => {
    tries += 1;
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    pids.add(row?.pid ?? 0);
    const code = ["40001", "40P01"][tries - 1];
    if (code) await sql.unsafe(`do $$ begin raise exception 'a test' using errcode = '${code}'; end $$`);
    return "done";
  });
  assert.equal(done, "done");
  assert.deepEqual([tries, pids.size, database.status().renewals], [3, 1, 0]);
});

test("a server that stops, has lost what was prepared, or has become read-only gets new connections", async (t) => {
  for (const code of ["57P01", "26000", "25006"]) {
    const { database } = opened();
    t.after(database.close);
    let tries = 0;
    await database.run(async (sql) => {
      tries += 1;
      if (tries === 1) await sql.unsafe(`do $$ begin raise exception 'a test' using errcode = '${code}'; end $$`);
    });
    assert.deepEqual([tries, database.status().renewals], [2, 1], code);
  }
});

test("no variable of the environment that begins with PG changes anything", async (t) => {
  const variables: Record<string, string> = {
    PGHOST: "no-such-host.invalid",
    PGPORT: "1",
    PGUSER: "nobody-here",
    PGUSERNAME: "nobody-here",
    PGPASSWORD: "wrong",
    PGDATABASE: "no_such_database",
    PGAPPNAME: "another",
    PGMAX: "1",
    PGSSL: "verify-full",
    PGSSLNEGOTIATION: "direct",
    PGIDLE_TIMEOUT: "1",
    PGCONNECT_TIMEOUT: "1",
    PGMAX_LIFETIME: "1",
    PGMAX_PIPELINE: "0",
    PGBACKOFF: "true",
    PGKEEP_ALIVE: "1",
    PGPREPARE: "false",
    PGDEBUG: "true",
    PGFETCH_TYPES: "true",
    PGPUBLICATIONS: "none",
    PGTARGET_SESSION_ATTRS: "standby",
    PGTARGETSESSIONATTRS: "nonsense",
  };
  for (const [name, value] of Object.entries(variables)) process.env[name] = value;
  t.after(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
  });
  const { database, lines } = opened();
  t.after(database.close);
  const who = (sql: Sql) => sql<{ pid: number; application: string; prepared: number }[]>`
    select pg_backend_pid() as pid, current_setting('application_name') as application,
      (select count(*)::int from pg_prepared_statements) as prepared`;
  const [first] = await database.run(who);
  // A backup takes longer than a connection would live.
  const long = database.alone(async (sql) => sql<{ value: number }[]>`select 1 as value from pg_sleep(2.2)`);
  await sleep(1_500);
  const [later] = await database.run(who);
  assert.deepEqual(later && { ...later, prepared: 0 }, first && { ...first, prepared: 0 });
  assert.equal(first?.application, "playtime-service");
  assert.ok((later?.prepared ?? 0) > 0);
  assert.equal((await long)[0]?.value, 1);
  assert.deepEqual([database.status().renewals, lines.length], [0, 0]);
});

test("a pooler that refuses the limit of time is used without, which is said once", async (t) => {
  const direct = db.address;
  if ("url" in direct) return t.skip("the server of TEST_DATABASE_URL");
  const pooler = await startPooler(direct);
  t.after(pooler.close);
  const { log, lines } = memoryLog();
  const address: ServerAddress = { ...direct, host: "127.0.0.1", port: pooler.port };
  const database = connect(address, log);
  t.after(database.close);
  for (const way of [database, database.aside]) await way.run((sql) => sql`select 1`);
  await inTransaction(database, "snapshot", (sql) => sql`select 1`);
  const said = lines.filter(({ message }) => /ALTER ROLE .* SET statement_timeout/.test(message));
  assert.deepEqual([said.length, pooler.refused()], [1, 1]);
  assert.equal(database.status().renewals, 0);
});

test("with a limit of time in the role, as for poolers, long work still is not ended by it", async (t) => {
  const { database } = opened();
  t.after(database.close);
  await db.sql.unsafe(`alter database ${db.name} set statement_timeout = '100ms'`);
  t.after(() => db.sql.unsafe(`alter database ${db.name} reset statement_timeout`));
  await inTransaction(database, "change", (sql) => sql`select pg_sleep(0.3)`);
  await database.alone((sql) => sql`select pg_sleep(0.3)`);
});
