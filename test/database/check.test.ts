import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openDatabase } from "../../src/database/open.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { memoryLog, testConfig } from "../support/service.ts";

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase({ empty: true });
  // What a server says of itself, here ours in the words of others.
  await db.sql.unsafe(`alter database ${db.name} set search_path = public, pg_catalog`);
});
after(() => db.drop());

async function opening() {
  const config = await testConfig({ POSTGRES: { WAIT_SECONDS: 30 } });
  const { address } = db;
  if ("url" in address) config.databaseUrl = address.url;
  else Object.assign(config.POSTGRES, { HOST: address.host, USER: address.user, DATABASE_NAME: address.database });
  return openDatabase(config, memoryLog().log);
}

test("servers that speak Postgres' language and are something else are refused at once, in a sentence", async () => {
  for (const [version, name] of [
    ["CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27)", "CockroachDB"],
    ["PostgreSQL 11.2-YB-2.20.1.0-b0 on x86_64-pc-linux-gnu", "YugabyteDB"],
    ["PostgreSQL 15.2-YB-2025.1 on x86_64-pc-linux-gnu", "YugabyteDB"],
  ]) {
    await db.sql.unsafe(
      `create or replace function public.version() returns text language sql as $$ select '${version}' $$`,
    );
    const sinceMs = performance.now();
    await assert.rejects(opening(), {
      name: "DatabaseProblem",
      message: `This server is ${name}, which lacks things that the service needs of PostgreSQL: use PostgreSQL 12 or later.`,
    });
    assert.ok(performance.now() - sinceMs < 10_000);
  }
  await db.sql`drop function public.version()`;
});

test("a Postgres that is too old is refused at once, in a sentence", async () => {
  await db.sql`create function public.version() returns text language sql as $$ select 'PostgreSQL 11.22 on x86_64' $$`;
  await db.sql`
    create function public.current_setting(name text) returns text language sql as $$
      select case name when 'server_version_num' then '110022' else pg_catalog.current_setting(name) end $$`;
  await assert.rejects(opening(), {
    name: "DatabaseProblem",
    message: "This server is too old (PostgreSQL 11.22): use PostgreSQL 12 or later.",
  });
  assert.deepEqual([...(await db.sql`select to_regclass('schema_files') as made`)], [{ made: null }]);
});
