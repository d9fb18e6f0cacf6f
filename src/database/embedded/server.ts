import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../../log.ts";
import { DatabaseProblem } from "../problem.ts";
import type { Binaries } from "./binaries.ts";
import { type Guarded, guarded, lastWords } from "./guarded.ts";
import type { Place } from "./place.ts";

export type ServerOptions = {
  place: Place;
  binaries: Binaries;
  socketDir: string;
  settings: Record<string, string>;
  log: Log;
  onGone: () => void;
};

/**
 * Starts the server and starts it again whenever it dies, until it has failed five times in a minute. Resolves when
 * it is ready for the first time, with the function that shuts it down for good.
 */
export async function keepRunning(options: ServerOptions): Promise<() => Promise<void>> {
  const stopping = new AbortController();
  const first = await launch(options, stopping.signal);
  const ended = supervise(first, options, stopping.signal);
  return () => {
    stopping.abort();
    return ended;
  };
}

async function supervise(server: Guarded, options: ServerOptions, stopping: AbortSignal): Promise<void> {
  const { log, onGone } = options;
  let failures: number[] = [];
  let reason = "";
  for (;;) {
    await server.gone;
    if (stopping.aborted) return;
    const now = performance.now();
    failures = [...failures.filter((time) => time > now - 60_000), now];
    reason ||= lastWords(server);
    if (failures.length >= 5) {
      log.error("The database failed five times in a minute and is given up", { reason });
      return onGone();
    }
    log.warn("The database died and is started again", { reason });
    await sleep(25 * 4 ** (failures.length - 1), undefined, { signal: stopping }).catch(() => {});
    try {
      server = await launch(options, stopping);
      reason = "";
      log.info("The database runs again", { seconds: Math.round(performance.now() - now) / 1000 });
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
}

/** Resolves with a server that is ready. While an older one still holds the folder's lock, tries for up to 10 seconds. */
async function launch(options: ServerOptions, stopping: AbortSignal): Promise<Guarded> {
  const giveUpAt = performance.now() + 10_000;
  const pg = join(options.place.dir, "pg");
  for (;;) {
    stopping.throwIfAborted();
    const { server, isReady } = await start(options, stopping);
    if (isReady) return server;
    if (!server.lines.some((line) => lockedFolder.test(line))) {
      throw new DatabaseProblem(`The database in ${pg} does not start: ${lastWords(server)}.`);
    }
    if (performance.now() > giveUpAt) {
      throw new DatabaseProblem(
        `Another copy of the service already uses the database in ${pg}: stop that one, or give this one another data folder.`,
      );
    }
    await sleep(200, undefined, { signal: stopping }).catch(() => {});
  }
}

const lockedFolder = /^FATAL: .*(lock file .* already exists|pre-existing shared memory block)/;

/** Resolves when the server is ready, or has ended without having been. */
function start(options: ServerOptions, stopping: AbortSignal): Promise<{ server: Guarded; isReady: boolean }> {
  return new Promise((resolve) => {
    let isReady = false;
    const server = guarded(serverCommand(options), options.place.account, (line) => {
      if (isReady && !stopping.aborted && isAlarming(line))
        options.log.warn("The database reports a problem", { line });
      if (!line.endsWith("database system is ready to accept connections")) return;
      isReady = true;
      resolve({ server, isReady });
    });
    stopping.addEventListener("abort", server.stop);
    server.gone.then(() => {
      stopping.removeEventListener("abort", server.stop);
      resolve({ server, isReady: false });
    });
  });
}

/** What a client caused or only has to be told is left out: it was cut off, or came while the database goes up or down. */
function isAlarming(line: string): boolean {
  return (
    /^(FATAL|PANIC): /.test(line) && !/ (the database system is|terminating|connection to client lost)\b/.test(line)
  );
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

/** It writes only what we read: that it is ready, and why it died. Never a statement: that may hold a secret. */
export const quiet = (
  "log_destination=stderr logging_collector=off log_min_messages=log log_min_error_statement=panic " +
  "log_checkpoints=off log_line_prefix= lc_messages=C"
).split(" ");
