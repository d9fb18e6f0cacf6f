import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { createClient } from "../../src/database/connect.ts";
import { embeddedDatabase, embeddedUser } from "../../src/database/embedded/embedded.ts";
import { createLedger, type Ledger, type Outcome, percentile, startLoad } from "../support/load.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { startProxy } from "../support/proxy.ts";
import { hmac, insertConnections, post, secrets } from "../support/service.ts";

/*
 * The database goes away in every way there is, under one service that is never started again. Meanwhile deliveries get
 * 503 within 2 seconds; afterwards everything works within 5, and what was acknowledged is there.
 */

const embedded = { port: 5432, database: embeddedDatabase, user: embeddedUser, password: "", sslmode: "disable" };
const awayMs = 3_000;
const answerMs = 2_000;
/** What a busy machine adds, to us and to the service. */
const noiseMs = 300;
const backMs = 5_000;
const workers = 32;

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

let postgres: PostgresServer;
/** The one that the service's address leads to. */
let current: PostgresServer;
let proxy: Awaited<ReturnType<typeof startProxy>>;
let service: ServiceProcess;
let ledger: Ledger;
let added = 0;

before(async () => {
  postgres = await startPostgres();
  current = postgres;
  proxy = await startProxy(postgres.port);
  service = await startProcess({
    env: { DATABASE_URL: postgres.url.replace(`:${postgres.port}/`, `:${proxy.port}/`) },
  });
  ledger = createLedger();
  await insertConnections(postgres);
  await back(performance.now());
});
after(async () => {
  await service?.end("SIGKILL");
  proxy?.close();
  await postgres?.remove();
});

describe("while the database", () => {
  test("is stopped", () => away({ fault: () => postgres.end("SIGINT"), end: () => postgres.start() }));

  test("is frozen", () =>
    away({ fault: () => postgres.signalAll("SIGSTOP"), end: () => postgres.signalAll("SIGCONT") }));

  test("refuses", () => away({ fault: () => proxy.refuse(), end: () => proxy.accept() }));

  test("is silent behind a wall that lets nothing pass", () =>
    away({ fault: () => proxy.block(), end: () => proxy.unblock() }));

  test("is silent for ever on the old connections, and the new ones work", () =>
    away({
      fault: () => proxy.block(),
      end: () => {
        proxy.unblock({ onlyNew: true });
        setTimeout(proxy.cutBlocked, 3_000);
      },
    }));

  test("takes a second for every message", () =>
    away({ fault: () => proxy.slowDown(1_000), end: () => proxy.slowDown(0) }));

  test("is read-only", () =>
    away({
      fault: () => setReadOnly(postgres, "on"),
      end: () => setReadOnly(postgres, "off"),
    }));

  test("is restarted, deliveries are at worst refused", () =>
    away({
      isBrief: true,
      fault: async () => {
        await postgres.end("SIGINT");
        await postgres.start();
      },
      end: () => {},
    }));

  test("loses its connections in the middle of statements, again and again, deliveries are at worst refused", () =>
    away({
      isBrief: true,
      fault: async () => {
        for (let cuts = 0; cuts < 40; cuts += 1) {
          proxy.cut();
          await sleep(20 + Math.random() * 200);
        }
      },
      end: () => {},
    }));

  test("is replaced by another one behind its name, and the old one has become read-only", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "playtime-server-"));
    let successor: PostgresServer | undefined;
    t.after(async () => {
      current = postgres;
      proxy.leadTo(postgres.port);
      proxy.cut();
      await successor?.remove();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    });
    await away({
      fault: async () => {
        await postgres.end("SIGINT");
        await run("cp", ["-a", `${postgres.folder}/.`, folder]);
        // Before it starts: what it took in between would be in no copy.
        await appendFile(join(postgres.folder, "pg/postgresql.auto.conf"), "default_transaction_read_only = 'on'\n");
        await postgres.start();
      },
      end: async () => {
        successor = await startPostgres({ dataDir: folder });
        current = successor;
        proxy.leadTo(successor.port);
      },
    });
  });
});

describe("while the disk is full", () => {
  for (const kind of ["embedded", "server"] as const)
    test(`of the database ${kind}`, { skip: isRoot ? false : "needs root, for a small tmpfs" }, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), "playtime-full-"));
      await run("mount", ["-t", "tmpfs", "-o", "size=110m,mode=755", "tmpfs", folder]);
      const filler = join(folder, "filler");
      t.after(async () => {
        await run("umount", ["-l", folder]);
        await rm(folder, { recursive: true, force: true });
      });
      const settings = { max_wal_size: "32MB", min_wal_size: "32MB" };
      const server = kind === "server" ? await startPostgres({ dataDir: folder, settings }) : undefined;
      const env = server ? { DATABASE_URL: server.url } : { PLAYTIME_SERVER_DATA_DIR: join(folder, "data") };
      const own = await startProcess({ env });
      t.after(async () => {
        await own.end("SIGKILL");
        await server?.remove();
      });
      const sql = server?.sql ?? createClient({ ...embedded, host: join(folder, "data/pg.socket") }, 1);
      t.after(() => sql.end({ timeout: 1 }));
      await insertConnections({ sql });
      // Ever new players, so that the table grows.
      const all = createLedger(1_000_000);
      const load = startLoad({ port: own.port, ledger: all, secret: secrets.battlemetrics, workers: 16 });
      await until(() => load.count(200) > 500, "deliveries are taken before", own);
      await run("sh", ["-c", `dd if=/dev/zero of=${filler} bs=64k status=none || true`]);
      await until(() => load.count(503) > 0, "the full disk is noticed", own);
      await sleep(awayMs);
      assert.equal((await fetch(`${own.url}/healthz`)).status, 200);
      const wasReady = (await fetch(`${own.url}/readyz`)).status;
      const taken = load.count(200);
      await rm(filler);
      const fromMs = performance.now();
      await until(() => load.count(200) > taken + 100, "deliveries are taken again", own);
      const seconds = (performance.now() - fromMs) / 1_000;
      await until(async () => (await fetch(`${own.url}/readyz`)).status === 200, "it is ready again", own);
      await load.stop();
      // 404: before the new connection was seen.
      assert.deepEqual(statuses(load.outcomes.filter(({ status }) => ![200, 404, 503].includes(status))), {});
      t.diagnostic(`${JSON.stringify(statuses(load.outcomes))}, back after ${seconds.toFixed(1)} s`);
      assert.equal(wasReady, 503);
      assert.ok(seconds <= backMs / 1_000, `${seconds} s`);
      assert.ok(Math.max(...load.outcomes.map(({ ms }) => ms)) <= answerMs + noiseMs);
      assert.deepEqual(await all.problems(sql), []);
    });
});

