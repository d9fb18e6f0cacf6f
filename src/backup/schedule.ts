import { mkdir, readdir, rm, stat, statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database/connect.ts";
import { giveTurnBack, takeTurn } from "../database/turns.ts";
import { partialMark, writeNewFile } from "../file.ts";
import type { Log } from "../log.ts";
import { holdsRows } from "./tables.ts";
import { writeBackup } from "./write.ts";

export type ScheduleOptions = {
  database: Pick<Database, "run" | "alone">;
  /** Made when missing. */
  folder: string;
  /** 0: none is made. */
  everyHours: number;
  /** So many files stay, the newest. */
  keep: number;
  now?: () => Date;
  log: Log;
};

const usualLookMs = 60_000;
const retryMs = 15 * 60_000;
const stopMs = 1_000;
/** What a database needs to go on: a backup that leaves less on the disk is not made. */
const freeBytesLeast = 64 * 2 ** 20;

/**
 * Makes a backup whenever the newest one in the folder is old enough, and removes the oldest. A restart changes nothing in
 * that: the names of the files tell their times.
 */
export function keepBackups(options: ScheduleOptions, lookMs = usualLookMs): Backups {
  const { log, now = () => new Date() } = options;
  if (options.everyHours === 0) return { problem: () => undefined, stop: async () => {} };
  const abort = new AbortController();
  let looking = Promise.resolve();
  let notBeforeMs = 0;
  let problem: string | undefined;

  const look = async (): Promise<void> => {
    try {
      if (performance.now() >= notBeforeMs) {
        await backUpIfDue({ ...options, now }, abort.signal);
        problem = undefined;
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      notBeforeMs = performance.now() + retryMs;
      problem = error instanceof Error ? error.message : String(error);
      log.error("the backup failed; next try in 15 minutes", { error, folder: options.folder });
    }
    if (!abort.signal.aborted) timer.refresh();
  };
  const timer = setTimeout(() => {
    looking = look();
  }, lookMs).unref();

  return {
    problem: () => problem,
    stop: async () => {
      clearTimeout(timer);
      abort.abort();
      await Promise.race([looking, sleep(stopMs, undefined, { ref: false })]);
    },
  };
}

export type Backups = {
  /** Why the last one failed; undefined: it did not. */
  problem: () => string | undefined;
  stop: () => Promise<void>;
};

const fileName = /^playtime-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z\.backup$/;

/** One look: exported for the tests, which do not wait. */
export async function backUpIfDue(options: Required<ScheduleOptions>, signal: AbortSignal): Promise<void> {
  const { database, folder, everyHours, now } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const nowMs = now().getTime();
  // A file of the future is of a clock that was wrong.
  const files = (await filesIn(folder)).filter((file) => timeOf(file) <= nowMs);
  if (nowMs - timeOf(files.at(-1) ?? "") < everyHours * 3_600_000) return;
  // An empty database may be one that was lost: its backups would push the good ones out.
  if (!(await database.run(holdsRows))) return;
  // Of several services on one database the same one makes all, unless it is late.
  const turn = { name: "backup", place: `${hostname()} ${resolve(folder)}` };
  const othersSeconds = everyHours * 3_600 + retryMs / 1_000;
  if (!(await database.run((sql) => takeTurn(sql, { ...turn, othersSeconds, at: now() })))) return;
  try {
    await makeBackup(options, files, signal);
  } catch (error) {
    await database.run((sql) => giveTurnBack(sql, turn)).catch(() => {});
    throw error;
  }
}

async function makeBackup(options: Required<ScheduleOptions>, files: string[], signal: AbortSignal): Promise<void> {
  const { database, folder, keep, now, log } = options;
  const nowMs = now().getTime();
  await removeLeftovers(folder, nowMs);
  await checkRoom(database, folder);

  const startMs = performance.now();
  const name = `playtime-${new Date(nowMs).toISOString().slice(0, 19).replaceAll(":", "-")}Z.backup`;
  const path = join(folder, name);
  const rows = await writeNewFile(path, (to) => writeBackup({ database, to, signal, pause: gently() }));
  const { size: bytes } = await stat(path);
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  log.info("a backup was made", { file: path, bytes, seconds, ...rows });
  for (const old of [...files, name].slice(0, -keep))
    await rm(join(folder, old), { force: true }).catch((error) =>
      log.error("an old backup could not be removed", { error, file: join(folder, old) }),
    );
}

/** By age, the oldest first. */
async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => fileName.test(name)).sort();
}

/** NaN for any other name. */
function timeOf(name: string): number {
  return Date.parse(name.replace(fileName, "$1T$2:$3:$4Z"));
}

/** What was not finished, since we were killed. A file that is being written is younger. */
async function removeLeftovers(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const [finalName = "", mark] = name.split(partialMark);
    if (mark === undefined || !fileName.test(finalName)) continue;
    const path = join(folder, name);
    if ((await stat(path)).mtimeMs < nowMs - retryMs) await rm(path, { force: true });
  }
}

/** A full disk would stop the database. A backup takes less than half of what the table does. */
async function checkRoom(database: Pick<Database, "run">, folder: string): Promise<void> {
  const [table] = await database.run((sql) => sql<{ bytes: string }[]>`select pg_table_size('playtimes') as bytes`);
  const { bavail, bsize } = await statfs(folder);
  const neededBytes = Number(table?.bytes ?? 0) / 2 + freeBytesLeast;
  const megabytes = (bytes: number) => `${Math.floor(bytes / 2 ** 20).toLocaleString("en")} MB`;
  if (bavail * bsize < neededBytes)
    throw new Error(`too little room on the disk: ${megabytes(bavail * bsize)}, needed ${megabytes(neededBytes)}`);
}

/** After each batch a pause as long as it took: deliveries and queries come first. */
function gently(): () => Promise<void> {
  let sinceMs = performance.now();
  return async () => {
    await sleep(performance.now() - sinceMs);
    sinceMs = performance.now();
  };
}
