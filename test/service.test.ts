import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startService } from "../src/service.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { createDjangoTables } from "./support/django.ts";
import { memoryLog, testConfig } from "./support/service.ts";

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());

async function start(port = 0, user?: string) {
  const config = await testConfig({ SERVER: { HOST: "127.0.0.1", PORT: port } });
  const { address } = db;
  if ("url" in address) config.databaseUrl = address.url;
  else
    Object.assign(config.POSTGRES, {
      HOST: address.host,
      USER: user ?? address.user,
      DATABASE_NAME: address.database,
    });
  const { log, lines } = memoryLog();
  return { starting: startService({ config, log }), lines };
}

test("a start that fails leaves nothing behind: no timer, no connection, no replica", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const { starting } = await start(typeof address === "object" && address ? address.port : 0);
  await assert.rejects(starting, { code: "EADDRINUSE" });
  // Timers that have run out are counted for a moment yet.
  for (const tooLate = performance.now() + 5_000; timers() > before && performance.now() < tooLate; ) await sleep(50);
  assert.equal(timers(), before);
  const [left] = await db.sql<{ replicas: number; connections: number }[]>`
    select (select count(*)::int from replicas) as replicas, (select count(*)::int from pg_stat_activity
      where datname = ${db.name} and pid <> pg_backend_pid() and query like '%from connections%' and query not like '%pg_stat%') as connections`;
  assert.deepEqual(left, { replicas: 0, connections: 0 });
  taken.close();
});

test("tables that are locked, so that it is not known whether there is something to import, do not end a start", async (t) => {
  await createDjangoTables(db.sql, { stage: 3, ids: "identity" });
  const blocker = await db.sql.reserve();
  await blocker`begin`;
  await blocker`lock table playtimes in access exclusive mode`;
  t.after(() => blocker.release());
  const { starting } = await start();
  const service = await starting;
  await blocker`rollback`;
  assert.equal((await fetch(`http://127.0.0.1:${service.port}/healthz`)).status, 200);
  await service.stop();
});
