import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { errorCode } from "../error-code.ts";
import { bytesOf } from "../file.ts";
import { integer, isObject, largestInteger, Malformed, text } from "../parse.ts";
import { type Given, type Table, tables } from "./tables.ts";
import { format, formatVersion, type Header } from "./write.ts";

/** What is wrong with a file, in sentences for the operator. */
export class BackupProblem extends Error {
  override name = "BackupProblem";
}

/** Inserts rows that have been checked. */
export type Insert = ReturnType<Table["take"]>;
type OnRows = (insert: Insert, count: number, header: Header) => Promise<void>;

/**
 * Reads a backup from its beginning, checks every value and in the end the checksum, and hands the rows on in batches.
 * Throws BackupProblem for anything but a whole backup, and what `onRows` throws.
 */
export async function readBackup(file: FileHandle, onRows: OnRows): Promise<Header> {
  const reader = lineReader(onRows);
  // The pipe may tell only that it broke off.
  let failure: unknown;
  try {
    await pipeline(
      withoutShellMarks(file),
      createGunzip({ chunkSize: 64 * 1024 }),
      async (chunks: AsyncIterable<Buffer>) => {
        try {
          for await (const chunk of chunks) await reader.add(chunk);
        } catch (error) {
          failure = error;
          throw error;
        }
      },
    );
    return reader.end();
  } catch (error) {
    throw inWords(failure ?? error);
  }
}

/**
 * What shells do to a backup on standard output: npm without -s writes its own lines first, which are skipped; `>` of
 * PowerShell 5.1 turns all bytes into UTF-16 text, and the backup is lost.
 */
async function* withoutShellMarks(file: FileHandle): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of bytesOf(file)) {
    const isUtf16 = isFirst && chunk[0] === 0xff && chunk[1] === 0xfe;
    if (isUtf16) throw new BackupProblem(fromPowerShell);
    const banner = isFirst && /^\s*> /.test(chunk.toString("latin1", 0, 16));
    yield banner ? chunk.subarray(Math.max(0, chunk.indexOf(gzipMagic))) : chunk;
    isFirst = false;
  }
}

const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08]);
const fromPowerShell =
  "This file was written with > in Windows PowerShell, which changes every byte: the backup in it is lost. Make it again in cmd, in PowerShell 7.4 or later, or with a file's name instead of > FILE.";

function inWords(error: unknown): unknown {
  if (error instanceof Malformed) return new BackupProblem(`${damaged} (${error.message}.)`);
  if (!errorCode(error).startsWith("Z_")) return error;
  const isGzip = !(error instanceof Error && error.message === "incorrect header check");
  return new BackupProblem(isGzip ? damaged : noBackup);
}

const noBackup = "This file is no backup of Playtime-Service.";
const damaged =
  "The file is cut off or was changed: it is not what the service wrote. Copy it once more, or use another backup.";
const tooNew = (service: string) =>
  `The backup was made by a newer version of the service (${service}). Update the service, and restore then.`;

/**
 * Far more than any row has: what goes on for longer without a line's end is no backup. A batch ends at so many bytes too, since
 * few bytes of a compressed file can hold rows of any size, and JSON becomes 20 times as large in memory.
 */
const lineBytesMost = 2 ** 20;
const batchBytes = 2 ** 20;
const batchRows = 2_000;
const newline = 0x0a;

function lineReader(onRows: OnRows) {
  const hash = createHash("sha256");
  let rest: Buffer = Buffer.alloc(0);
  let header: Header | undefined;
  let table: Table | undefined;
  let columns: string[] = [];
  let batch: Given[] = [];
  let bytesOfBatch = 0;
  let isWhole = false;
  const counts = new Map<string, number>();

  async function add(chunk: Buffer): Promise<void> {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const end = bytes.lastIndexOf(newline) + 1;
    rest = bytes.subarray(end);
    if (rest.length > lineBytesMost) throw problem();
    if (end === 0) return;
    const lines = bytes.toString("utf8", 0, end - 1).split("\n");
    // The checksum is of all lines but the one that holds it.
    const lastLineAt = end < 2 ? 0 : bytes.lastIndexOf(newline, end - 2) + 1;
    hash.update(bytes.subarray(0, lines.at(-1)?.startsWith('{"end"') ? lastLineAt : end));
    for (const line of lines) {
      if (line.startsWith("[")) await addRow(line);
      else await addLine(line);
    }
  }

  const problem = () => new BackupProblem(header ? damaged : noBackup);

  async function addRow(line: string): Promise<void> {
    const values = json(line);
    if (isWhole || !Array.isArray(values) || values.length !== columns.length) throw problem();
    const row: Given = {};
    for (const [index, name] of columns.entries()) row[name] = values[index];
    batch.push(row);
    bytesOfBatch += line.length;
    if (batch.length >= batchRows || bytesOfBatch >= batchBytes) await flush();
  }

  async function flush(): Promise<void> {
    if (batch.length === 0) return;
    if (!table || !header) throw problem();
    const rows = batch;
    batch = [];
    bytesOfBatch = 0;
    const count = (counts.get(table.name) ?? 0) + rows.length;
    if (count > (header.rows[table.name] ?? 0)) throw problem();
    counts.set(table.name, count);
    await onRows(table.take(rows), rows.length, header);
  }

  async function addLine(text: string): Promise<void> {
    const line = json(text);
    if (!isObject(line)) throw problem();
    if (!header) {
      header = headerOf(line);
      return;
    }
    await flush();
    if (isWhole) throw new BackupProblem(damaged);
    if (line["end"] === true) {
      isWhole = line["sha256"] === hash.digest("hex");
      if (!isWhole) throw new BackupProblem(damaged);
    } else beginTable(line, header);
  }

  function beginTable(line: Given, { service }: Header): void {
    const name = text(line["table"], "table");
    columns = Array.isArray(line["columns"]) ? line["columns"].map((column) => text(column, "column")) : [];
    if (new Set(columns).size < columns.length) throw problem();
    table = tables.find((one) => one.name === name);
    if (!table || columns.some((column) => !table?.columns.includes(column))) throw new BackupProblem(tooNew(service));
    if (counts.has(name)) throw new BackupProblem(damaged);
    counts.set(name, 0);
  }

  function end(): Header {
    if (!header || !isWhole || rest.length > 0) throw problem();
    for (const [name, rows] of Object.entries(header.rows))
      if (counts.get(name) !== rows) throw new BackupProblem(damaged);
    return header;
  }

  return { add, end };
}

function headerOf(line: Given): Header {
  if (line["format"] !== format) throw new BackupProblem(noBackup);
  const service = text(line["service"], "service");
  const version = integer({ min: 1, max: largestInteger })(line["version"], "version");
  if (version > formatVersion) throw new BackupProblem(tooNew(service));
  const madeAt = text(line["madeAt"], "madeAt");
  const count = integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const rows = isObject(line["rows"]) ? Object.entries(line["rows"]) : [];
  return {
    format,
    version,
    service,
    madeAt,
    rows: Object.fromEntries(rows.map(([name, n]) => [name, count(n, name)])),
  };
}

/** Undefined for what is not JSON. */
function json(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
