import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { reasonOf } from "../database/open.ts";
import { errorCode } from "../error-code.ts";
import { writeNewFile } from "../file.ts";
import { program } from "../program.ts";
import { CommandProblem, type Context } from "./command.ts";

/**
 * Writes a new file that only its owner may read, whole or not at all; "-" is standard output, where `command` says what is
 * typed for it. Throws CommandProblem when the system does not let us, and when standard output would spoil what is written.
 */
export async function writeOutput<T>(
  name: string,
  context: Pick<Context, "output" | "env">,
  write: (to: Writable) => Promise<T>,
  { command, isText }: { command: string; isText: boolean },
): Promise<T> {
  const { output } = context;
  const spoiled = name === "-" ? spoiledBy(context, command, isText) : undefined;
  if (spoiled !== undefined) throw new CommandProblem(spoiled);
  try {
    return await (name === "-" ? write(output) : writeNewFile(name, write));
  } catch (error) {
    throw problemOf(error, name === "-" ? "standard output" : name) ?? error;
  }
}

/** What standard output would do to a file that it is sent to; undefined: nothing. */
function spoiledBy({ output, env }: Pick<Context, "output" | "env">, command: string, isText: boolean) {
  const isTerminal = "isTTY" in output && output.isTTY === true;
  const inFile = `${program} ${command} FILE`;
  if (isTerminal && !isText)
    return program.startsWith("npm")
      ? `A backup is not text for a terminal. Name a file: ${inFile}`
      : `A backup is not text for a terminal. Send it to a file: ${program.replace("exec ", "exec -T ")} ${command} - > FILE`;
  // Whoever only looks at it is not disturbed by two lines more.
  if (!isTerminal && env["npm_lifecycle_event"] === "cli" && env["npm_config_loglevel"] !== "silent")
    return `npm writes lines of its own to standard output, which would spoil the file. Name the file, ${inFile}, or use -s: npm run -s cli -- ${command} - > FILE`;
  return undefined;
}

/**
 * Hands on a file that can be read more than once; "-" is standard input, which is kept for so long in a file without a
 * name in the data folder, and so is what comes from a pipe. Throws CommandProblem when the system does not let us.
 */
export async function withInput<T>(
  name: string,
  { input, config }: Pick<Context, "input" | "config">,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = name === "-" ? await keep(input, config.SERVER.DATA_DIR) : await open(name);
    // A pipe with a name, as shells make one of <(zcat FILE).
    if ((await file.stat()).isFIFO()) file = await keep(file.createReadStream(), config.SERVER.DATA_DIR);
    return await work(file);
  } catch (error) {
    throw problemOf(error, name === "-" ? "the data folder" : name) ?? error;
  } finally {
    await file?.close();
  }
}

async function keep(input: Context["input"], folder: string): Promise<FileHandle> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `input-${process.pid}`);
  const file = await open(path, "wx+", 0o600);
  // Without a name it is gone when we are, however that comes.
  await rm(path);
  for await (const chunk of input) await file.appendFile(chunk);
  return file;
}

/** What an error of the system or the database means; undefined for any other. */
function problemOf(error: unknown, file: string): CommandProblem | undefined {
  if (error instanceof Error && error.name === "PostgresError")
    return new CommandProblem(`The database: ${reasonOf(error)}.`);
  const words: Record<string, string> = {
    ENOENT: `${file}: this file or folder does not exist.`,
    EEXIST: `${file} exists already: name another file, or move that one away.`,
    EISDIR: `${file} is a folder: name a file in it.`,
    EACCES: `${file}: you have no permission there. Choose another folder, or run the command as another user.`,
    EROFS: `${file}: nothing can be written there. In a container write - for the file, and save the output outside: … - > FILE`,
    ENOSPC: `${file}: the disk is full. The unfinished file was removed; make room, or name a file on another disk.`,
    EDQUOT: `${file}: this user's share of the disk is used up. The unfinished file was removed.`,
    EFBIG: `${file}: a file may not be that large here. The unfinished file was removed.`,
    EPIPE: "The program that reads the output has ended.",
  };
  const isOfSystem = error instanceof Error && "syscall" in error;
  const known = words[errorCode(error)];
  return known !== undefined ? new CommandProblem(known) : isOfSystem ? new CommandProblem(error.message) : undefined;
}
