import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../src/database/connect.ts";
import { embeddedDatabase, embeddedUser } from "../../src/database/embedded/embedded.ts";
import { cli } from "../support/cli.ts";
import { createLedger, startLoad } from "../support/load.ts";
import { createBrowser, panelPassword } from "../support/panel.ts";
import { startProcess } from "../support/process.ts";
import { hmac, insertConnections, post, secrets } from "../support/service.ts";

/*
 * The embedded database has 12 connections. Whatever happens at once (here: a flood, open pages, a long list, a backup, two
 * commands, and somebody who locks the table of players for longer than any statement may take) they suffice.
 */

const lockedMs = 10_000;

test("the embedded database's connections suffice in every case, and a locked table keeps nobody from signing in", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "playtime-connections-"));
  const env = { PLAYTIME_SERVER_DATA_DIR: dataDir };
  const service = await startProcess({ env: { ...env, PLAYTIME_ADMIN_PASSWORD: panelPassword } });
  const host = join(dataDir, "pg.socket");
  const sql = createClient(
    { host, port: 5432, database: embeddedDatabase, user: embeddedUser, password: "", sslmode: "disable" },
    1,
  );
  t.after(async () => {
    await sql.end({ timeout: 1 });
    await service.end("SIGKILL");
    await sleep(1_000);
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  await insertConnections({ sql });
  await sql`
    insert into playtimes (steam_id, game_id, bm_seconds) select 76561198000000000 + n, n % 3, n from generate_series(1, 50000) n`;
  const ledger = createLedger();
  const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 16 });
  const browser = createBrowser(service);
  assert.equal((await browser.post("/admin/sign-in/", { password: panelPassword })).status, 303);
  for (const tooLate = Date.now() + 20_000; load.count(200) < 100; await sleep(50)) assert.ok(Date.now() < tooLate);

  let most = 0;
  let running = true;
  const watching = (async () => {
    for (; running; await sleep(20)) {
      // Within a transaction it would be what it was at first.
      await sql`select pg_stat_clear_snapshot()`;
      const [row] = await sql<{ count: number }[]>`
        select count(*)::int as count from pg_stat_activity where backend_type = 'client backend'`;
      most = Math.max(most, row?.count ?? 0);
    }
  })();
  // A statement of one of the two commands waits for the lock too.
  await sql`begin`;
  await sql`lock table playtimes in access exclusive mode`;
  const untilMs = performance.now() + lockedMs;
  const body = JSON.stringify({ steam_ids: ["76561198000000001"], game_id: 1 });
  const busy = [
    ...Array.from({ length: 8 }, async () => {
      while (performance.now() < untilMs)
        await post(`${service.url}/get-playtime/plugin/`, body, { "x-signature": hmac(secrets.script, body) });
    }),
    ...["/admin/", "/admin/players/?game=1", "/admin/players/", "/admin/connections/", "/admin/players.csv"].map(
      async (path) => {
        while (performance.now() < untilMs)
          await Promise.all([Promise.race([browser.get(path).catch(() => {}), sleep(3_000)]), sleep(2_500)]);
      },
    ),
    cli(`backup ${join(dataDir, "beside.backup")}`, { env }),
    cli("stats", { env }),
  ];
  // Once statements had piled up there was no connection left for anybody.
  await sleep(lockedMs * 0.4);
  // A page that is blocked may hold it up for as long as a statement may take; then it is tried again.
  const another = createBrowser(service);
  for (const tooLate = performance.now() + 8_000; ; ) {
    if ((await another.post("/admin/sign-in/", { password: panelPassword })).status === 303) break;
    assert.ok(performance.now() < tooLate, "somebody signs in though the table is locked");
  }
  assert.ok((await sql`select from pg_locks where mode = 'AccessExclusiveLock' and pid = pg_backend_pid()`).length > 0);
  await Promise.race([Promise.all(busy.slice(0, 8)), sleep(lockedMs)]);
  running = false;
  await watching;
  await sql`rollback`;
  await Promise.all(busy);
  const taken = load.count(200);
  for (const tooLate = Date.now() + 10_000; load.count(200) < taken + 50; await sleep(50))
    assert.ok(Date.now() < tooLate, "deliveries are taken again");
  await load.stop();
  t.diagnostic(`at most ${most} connections`);
  assert.ok(most <= 12, `${most} connections`);
  assert.doesNotMatch(service.text(), /too many clients|53300|remaining connection slots/);
  assert.deepEqual(await ledger.problems(sql), []);
});
