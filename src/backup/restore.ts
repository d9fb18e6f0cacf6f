import type { FileHandle } from "node:fs/promises";
import { type PathChange, pathChanges } from "../connections/paths.ts";
import type { Database, Sql } from "../database/connect.ts";
import { inTransaction } from "../database/transaction.ts";
import { errorCode } from "../error-code.ts";
import { BackupProblem, readBackup } from "./read.ts";
import { holdsRows, sumOf, tables } from "./tables.ts";
import type { Header } from "./write.ts";

type OnProgress = (done: number, total: number) => void;

/** Reads a backup to its end without keeping anything. Throws BackupProblem when it is not whole. */
export function checkBackup(file: FileHandle, onProgress: OnProgress): Promise<Header> {
  let done = 0;
  return readBackup(file, async (_, count, { rows }) => {
    done += count;
    onProgress(done, sumOf(rows));
  });
}

/**
 * Puts what a backup holds into the database, in the place of all that was there: all or nothing. Throws BackupProblem
 * when the backup is not whole, or when rows are there and `replace` is not set. Returns the paths that had to be changed.
 */
export async function restoreBackup({ database, file, replace, onProgress }: RestoreOptions): Promise<PathChange[]> {
  let done = 0;
  try {
    return await inTransaction(database, "change", async (sql) => {
      await sql`select set_config('lock_timeout', '5s', true)`;
      await sql`lock table connections in share row exclusive mode`;
      await sql`lock table playtimes in access exclusive mode`;
      if (!replace && (await holdsRows(sql))) throw new BackupProblem(notEmpty);
      for (const { clear } of tables) await clear(sql);
      await readBackup(file, async (insert, count, { rows }) => {
        await insert(sql);
        done += count;
        onProgress(done, sumOf(rows));
      });
      const changes = pathChanges(await readPaths(sql));
      for (const { kind, from, to } of changes)
        await sql`update connections set path = ${to} where kind = ${kind} and path = ${from}`;
      return changes;
    });
  } catch (error) {
    const words = problems[errorCode(error)];
    throw words === undefined ? error : new BackupProblem(words);
  }
}

/** A backup of an earlier version may hold paths that are not in the normal form. */
const readPaths = (sql: Sql) =>
  sql<
    { kind: string; path: string; createdAt: string }[]
  >`select kind, path, created_at as "createdAt" from connections`;

export type RestoreOptions = {
  database: Pick<Database, "alone">;
  file: FileHandle;
  replace: boolean;
  onProgress: OnProgress;
};

export const notEmpty =
  "The database is not empty: with --replace, all connections and players in it are removed and the backup takes their place.";

/** By the codes of Postgres. */
const problems: Record<string, string> = {
  "23505": "The file holds a connection or a player twice.",
  "55P03": "A backup is being made, or another restore runs: try again when it has ended.",
  "53100": "The disk of the database is full: make room there. Nothing was changed.",
};
