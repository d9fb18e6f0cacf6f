import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "../src/database/connect.ts";
import { startEmbedded } from "../src/database/embedded.ts";
import { migrate } from "../src/database/migrate.ts";
import { createLog } from "../src/log.ts";
import { addressOfDatabase, onServer, templateName } from "./support/database.ts";

/**
 * Runs the tests against one throw-away Postgres, or against the server that TEST_DATABASE_URL names (its user must be
 * allowed to create databases). Arguments are files to run; none: all that end in .test.ts, but for the fault tests.
 */
async function run(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-tests-"));
  const log = createLog({ level: "warn", readable: true, write: (line) => process.stderr.write(line) });
  const server = process.env["TEST_DATABASE_URL"]
    ? undefined
    : await startEmbedded({ dataDir: folder, settings: careless, log });
  if (server) process.env["TEST_SOCKET_DIR"] = server.socketDir;
  try {
    await prepareTemplate();
    const given = process.argv.slice(2);
    return await runFiles(given.length > 0 ? given : await testFiles());
  } finally {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** A cluster that is thrown away need not survive a crash. */
const careless = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "100" };

async function prepareTemplate(): Promise<void> {
  await onServer(async (sql) => {
    await sql.unsafe(`drop database if exists ${templateName} with (force)`);
    await sql.unsafe(`create database ${templateName} template template0`);
  });
  const client = createClient(addressOfDatabase(templateName), 1);
  await migrate(client);
  await client.end();
}

async function testFiles(): Promise<string[]> {
  const files = await readdir("test", { recursive: true });
  return files
    .filter((file) => file.endsWith(".test.ts") && !file.startsWith("faults"))
    .map((file) => join("test", file))
    .sort();
}

function runFiles(files: string[]): Promise<number> {
  // Faults are measured, and want the machine for themselves; some take a while.
  const areFaults = files.some((file) => file.includes("faults/"));
  const args = [
    "--import",
    "tsx",
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${areFaults ? 1 : 2}`,
    "--test-timeout=900000",
    ...files,
  ];
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  return new Promise((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
}

process.exitCode = await run();
