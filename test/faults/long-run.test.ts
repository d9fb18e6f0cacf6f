import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLedger, startLoad } from "../support/load.ts";
import { startPostgres } from "../support/postgres.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { startProxy } from "../support/proxy.ts";
import { hmac, insertConnections, post, secrets } from "../support/service.ts";

/*
 * A busy server's hours in a minute, with every fault thrown in at moments that a seed gives. By hand for longer:
 * LONG_RUN_SECONDS=1800 FAULT_SEED=$RANDOM npm test -- test/faults/long-run.test.ts
 */

const seconds = Number(process.env["LONG_RUN_SECONDS"] ?? 60);
const seed = Number(process.env["FAULT_SEED"] ?? 20_260_102);
const game = 393380;
const noGrowthMegabytes = 40;

test(`${seconds} seconds of faults, seed ${seed}: what was acknowledged is there, and nothing grows`, async (t) => {
  const random = generator(seed);
  const postgres = await startPostgres();
  t.after(postgres.remove);
  const proxy = await startProxy(postgres.port);
  t.after(proxy.close);
  const steam = await steamOf();
  t.after(steam.close);
  const env = {
    DATABASE_URL: postgres.url.replace(`:${postgres.port}/`, `:${proxy.port}/`),
    PLAYTIME_STEAM_KEY: "A-KEY-OF-NOBODY",
    PLAYTIME_STEAM_API_URL: steam.url,
    PLAYTIME_STEAM_TIMEOUT: "1",
    PLAYTIME_STEAM_DEADLINE: "2",
  };
  let service: ServiceProcess = await startProcess({ env });
  t.after(() => service.end("SIGKILL"));
  await insertConnections(postgres);
  const ledger = createLedger();
  const counts: Record<string, number> = {};
  const statuses: Record<string, number> = {};
  let running = true;

  /** A load of our own for each process, since each has a port of its own. */
  const serving = async () => {
    const mine = service;
    const load = startLoad({ port: mine.port, ledger, secret: secrets.battlemetrics, workers: 16, pauseMs: 4 });
    while (running && mine === service) {
      const ids = Array.from({ length: 5 }, () => String(76561198000000000n + BigInt(Math.floor(random() * 400))));
      const body = JSON.stringify({ steam_ids: ids, game_id: game, is_need_update: random() < 0.2 });
      const answer = await post(`${mine.url}/get-playtime/plugin/`, body, {
        "x-signature": hmac(secrets.script, body),
      }).catch(() => undefined);
      const key = `query ${answer?.status ?? "cut"}`;
      statuses[key] = (statuses[key] ?? 0) + 1;
      await sleep(20);
    }
    await load.stop();
    for (const { status } of load.outcomes) statuses[status] = (statuses[status] ?? 0) + 1;
  };
  const loads = [serving()];

  const restarted = async (signal: NodeJS.Signals) => {
    const ended = await service.end(signal);
    if (signal === "SIGTERM") assert.equal(ended, 0, service.text());
    service = await startProcess({ env });
    loads.push(serving());
  };
  const faults: Record<string, () => unknown> = {
    "connections cut": () => proxy.cut(),
    "database silent": async () => {
      proxy.block();
      await sleep(random() * 3_000);
      proxy.unblock();
    },
    "database slow": async () => {
      proxy.slowDown(random() * 800);
      await sleep(random() * 2_000);
      proxy.slowDown(0);
    },
    "database refuses": async () => {
      proxy.refuse();
      await sleep(random() * 2_000);
      await proxy.accept();
    },
    "database frozen": async () => {
      await postgres.signalAll("SIGSTOP");
      await sleep(random() * 3_000);
      await postgres.signalAll("SIGCONT");
    },
    "database killed": async () => {
      await postgres.end("SIGKILL");
      await postgres.restart();
    },
    "database restarted": async () => {
      await postgres.end("SIGINT");
      await postgres.start();
    },
    "Steam otherwise": () => {
      steam.mode = Math.floor(random() * 5);
    },
    strangers: async () => {
      const sockets = Array.from({ length: 200 }, () => connect(service.port, "127.0.0.1").on("error", () => {}));
      for (const socket of sockets)
        socket.write("POST /set-playtime/bm/bm/ HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nx");
      await sleep(random() * 1_000);
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
  const withTheProcess = {
    "service killed": () => restarted("SIGKILL"),
    "service stopped": () => restarted("SIGTERM"),
  };

  /** Until the given time, a fault every now and then; each ends before the next begins. */
  const throwIn = async (choice: Record<string, () => unknown>, endMs: number) => {
    while (performance.now() < endMs) {
      await sleep(random() * 1_500);
      const names = Object.keys(choice);
      const name = names[Math.floor(random() * names.length)] ?? "";
      counts[name] = (counts[name] ?? 0) + 1;
      await choice[name]?.();
    }
  };
  const startMs = performance.now();
  await throwIn({ ...faults, ...withTheProcess }, startMs + seconds * 500);
  // Of one process from here, to see whether it grows.
  await throwIn(faults, startMs + seconds * 600);
  await sleep(3_000);
  const before = await sizeOf(service.pid);
  await throwIn(faults, startMs + seconds * 1_000);
  await sleep(3_000);
  const after = await sizeOf(service.pid);
  running = false;
  await Promise.all(loads);

  t.diagnostic(`faults: ${JSON.stringify(counts)}`);
  t.diagnostic(
    `${ledger.count()} acknowledged; ${JSON.stringify(statuses)}; ${JSON.stringify(before)} → ${JSON.stringify(after)}`,
  );
  assert.deepEqual(await ledger.problems(postgres.sql), []);
  assert.deepEqual(
    Object.keys(statuses).filter(
      (status) => !["0", "200", "404", "503", "query 200", "query 404", "query 503", "query cut"].includes(status),
    ),
    [],
  );
  assert.deepEqual(
    service.lines().filter(({ level }) => level === "error"),
    [],
  );
  const [wrong] = await postgres.sql`
    select count(*)::int as count from playtimes where steam_seconds is not null and steam_seconds <> 360000`;
  assert.equal(wrong?.["count"], 0);
  assert.ok(after.megabytes - before.megabytes < noGrowthMegabytes, JSON.stringify([before, after]));
  assert.ok(after.handles - before.handles <= 10, JSON.stringify([before, after]));
  assert.equal(await service.end("SIGTERM"), 0);
});

/** Answers, hangs, refuses, breaks off or talks nonsense, as `mode` says. */
async function steamOf() {
  const good = JSON.stringify({ response: { game_count: 1, games: [{ appid: game, playtime_forever: 6_000 }] } });
  const server = createServer((request, response) => {
    if (steam.mode === 0) response.end(good);
    if (steam.mode === 2) response.writeHead(429).end("<html>");
    if (steam.mode === 3) request.socket.resetAndDestroy();
    if (steam.mode === 4) response.end(good.slice(0, 30));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const steam = {
    mode: 0,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return steam;
}

async function sizeOf(pid: number) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const megabytes = Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
  return { megabytes, handles: (await readdir(`/proc/${pid}/fd`)).length };
}

/** The same numbers for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
