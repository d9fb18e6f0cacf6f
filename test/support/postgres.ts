import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type Sql } from "../../src/database/connect.ts";
import { findBinaries } from "../../src/database/embedded/binaries.ts";
import { embeddedUser, startEmbedded } from "../../src/database/embedded/embedded.ts";
import { createLog } from "../../src/log.ts";
import { eventually } from "./eventually.ts";

/** A Postgres server of the test's own, to be stopped, frozen and killed; reached by TCP on 127.0.0.1. */
export type PostgresServer = {
  port: number;
  url: string;
  folder: string;
  sql: Sql;
  pid: () => number;
  start: () => Promise<void>;
  /** Starts it after a kill, when what is left of the old one lets go of the folder. */
  restart: () => Promise<void>;
  /** Ends the postmaster: SIGKILL as a crash does, SIGINT as an operator does. */
  end: (signal: "SIGKILL" | "SIGINT" | "SIGTERM") => Promise<void>;
  /** Freezes or thaws it, with all that works for it. */
  signalAll: (signal: "SIGSTOP" | "SIGCONT") => Promise<void>;
  remove: () => Promise<void>;
};

const quiet = createLog({ level: "error", readable: true, write: (line) => process.stderr.write(line) });

/** `dataDir`: a folder that exists (a small tmpfs, say); else one in the temp folder. Durable, as a server is. */
export async function startPostgres({
  dataDir,
  settings = {},
}: {
  dataDir?: string;
  settings?: Record<string, string>;
} = {}): Promise<PostgresServer> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), "playtime-server-")));
  await chmod(folder, 0o755);
  const made = await startEmbedded({ dataDir: folder, settings: { fsync: "off" }, log: quiet });
  await made.stop();
  const { uid, gid } = await stat(join(folder, "pg"));
  const account = process.getuid?.() === 0 ? { uid, gid } : {};
  const major = Number.parseInt(await readFile(join(folder, "pg/PG_VERSION"), "utf8"), 10);
  const { bin } = await findBinaries({ place: { dir: folder, account }, binDir: "", wanted: major });
  const port = await freePort();
  const url = `postgres://${embeddedUser}@127.0.0.1:${port}/postgres`;
  const all = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    max_connections: "30",
    shared_buffers: "16MB",
    ...settings,
  };
  const args = [
    "-D",
    join(folder, "pg"),
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  let child: ChildProcess | undefined;
  let gone: Promise<unknown> = Promise.resolve();
  const killIt = () => child?.kill("SIGKILL");
  process.once("exit", killIt);

  async function start(): Promise<void> {
    const server = spawn(join(bin, "postgres"), args, { ...account, cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
    child = server;
    gone = once(server, "exit");
    let said = "";
    server.stderr.on("data", (chunk) => {
      said += chunk;
    });
    await eventually("Postgres to be ready", () => {
      if (server.exitCode !== null) throw new Error(`Postgres did not start: ${said}`);
      return said.includes("ready to accept connections");
    });
  }

  async function restart(): Promise<void> {
    await gone;
    for (const tooLate = Date.now() + 10_000; ; await sleep(50)) {
      try {
        return await start();
      } catch (error) {
        if (Date.now() > tooLate) throw error;
      }
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    child?.kill(signal);
    await gone;
  }

  await start();
  const sql = createClient({ url }, 1);
  return {
    port,
    url,
    folder,
    sql,
    pid: () => child?.pid ?? 0,
    start,
    restart,
    end,
    signalAll: async (signal) => {
      const pid = child?.pid ?? 0;
      for (const one of [pid, ...(await childrenOf(pid))]) process.kill(one, signal);
    },
    remove: async () => {
      await sql.end({ timeout: 1 });
      if (child?.exitCode === null && child.signalCode === null) {
        child.kill("SIGCONT");
        await end("SIGINT");
      }
      process.removeListener("exit", killIt);
      if (!dataDir) await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** The processes that a process has started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.trim() === "" ? [] : text.trim().split(" ").map(Number);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
