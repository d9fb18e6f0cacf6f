import { existsSync } from "node:fs";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../../error-code.ts";
import type { Log } from "../../log.ts";
import { DatabaseProblem } from "../problem.ts";
import { type Binaries, findBinaries, stagedPrefix } from "./binaries.ts";
import { guarded } from "./guarded.ts";
import { keepRunning } from "./keep-running.ts";
import { type Patience, usualPatience } from "./patience.ts";
import { choosePlace, makePrivate, type Place } from "./place.ts";
import { embeddedUser } from "./probe.ts";
import { removeSocketFolder, socketFolder } from "./socket-folder.ts";

export { embeddedAddress, embeddedDatabase, embeddedUser, ofCommand } from "./probe.ts";
export { findRunning } from "./running.ts";

export type EmbeddedOptions = {
  /** Created when missing. The cluster lives in its folder `pg`. */
  dataDir: string;
  /** A folder with initdb and postgres. Absent or empty: found by ourselves. */
  binDir?: string;
  /** Further settings of Postgres. */
  settings?: Record<string, string>;
  /** When a database that does not answer is restarted; missing fields have their defaults. */
  patience?: Partial<Patience>;
  log: Log;
  /** Called once, when the database has failed five times in a minute and is given up. */
  onGone?: () => void;
};

export type Embedded = {
  /** The folder of the socket, `.s.PGSQL.5432`. */
  socketDir: string;
  /** Such as "18.4". */
  version: string;
  /** Fulfilled when the database has shut down cleanly. */
  stop: () => Promise<void>;
};

/**
 * A Postgres of our own, on a socket that only its own user can open. It ends when we do, however suddenly, and is
 * started again when it dies. Throws DatabaseProblem, and then leaves nothing running.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { dataDir, binDir = "", settings = {}, log, onGone = () => {} } = options;
  const patience = { ...usualPatience, ...options.patience };
  try {
    const place = await choosePlace(dataDir, log);
    const binaries = await findBinaries({ place, binDir, wanted: await majorOf(place) });
    if (!existsSync(join(place.dir, "pg"))) await initialise(place, binaries, settings);
    const socketDir = await socketFolder(place);
    const end = await keepRunning({ place, binaries, socketDir, settings, patience, log, onGone });
    const stop = async () => {
      await end();
      await removeSocketFolder(place, socketDir);
    };
    await removeLeftovers(place, binaries);
    return { socketDir, version: binaries.version, stop };
  } catch (error) {
    // A system call failed: its message, such as "EACCES: permission denied, mkdir '/srv/data'", is clear to an operator.
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const advice = ["ENOSPC", "EDQUOT"].includes(errorCode(error))
      ? "The disk is full, or can hold no more files: make room, or choose a folder on another disk"
      : "Make it writable, or choose another one";
    throw new DatabaseProblem(`The data folder ${dataDir} cannot be used (${error.message}). ${advice}.`, {
      cause: error,
    });
  }
}

/** The major version of the existing cluster; undefined when there is none yet. */
async function majorOf({ dir }: Place): Promise<number | undefined> {
  if (!existsSync(join(dir, "pg"))) return undefined;
  const text = await readFile(join(dir, "pg/PG_VERSION"), "utf8").catch((error) => {
    if (errorCode(error) === "ENOENT") return "";
    throw error;
  });
  const major = Number.parseInt(text, 10);
  if (major > 0) return major;
  throw new DatabaseProblem(
    `${join(dir, "pg")} holds no database (its PG_VERSION is missing): move it away, or restore it from a backup.`,
  );
}

/** Created under another name, and renamed when complete and on disk: a folder named `pg` is never incomplete. */
async function initialise(place: Place, { bin }: Binaries, settings: Record<string, string>): Promise<void> {
  const pg = join(place.dir, "pg");
  const half = join(place.dir, `pg.init-${process.pid}-${Date.now()}`);
  await makePrivate(half, place.account);
  const options = ["-A", "trust", "--data-checksums", "-E", "UTF8", "--no-locale", "--no-instructions"];
  // A database that may be lost is made quickly and small: it reserves a sixteenth of the write-ahead log.
  if (settings["fsync"] === "off") options.push("--no-sync", "--wal-segsize=1");
  const initdb = guarded([join(bin, "initdb"), "-D", half, "-U", embeddedUser, ...options], place.account);
  const code = await initdb.gone;
  try {
    if (code !== 0) throw new DatabaseProblem(`The database could not be created in ${pg}: ${initdb.reason()}.`);
    await rename(half, pg);
    const folder = await open(place.dir);
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    if (!existsSync(pg)) throw error; // else another process was quicker
  }
}

// Removes what killed starts left behind, and the programs of older versions. Called when we hold the lock of `pg`.
async function removeLeftovers({ dir }: Place, { bin }: Binaries): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    if (!name.startsWith("pg.init") && !name.startsWith(stagedPrefix)) continue;
    if (!bin.startsWith(`${path}/`)) await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}
