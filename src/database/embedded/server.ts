import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../log.ts";
import { kindOf, type QuietLog } from "../../quiet-log.ts";
import { DatabaseProblem } from "../problem.ts";
import type { Binaries } from "./binaries.ts";
import { isAlarming } from "./cause.ts";
import { type Guarded, guarded } from "./guarded.ts";
import type { Patience } from "./patience.ts";
import type { Place } from "./place.ts";
import { probe } from "./probe.ts";
import { socketOf } from "./running.ts";
import { remakeSocketFolder } from "./socket-folder.ts";

export type ServerOptions = {
  place: Place;
  binaries: Binaries;
  socketDir: string;
  settings: Record<string, string>;
  patience: Patience;
  log: Log;
  onGone: () => void;
};

/**
 * Resolves with a server that is ready. While an older one still holds the folder's lock, tries for up to 10 seconds; one
 * that serves is not about to end, unless it is that of a command.
 */
export async function launch(options: ServerOptions, say: QuietLog, stopping: AbortSignal): Promise<Guarded> {
  const startMs = performance.now();
  const pg = join(options.place.dir, "pg");
  await remakeSocketFolder(options.place, options.socketDir);
  for (;;) {
    stopping.throwIfAborted();
    const { server, isReady } = await start(options, say, stopping);
    if (isReady) return server;
    if (!server.lines.some((line) => lockedFolder.test(line)))
      throw new DatabaseProblem(`The database in ${pg} does not start: ${server.reason()}.`);
    const waitedMs = performance.now() - startMs;
    const isServed = waitedMs > servingMs && (await isServing(options));
    if (isServed || waitedMs > lockedMs)
      throw new DatabaseProblem(
        `Another copy of the service already uses the database in ${pg}${isServed ? "" : ", which does not answer now"}: ` +
          "stop that one, or give this one another data folder.",
      );
    await sleep(200, undefined, { signal: stopping }).catch(() => {});
  }
}

const lockedMs = 10_000;
const servingMs = 1_000;
const lockedFolder = /^FATAL: .*(lock file .* already exists|pre-existing shared memory block)/;

async function isServing({ place }: ServerOptions): Promise<boolean> {
  const socketDir = await socketOf(place.dir);
  return socketDir !== undefined && (await probe(socketDir, 500, { commandsCount: false })) === "answers";
}

/** Resolves when the server is ready, or has ended before it was; one that never gets ready is ended. */
function start(
  options: ServerOptions,
  say: QuietLog,
  stopping: AbortSignal,
): Promise<{ server: Guarded; isReady: boolean }> {
  const { place, patience } = options;
  return new Promise((resolve) => {
    let isReady = false;
    const server = guarded(serverCommand(options), place.account, (line) => {
      if (isReady && !stopping.aborted && isAlarming(line))
        say("warn", "The database reports a problem", { line }, { line: kindOf(line) });
      if (!line.endsWith("database system is ready to accept connections")) return;
      isReady = true;
      clearTimeout(tooLate);
      resolve({ server, isReady });
    });
    const tooLate = setTimeout(() => server.stop(patience.stopMs), patience.startingMs).unref();
    const stop = () => server.stop();
    stopping.addEventListener("abort", stop);
    server.gone.then(() => {
      clearTimeout(tooLate);
      stopping.removeEventListener("abort", stop);
      resolve({ server, isReady: false });
    });
  });
}

function serverCommand({ place, binaries, socketDir, settings }: ServerOptions): string[] {
  const all = [
    ...closed,
    `unix_socket_directories="${socketDir.replaceAll('"', '""')}"`,
    ...lean,
    ...(binaries.major >= 18 ? ["io_method=sync", "autovacuum_worker_slots=1"] : []),
    ...quiet,
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
  ];
  return [join(binaries.bin, "postgres"), "-D", join(place.dir, "pg"), ...all.flatMap((setting) => ["-c", setting])];
}

/** A socket that only the database's own user can open, and nothing else. */
const closed = ["listen_addresses=", "port=5432", "unix_socket_permissions=0700"];

/**
 * The database alone takes about 22 MB of memory with these, and up to 32 MB more as its tables grow. With 8 MB of buffers
 * (2 MB less) deliveries and queries of 2,000 players among 10 million had 70 and 80 % of the speed, with 40 MB 98 %.
 * The database of docker-compose.yml has the same; a test names what differs.
 */
export const lean = (
  "shared_buffers=40MB max_connections=12 wal_level=minimal max_wal_senders=0 max_wal_size=64MB min_wal_size=32MB " +
  "work_mem=1MB maintenance_work_mem=8MB autovacuum_max_workers=1 max_worker_processes=0 max_parallel_workers=0 " +
  "max_logical_replication_workers=0 jit=off huge_pages=off"
).split(" ");

/** Its log holds only what we read: that it is ready, and why it died. Never a statement, which may hold a secret. */
export const quiet = (
  "log_destination=stderr logging_collector=off log_min_messages=log log_min_error_statement=panic " +
  "log_checkpoints=off log_line_prefix= lc_messages=C"
).split(" ");
