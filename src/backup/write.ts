import { createHash } from "node:crypto";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Database, Sql } from "../database/connect.ts";
import { fetchRows, inTransaction } from "../database/transaction.ts";
import { version } from "../version.ts";
import { countRows, sumOf, tables } from "./tables.ts";

export const format = "playtime-service backup";
/** Raised when older versions of the service could not understand a file any more. */
export const formatVersion = 1;

/** The first line. */
export type Header = {
  format: typeof format;
  version: number;
  /** The version of the service that made it. */
  service: string;
  /** ISO 8601 text. */
  madeAt: string;
  rows: Record<string, number>;
};

/** The line before a table's rows, which are JSON arrays, one a line. */
export type TableLine = { table: string; columns: readonly string[] };

/** The last line; the SHA-256 (hex) of all lines before it. */
export type LastLine = { end: true; sha256: string };

export type WriteOptions = {
  database: Pick<Database, "alone">;
  to: Writable;
  onProgress?: (done: number, total: number) => void;
  /** Called after each batch: what it waits for, the backup waits for too. */
  pause?: () => Promise<void>;
  signal?: AbortSignal;
};

/**
 * Writes everything that matters, as it was at one moment, as compressed lines of JSON. Returns how many rows of each
 * table there are.
 */
export function writeBackup({ database, to, signal, ...options }: WriteOptions): Promise<Record<string, number>> {
  return inTransaction(
    database,
    "snapshot",
    async (sql) => {
      // A restore empties a table in a way that snapshots do not see: until we are done, it has to wait.
      await sql`lock table connections, playtimes in access share mode`;
      const rows = await countRows(sql);
      const text = linesOf(sql, rows, options);
      await pipeline(text, createGzip({ level }), to, signal ? { signal } : {});
      return rows;
    },
    signal,
  );
}

/** Of 1 to 9: the default, 6, takes 1.7 times the time for a file 7 % smaller. */
const level = 3;

async function* linesOf(
  sql: Sql,
  rows: Record<string, number>,
  { onProgress = () => {}, pause = async () => {} }: Pick<WriteOptions, "onProgress" | "pause">,
): AsyncGenerator<Buffer> {
  const total = sumOf(rows);
  const hash = createHash("sha256");
  const hashed = (text: string) => {
    const bytes = Buffer.from(text);
    hash.update(bytes);
    return bytes;
  };
  const header: Header = {
    format,
    version: formatVersion,
    service: version,
    madeAt: new Date().toISOString(),
    rows,
  };
  yield hashed(`${JSON.stringify(header)}\n`);
  let done = 0;
  onProgress(done, total);
  for (const { name, columns, declareRows } of tables) {
    const tableLine: TableLine = { table: name, columns };
    yield hashed(`${JSON.stringify(tableLine)}\n`);
    await declareRows(sql);
    for await (const batch of fetchRows<{ line: string }>(sql, rows[name] ?? 0)) {
      yield hashed(batch.map(({ line }) => `${line}\n`).join(""));
      done += batch.length;
      onProgress(done, total);
      await pause();
    }
  }
  const lastLine: LastLine = { end: true, sha256: hash.digest("hex") };
  yield Buffer.from(`${JSON.stringify(lastLine)}\n`);
}
