import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../../src/database/connect.ts";
import { embeddedDatabase, embeddedUser } from "../../src/database/embedded/embedded.ts";
import { eventually } from "../support/eventually.ts";
import { createLedger, startLoad } from "../support/load.ts";
import { startPostgres } from "../support/postgres.ts";
import { startProcess } from "../support/process.ts";
import { insertConnections, secrets } from "../support/service.ts";

const rounds = 10;
/** A hung client is cut off after 10 s, and then the database has its time. */
const stopMs = 13_000;

test(`${rounds} times SIGTERM under load: every request under way is answered`, async (t) => {
  const postgres = await startPostgres();
  t.after(postgres.remove);
  await startProcess({ env: { DATABASE_URL: postgres.url } }).then((first) => first.end());
  await insertConnections(postgres);
  const ledger = createLedger();
  let unanswered = 0;
  let slowestMs = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const service = await startProcess({ env: { DATABASE_URL: postgres.url } });
    const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics });
    await eventually("500 deliveries", () => load.count(200) >= 500);
    await sleep(Math.random() * 50);
    const fromMs = performance.now();
    assert.equal(await service.end("SIGTERM"), 0, service.text());
    slowestMs = Math.max(slowestMs, performance.now() - fromMs);
    await load.stop();
    // Status 0 with something sent on an accepted connection: cut. What is refused was never taken.
    unanswered += load.outcomes.filter(({ status, wasOpen }) => status === 0 && wasOpen).length;
    assert.equal(load.count(500) + load.count(503), 0);
  }
  t.diagnostic(`${ledger.count()} acknowledged, slowest stop ${Math.round(slowestMs)} ms`);
  assert.equal(unanswered, 0);
  assert.deepEqual(await ledger.problems(postgres.sql), []);
});

test("clients that hang in every way cannot delay the stop, and the embedded database is shut down cleanly", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "playtime-stop-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  await chmod(folder, 0o755);
  const dataDir = join(folder, "data");
  const service = await startProcess({ env: { PLAYTIME_SERVER_DATA_DIR: dataDir } });
  t.after(() => service.end("SIGKILL"));
  const sql = createClient(
    {
      host: join(dataDir, "pg.socket"),
      port: 5432,
      database: embeddedDatabase,
      user: embeddedUser,
      password: "",
      sslmode: "disable",
    },
    1,
  );
  await insertConnections({ sql });
  await sql.end();
  await sleep(2_500);
  const hung = [
    "", // says nothing
    "POST /set-playtime/bm/bm/ HT", // half a header
    "POST /set-playtime/bm/bm/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", // half a body
    "POST /set-playtime/bm/bm/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", // half a chunk
    "POST /set-playtime/bm/nobody/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf", // refused, and half sent
    "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", // answered, and stays
  ].map((text) => {
    const socket = connect({ port: service.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    socket.write(text);
    return socket;
  });
  t.after(() => hung.forEach((socket) => void socket.destroy()));
  await sleep(300);
  const fromMs = performance.now();
  assert.equal(await Promise.race([service.end("SIGTERM"), sleep(stopMs, "still running")]), 0, service.text());
  t.diagnostic(`stopped after ${Math.round(performance.now() - fromMs)} ms`);
  // "shut down" in the control file is a clean end; the lock file is gone.
  await assert.rejects(readFile(join(dataDir, "pg/postmaster.pid")), { code: "ENOENT" });
  const control = await readFile(join(dataDir, "pg/global/pg_control"));
  assert.equal(control.readUInt32LE(16), 1, "DB_SHUTDOWNED");
});

test("a database that hangs cannot delay the stop", async (t) => {
  const postgres = await startPostgres();
  t.after(postgres.remove);
  const service = await startProcess({ env: { DATABASE_URL: postgres.url } });
  t.after(() => service.end("SIGKILL"));
  await insertConnections(postgres);
  await sleep(2_500);
  const ledger = createLedger();
  const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics });
  await eventually("100 deliveries", () => load.count(200) >= 100);
  await postgres.signalAll("SIGSTOP");
  await sleep(200);
  const fromMs = performance.now();
  const ended = await Promise.race([service.end("SIGTERM"), sleep(stopMs, "still running")]);
  t.diagnostic(`stopped after ${Math.round(performance.now() - fromMs)} ms`);
  await postgres.signalAll("SIGCONT");
  await load.stop();
  assert.equal(ended, 0, service.text());
  assert.deepEqual(await ledger.problems(postgres.sql), []);
});
