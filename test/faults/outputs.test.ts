import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { createTestDatabase, environmentOf, type TestDatabase } from "../support/database.ts";
import { heapFlags } from "../support/heap-flags.ts";
import { freePort } from "../support/postgres.ts";
import { nodeArgs } from "../support/program.ts";
import { deliverySignature, insertConnections, post, secrets } from "../support/service.ts";

/*
 * What only tells may fail: the log's reader is gone or does not read, its disk is full. Deliveries are taken all the same.
 */

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
});
after(() => db.drop());

type Output = "pipe" | number;
type Outputs = { stdout?: Output; stderr?: Output; terminal?: boolean };

/** The service with these outputs, every refusal a line of its log. It does not outlive the test. */
async function start(context: TestContext, { stdout = "pipe", stderr = "pipe", terminal = false }: Outputs = {}) {
  const port = await freePort();
  const service = [process.execPath, ...heapFlags, ...nodeArgs("src/main.ts")];
  const [file = "", ...args] = terminal ? ["script", "-qefc", `exec ${service.join(" ")}`, "/dev/null"] : service;
  const child = spawn(file, args, {
    env: {
      PATH: process.env["PATH"],
      PLAYTIME_CONFIG: "configs/playtime/config-example.toml",
      PLAYTIME_SERVER_HOST: "127.0.0.1",
      PLAYTIME_SERVER_PORT: String(port),
      PLAYTIME_LOG_LEVEL: "debug",
      ...environmentOf(db),
    },
    stdio: [terminal ? "pipe" : "ignore", stdout, stderr],
  });
  const ended = once(child, "exit");
  context.after(() => child.kill("SIGKILL"));
  const url = `http://127.0.0.1:${port}`;
  return { child, ended, url };
}

type Started = Awaited<ReturnType<typeof start>>;

async function answers({ child, url }: Started): Promise<void> {
  for (const tooLate = performance.now() + 60_000; ; await sleep(50)) {
    assert.equal(child.exitCode, null, "it runs");
    assert.ok(performance.now() < tooLate, "it answers");
    if (
      await fetch(`${url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
  }
}

const body = JSON.stringify({ steam_id: "76561198012345678", playtime: "7200", game_id: 393380 });
const deliver = ({ url }: Started) =>
  post(`${url}/set-playtime/bm/bm/`, body, { "x-signature": deliverySignature(secrets.battlemetrics, body) });

/** Refusals, each a line of the log, then a delivery. */
async function worksAndTells(service: Started, lines: number): Promise<void> {
  for (let count = 0; count < lines; count += 1)
    assert.equal((await post(`${service.url}/set-playtime/bm/bm`, "{}")).status, 401);
  assert.equal((await deliver(service)).status, 200);
}

async function stops({ child, ended }: Started): Promise<void> {
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
}

test("the reader of the log goes after the first line, and the one of the errors too", async (t) => {
  const service = await start(t);
  service.child.stdout?.once("data", () => service.child.stdout?.destroy());
  service.child.stderr?.destroy();
  await answers(service);
  await worksAndTells(service, 20);
  await stops(service);
});

test("the log's disk is full at the start, and for ever", async (t) => {
  const full = openSync("/dev/full", "w");
  const service = await start(t, { stdout: full, stderr: full });
  await answers(service);
  await worksAndTells(service, 20);
  await stops(service);
});

test("the log's reader stops reading", { timeout: 120_000 }, async (t) => {
  const service = await start(t);
  await answers(service);
  service.child.stdout?.pause();
  await worksAndTells(service, 1_500);
  await stops(service);
});

test("the log's terminal is stopped, as by Ctrl-S", { timeout: 120_000 }, async (t) => {
  const service = await start(t, { terminal: true });
  await answers(service);
  service.child.stdout?.pause();
  await worksAndTells(service, 1_500);
});

test("the log's disk is full for a while: the log says how many lines are missing", {
  skip: isRoot ? false : "needs root, for a small tmpfs",
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "playtime-log-"));
  await run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
  t.after(async () => {
    await run("umount", ["-l", folder]);
    await rm(folder, { recursive: true, force: true });
  });
  const filler = join(folder, "filler");
  const log = join(folder, "log");
  await run("sh", ["-c", `dd if=/dev/zero of=${filler} bs=4k status=none || true`]);
  const service = await start(t, { stdout: openSync(log, "a") });
  await answers(service);
  await worksAndTells(service, 20);
  assert.equal(await readFile(log, "utf8"), "");
  await rm(filler);
  await stops(service);
  const lines = (await readFile(log, "utf8"))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const missing = lines.find(({ message }) => message === "lines of the log could not be written and are missing");
  assert.ok(missing?.lines >= 2, JSON.stringify(lines));
  assert.ok(lines.some(({ message }) => message.startsWith("stopping")));
});
