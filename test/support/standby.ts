import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type Sql } from "../../src/database/connect.ts";
import { findBinaries } from "../../src/database/embedded/binaries.ts";
import { freePort, type PostgresServer } from "./postgres.ts";

/** A hot standby of a server: it can be read until it is promoted. */
export type Standby = { port: number; sql: Sql; promote: () => Promise<void>; remove: () => Promise<void> };

/** Made of a copy, for which the server is stopped for a moment; it hears nothing of it afterwards. */
export async function startStandby(primary: PostgresServer): Promise<Standby> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-standby-"));
  const pg = join(folder, "pg");
  await primary.end("SIGINT");
  await cp(join(primary.folder, "pg"), pg, { recursive: true, preserveTimestamps: true });
  await primary.start();
  await writeFile(join(pg, "standby.signal"), "");
  const { uid, gid } = await stat(join(primary.folder, "pg"));
  const account = process.getuid?.() === 0 ? { uid, gid } : {};
  if (process.getuid?.() === 0) await once(spawn("chown", ["-R", `${uid}:${gid}`, folder]), "exit");
  await once(spawn("chmod", ["700", pg]), "exit");
  const wanted = Number.parseInt(await readFile(join(pg, "PG_VERSION"), "utf8"), 10);
  const { bin } = await findBinaries({ place: { dir: primary.folder, account }, binDir: "", wanted });
  const port = await freePort();
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "30",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child: ChildProcess = spawn(join(bin, "postgres"), ["-D", pg, ...args], {
    ...account,
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
  });
  const killIt = () => child.kill("SIGKILL");
  process.once("exit", killIt);
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  while (!/ready to accept (read-only )?connections/.test(said)) {
    if (child.exitCode !== null) throw new Error(`The standby did not start: ${said}`);
    await sleep(10);
  }
  const sql = createClient({ url: primary.url.replace(/:\d+\//, `:${port}/`) }, 1);
  return {
    port,
    sql,
    promote: async () => {
      await sql`select pg_promote()`;
    },
    remove: async () => {
      await sql.end({ timeout: 1 });
      const gone = once(child, "exit");
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGINT");
        await gone;
      }
      process.removeListener("exit", killIt);
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
