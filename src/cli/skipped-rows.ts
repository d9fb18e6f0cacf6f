import { randomBytes } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const shownMost = 20;

/**
 * Tells a line for each row that is not taken: a few in the end, with `warn`; more go into a file that only its owner may
 * read. Where no folder can be written to, as in a locked container, or the disk is full, all are told at once.
 */
export function skippedRows(warn: (line: string) => void, folders = [resolve(), tmpdir()], now = () => new Date()) {
  const few: string[] = [];
  let count = 0;
  let file: { path: string; handle: FileHandle } | "none" | undefined;

  return {
    add: async (lines: string[]): Promise<void> => {
      count += lines.length;
      const isFirst = count > shownMost && !file;
      if (isFirst) file = (await createFile(folders, now())) ?? "none";
      const toWrite = isFirst ? [...few, ...lines] : lines;
      if (file && file !== "none" && !(await isWritten(file.handle, toWrite))) file = "none";
      if (file === "none") for (const line of toWrite) warn(line);
      few.push(...lines.slice(0, shownMost - few.length));
    },
    end: async (): Promise<void> => {
      if (file === "none") return;
      for (const line of few) warn(line);
      if (!file) return;
      await file.handle.close().catch(() => {});
      warn(`… ${(count - few.length).toLocaleString("en")} more. All are listed in ${file.path}`);
    },
  };
}

/** A list that only tells must not end an import. */
async function isWritten(handle: FileHandle, lines: string[]): Promise<boolean> {
  return handle.appendFile(lines.map((line) => `${line}\n`).join("")).then(
    () => true,
    () =>
      handle.close().then(
        () => false,
        () => false,
      ),
  );
}

/** In the first folder that can be written to; "wx": never into a file or link that is there already. */
async function createFile(folders: string[], date: Date) {
  const name = `import-django-skipped-${date.toISOString().slice(0, 19).replaceAll(":", "-")}-${randomBytes(4).toString("hex")}.txt`;
  for (const path of folders.map((folder) => join(folder, name))) {
    const handle = await open(path, "wx", 0o600).catch(() => undefined);
    if (handle) return { path, handle };
  }
  return undefined;
}
