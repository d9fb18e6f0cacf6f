import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Writable } from "node:stream";

/** Between a file's name and what makes the name of its unfinished form unique. */
export const partialMark = ".partial-";

/**
 * Makes a file that only its owner may read, and that bears its name only when it is whole and on disk. `write` ends the
 * stream. Throws an error with the code EEXIST when there is a file of that name.
 */
export async function writeNewFile<T>(path: string, write: (to: Writable) => Promise<T>): Promise<T> {
  if (existsSync(path)) throw Object.assign(new Error(`${path} exists`), { code: "EEXIST" });
  const partial = `${path}${partialMark}${randomBytes(4).toString("hex")}`;
  const file = await open(partial, "wx", 0o600);
  try {
    const result = await writeInto(file, write);
    await rename(partial, path);
    // Not every file system can.
    await syncFolder(dirname(path)).catch(() => {});
    return result;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Node's own stream into a file that is open already may close it a second time. */
async function writeInto<T>(file: FileHandle, write: (to: Writable) => Promise<T>): Promise<T> {
  let writing = Promise.resolve();
  const to = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writing = file.appendFile(chunk).then(() => done(), done);
    },
  });
  try {
    const result = await write(to);
    await file.sync();
    return result;
  } finally {
    await writing;
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync().finally(() => folder.close());
}

/** A file from its beginning, however often it was read before. Node's own stream might close it. */
export async function* bytesOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(64 * 1024), position });
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
