import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../../src/database/connect.ts";
import { embeddedDatabase, embeddedUser } from "../../src/database/embedded/embedded.ts";
import { openDatabase } from "../../src/database/open.ts";
import { Refusal } from "../../src/http/refusal.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { startProxy } from "../support/proxy.ts";
import { memoryLog, testConfig } from "../support/service.ts";
import { type Standby, startStandby } from "../support/standby.ts";

/* Of several hosts the one that can be written is found, whatever stands before it. */

const startMs = 10_000;
/** Until a statement that hangs counts as lost, and what a busy machine adds. */
const renewalMs = 8_000;

let primary: PostgresServer;
let standby: Standby;
let silent: Awaited<ReturnType<typeof startSilent>>;

before(async () => {
  primary = await startPostgres();
  await primary.sql`create table written (value int)`;
  standby = await startStandby(primary);
  silent = await startSilent();
});
after(async () => {
  silent?.close();
  await standby?.remove();
  await primary?.remove();
});

/** Takes connections and never says a word, as a machine that is frozen. */
async function startSilent() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    taken: () => sockets.length,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function opened(ports: number[], waitSeconds = 30) {
  const { log, lines } = memoryLog();
  const config = await testConfig({
    POSTGRES: { USER: embeddedUser, DATABASE_NAME: embeddedDatabase, WAIT_SECONDS: waitSeconds },
  });
  config.POSTGRES.HOST = ports.map((port) => `127.0.0.1:${port}`).join(",");
  return { opening: openDatabase(config, log), lines };
}

const write = ({ run }: Pick<Database, "run">) => run((sql) => sql`insert into written values (1)`);

async function untilWritten(database: Database, withinMs: number): Promise<void> {
  for (const tooLate = performance.now() + withinMs; ; await sleep(50)) {
    try {
      return void (await write(database));
    } catch (error) {
      assert.ok(error instanceof Refusal && performance.now() < tooLate, String(error));
    }
  }
}

test("a live standby, a silent machine and one that refuses may stand first: the start takes no longer", async () => {
  for (const first of [[standby.port], [silent.port], [1], [standby.port, silent.port, 1]]) {
    const sinceMs = performance.now();
    const { opening } = await opened([...first, primary.port]);
    const { database, close } = await opening;
    await write(database);
    assert.ok(performance.now() - sinceMs < startMs, `${performance.now() - sinceMs} ms`);
    await close();
  }
});

test("a start that finds only a standby waits until it can be written, and says why", async (t) => {
  const own = await startStandby(primary);
  t.after(own.remove);
  for (const ports of [[own.port], [own.port, 1]]) {
    const { opening, lines } = await opened(ports, 0);
    await assert.rejects(opening, {
      name: "DatabaseProblem",
      message: /this server can only be read: it is a standby, or in recovery\. The service must be able to write/,
    });
    assert.deepEqual(lines, []);
  }
  const { opening, lines } = await opened([own.port]);
  while (!lines.some(({ message }) => message === "waiting for the database")) await sleep(20);
  await own.promote();
  const { database, close } = await opening;
  await write(database);
  await close();
});

test("while it runs, another one is found when the primary falls silent, and nobody is asked thousands of times", async (t) => {
  const next = await startStandby(primary);
  t.after(next.remove);
  // Each connection is counted.
  const ways = [await startProxy(next.port), await startProxy(primary.port)];
  t.after(() => ways.forEach((way) => void way.close()));
  const { opening, lines } = await opened([silent.port, ...ways.map(({ port }) => port)]);
  const { database, close } = await opening;
  t.after(close);
  await write(database);
  const before = silent.taken();
  ways[1]?.block();
  const sinceMs = performance.now();
  const writing = untilWritten(database, 30_000);
  // No host can be written for a while.
  await sleep(5_000);
  await next.promote();
  const promotedMs = performance.now();
  await writing;
  assert.ok(performance.now() - promotedMs < renewalMs, `${performance.now() - promotedMs} ms`);
  const asked = silent.taken() - before;
  const seconds = (performance.now() - sinceMs) / 1_000;
  assert.ok(asked / seconds < 20, `${asked} times in ${seconds} s`);
  assert.ok(lines.filter(({ message }) => /can be written/.test(message)).length >= 2);
});
