import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, chown, copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Config } from "../../src/config.ts";
import { type Embedded, embeddedDatabase, embeddedUser, startEmbedded } from "../../src/database/embedded/embedded.ts";
import { openDatabase } from "../../src/database/open.ts";
import { eventually } from "../support/eventually.ts";
import { memoryLog, testConfig } from "../support/service.ts";

/* A server of our own that listens on TCP with TLS, as somebody's server does. */

let folder: string;
let server: Embedded;
let port: number;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "playtime-reach-"));
  await chmod(folder, 0o755);
  port = await freePort();
  server = await startServer();
});
after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** With a certificate that nobody has signed, for the name localhost. */
async function startServer(): Promise<Embedded> {
  const data = join(folder, "data");
  const careless = { fsync: "off" };
  // Once without TLS, so that the folder and its owner are there for the key.
  await (await startEmbedded({ dataDir: data, settings: careless, log: memoryLog().log })).stop();
  const [key, certificate] = [join(folder, "server.key"), join(folder, "server.crt")];
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      key,
      "-out",
      certificate,
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
    ],
    { stdio: "ignore" },
  );
  const { uid, gid } = await stat(join(data, "pg"));
  await copyFile(key, join(data, "pg", "server.key"));
  await copyFile(certificate, join(data, "pg", "server.crt"));
  await chmod(join(data, "pg", "server.key"), 0o600);
  if (process.getuid?.() === 0)
    for (const name of ["server.key", "server.crt"]) await chown(join(data, "pg", name), uid, gid);
  const settings = { ...careless, listen_addresses: "127.0.0.1", port: String(port), ssl: "on" };
  return startEmbedded({ dataDir: data, settings, log: memoryLog().log });
}

async function opened(postgres: Partial<Config["POSTGRES"]>, databaseUrl = "") {
  const config = await testConfig({
    POSTGRES: { PORT: port, USER: embeddedUser, DATABASE_NAME: embeddedDatabase, WAIT_SECONDS: 0, ...postgres },
  });
  return openDatabase({ ...config, databaseUrl }, memoryLog().log);
}

/** Whether the connection in use is encrypted. */
async function isEncrypted(postgres: Partial<Config["POSTGRES"]>, databaseUrl?: string): Promise<boolean> {
  const { database, close } = await opened(postgres, databaseUrl);
  try {
    const [row] = await database.run(
      (sql) => sql<{ ssl: boolean }[]>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`,
    );
    return row?.ssl ?? assert.fail();
  } finally {
    await close();
  }
}

test("a server is reached by TCP, without encryption unless asked for", async () => {
  assert.equal(await isEncrypted({ HOST: "127.0.0.1" }), false);
  assert.equal(await isEncrypted({ HOST: "127.0.0.1", SSLMODE: "prefer" }), true);
  assert.equal(await isEncrypted({ HOST: "127.0.0.1", SSLMODE: "require" }), true);
});

test("verify-full refuses a certificate that nobody has signed, in words", async () => {
  await assert.rejects(opened({ HOST: "localhost", SSLMODE: "verify-full" }), {
    name: "DatabaseProblem",
    message: /PostgreSQL at localhost:\d+.*(self[- ]signed certificate|SELF_SIGNED_CERT)/,
  });
});

test("a server is reached by the folder of its unix socket", async () => {
  assert.equal(await isEncrypted({ HOST: server.socketDir }), false);
});

test("of several hosts the one that answers is used", async () => {
  assert.equal(await isEncrypted({ HOST: `127.0.0.1:1,127.0.0.1:${port}` }), false);
});

test("DATABASE_URL is understood, with sslmode, and beats [POSTGRES]", async () => {
  const url = `postgres://${embeddedUser}@127.0.0.1:${port}/${embeddedDatabase}`;
  assert.equal(await isEncrypted({ HOST: "no-such-host.invalid" }, url), false);
  assert.equal(await isEncrypted({ HOST: "no-such-host.invalid" }, `${url}?sslmode=require`), true);
  const { description, close } = await opened({}, url.replace("@", ":hunter2@"));
  await close();
  assert.equal(description, `PostgreSQL at 127.0.0.1:${port}/${embeddedDatabase}`);
});

test("a server that is not up yet is waited for, with a line a try", async () => {
  await server.stop();
  const { log, lines } = memoryLog();
  const config = await testConfig({
    POSTGRES: { HOST: "127.0.0.1", PORT: port, USER: embeddedUser, DATABASE_NAME: embeddedDatabase, WAIT_SECONDS: 60 },
  });
  const opening = openDatabase(config, log);
  const waiting = await eventually("the line on a server that is not up", () =>
    lines.find(({ message }) => message === "waiting for the database"),
  );
  server = await startServer();
  await (await opening).close();
  assert.equal(waiting["reason"], "nothing listens there (ECONNREFUSED)");
  assert.ok(Number(waiting?.["secondsLeft"]) > 50);
});