type Fault = {
  fault: () => unknown;
  end: () => unknown;
  /** Some deliveries may be taken while it lasts, and the service may stay ready. */
  isBrief?: boolean;
};

async function away({ fault, end, isBrief = false }: Fault): Promise<void> {
  const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers, pauseMs: 5 });
  await until(() => load.count(200) >= 200, "deliveries are taken before");
  const before = await residentMegabytes(service.pid);
  await fault();
  const awayFromMs = performance.now();
  if (!isBrief) {
    for (const endMs = awayFromMs + awayMs; performance.now() < endMs; await sleep(250))
      assert.equal((await fetch(`${service.url}/healthz`)).status, 200);
    assert.equal((await fetch(`${service.url}/readyz`)).status, 503);
  }
  const whileAway = load.outcomes.filter(({ atMs, ms }) => atMs - ms > awayFromMs);
  const after = await residentMegabytes(service.pid);
  await end();
  const seconds = await back(performance.now());
  await load.stop();

  assert.deepEqual(statuses(load.outcomes.filter(({ status }) => status !== 200 && status !== 503)), {});
  assert.ok(load.outcomes.every(({ status, retryAfter }) => status === 200 || retryAfter));
  if (!isBrief) assert.deepEqual(Object.keys(statuses(whileAway)), ["503"]);
  const slowestMs = Math.max(...load.outcomes.map(({ ms }) => ms));
  const told = `${JSON.stringify(statuses(load.outcomes))}, slowest ${Math.round(slowestMs)} ms, p99 ${Math.round(
    percentile(
      load.outcomes.map(({ ms }) => ms),
      0.99,
    ),
  )} ms; back after ${JSON.stringify(seconds)} s; ${after - before} MB more`;
  process.stdout.write(`# ${told}\n`);
  assert.ok(slowestMs <= answerMs + noiseMs, told);
  assert.ok(
    Object.values(seconds).every((each) => each <= backMs / 1_000),
    told,
  );
  assert.deepEqual(await ledger.problems(current.sql), []);
  await until(async () => (await openConnections(current.sql)) <= 8, "connections that nobody uses are closed");
}

/** Seconds from the given moment until each part of the service works. */
async function back(fromMs: number) {
  added += 1;
  const path = `added-${added}`;
  const parts = {
    delivery: async () => {
      const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 1 });
      await sleep(20);
      await load.stop();
      return load.count(200) > 0;
    },
    query: async () => {
      const body = JSON.stringify({ steam_ids: ["76561198000000001"], game_id: 393380 });
      const signature = hmac(secrets.script, body);
      return (await post(`${service.url}/get-playtime/plugin/`, body, { "x-signature": signature })).status === 200;
    },
    ready: async () => (await fetch(`${service.url}/readyz`)).status === 200,
    newConnection: async () => {
      await current.sql`
        insert into connections (kind, path, secret) values ('script', ${path}, 'secret-of-the-new-one') on conflict do nothing`;
      return (await post(`${service.url}/get-playtime/${path}/`, "{}")).status === 401;
    },
  };
  const seconds = Object.entries(parts).map(async ([name, works]) => {
    await until(() => works().catch(() => false), `${name} works again`);
    return [name, Math.round((performance.now() - fromMs) / 10) / 100] as const;
  });
  return Object.fromEntries(await Promise.all(seconds));
}

async function until(condition: () => boolean | Promise<boolean>, what: string, of = service): Promise<void> {
  for (const tooLate = performance.now() + 20_000; !(await condition()); await sleep(50))
    if (performance.now() > tooLate) throw new Error(`Not within 20 s: ${what}. ${of.text().slice(-3_000)}`);
}

/** For all sessions, those that are open too; an operator's own statement may always write. */
async function setReadOnly({ sql }: PostgresServer, value: "on" | "off"): Promise<void> {
  await sql.unsafe("set default_transaction_read_only = off");
  await sql.unsafe(`alter system set default_transaction_read_only = ${value}`);
  await sql`select pg_reload_conf()`;
  await sleep(200);
}

async function openConnections(sql: PostgresServer["sql"]): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity where backend_type = 'client backend'`;
  return row?.count ?? 0;
}

function statuses(outcomes: Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of outcomes) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function residentMegabytes(pid: number): Promise<number> {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(found?.[1]) / 1024);
}
