import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ofCommand, startEmbedded } from "../src/database/embedded/embedded.ts";
import { cliProcess } from "./support/cli.ts";
import { startProcess } from "./support/process.ts";
import { nodeArgs } from "./support/program.ts";
import { memoryLog } from "./support/service.ts";

/** A server of the loopback that answers what arrives; undefined: nothing; "": by going away. */
async function listening(context: TestContext, answer?: (bytes: Buffer) => string | undefined): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      const text = answer?.(bytes);
      if (text === "") socket.end();
      else if (text !== undefined) socket.write(text);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => server.close());
  return String((server.address() as AddressInfo).port);
}

/** A start that is not waited for. It does not outlive the test. */
function begin(context: TestContext, env: Record<string, string>) {
  const child = spawn(process.execPath, nodeArgs("src/main.ts"), {
    env: {
      PATH: process.env["PATH"],
      PLAYTIME_CONFIG: "configs/playtime/config-example.toml",
      PLAYTIME_SERVER_HOST: "127.0.0.1",
      PLAYTIME_SERVER_PORT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  context.after(() => child.kill("SIGKILL"));
  const ended = once(child, "close");
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part) => {
      text += part;
    });
  return { child, ended, text: () => text };
}

const server = (port: string) => ({ PLAYTIME_POSTGRES_HOST: "127.0.0.1", PLAYTIME_POSTGRES_PORT: port });

test("SIGTERM while the start waits for a database ends it at once, as a stop does", {
  timeout: 120_000,
}, async (t) => {
  const starting = begin(t, server(await listening(t)));
  while (!starting.text().includes("waiting for the database")) await new Promise((resolve) => setTimeout(resolve, 20));
  const fromMs = performance.now();
  starting.child.kill("SIGTERM");
  const [code] = await starting.ended;
  assert.equal(code, 0, starting.text());
  assert.ok(performance.now() - fromMs < 2_000);
  assert.match(starting.text(), /stopped before it was ready/);
});

test("a server without TLS is said at once where TLS is required", { timeout: 120_000 }, async (t) => {
  // "N" to the question for TLS, and an end to what follows all the same.
  const port = await listening(t, (bytes) => (bytes.length === 8 ? "N" : ""));
  for (const mode of ["require", "verify-full"]) {
    const starting = begin(t, { ...server(port), PLAYTIME_POSTGRES_SSLMODE: mode });
    const [code] = await starting.ended;
    assert.equal(code, 1);
    assert.match(
      starting.text(),
      new RegExp(`the server does not encrypt, and SSLMODE is "${mode}"\\. Switch TLS on there`),
    );
    assert.doesNotMatch(starting.text(), /waiting for the database/);
  }
});

test("a second copy on the same data folder says so soon, and the first goes on", { timeout: 240_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "playtime-twice-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const env = { PLAYTIME_SERVER_DATA_DIR: join(folder, "data") };
  const first = await startProcess({ env });
  t.after(() => first.end("SIGKILL"));
  const fromMs = performance.now();
  const second = begin(t, env);
  const [code] = await second.ended;
  const ms = performance.now() - fromMs;
  assert.equal(code, 1);
  assert.match(second.text(), /Another copy of the service already uses the database/);
  // 2 s of a machine that has nothing else to do.
  assert.ok(ms < 6_000, `${ms} ms`);
  t.diagnostic(`${Math.round(ms)} ms`);
  assert.equal((await fetch(`${first.url}/readyz`)).status, 200);
  assert.equal(await first.end("SIGTERM"), 0);
});

test("a database that a command runs for itself is waited for, and a command finds a service that is starting", {
  timeout: 240_000,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "playtime-both-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const env = { PLAYTIME_SERVER_DATA_DIR: join(folder, "data") };
  const options = { dataDir: join(folder, "data"), log: memoryLog().log, settings: ofCommand };
  const command = await startEmbedded(options);
  setTimeout(command.stop, 3_000);
  const first = await startProcess({ env });
  t.after(() => first.end("SIGKILL"));
  assert.equal(await first.end("SIGTERM"), 0);

  const starting = startProcess({ env });
  const { code, err } = await cliProcess("connections list", { env });
  const service = await starting;
  t.after(() => service.end("SIGKILL"));
  assert.equal(code, 0, err);
  assert.equal(await service.end("SIGTERM"), 0);
});
