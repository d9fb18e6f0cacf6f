import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { kill } from "./network.ts";

const processes = new Map<string, ChildProcess>();

/** Starts a program under a name, its output in a file. */
export function start(
  name: string,
  [program, ...args]: [string, ...string[]],
  { env = {}, cwd, log }: { env?: Record<string, string>; cwd?: string; log: string },
): void {
  const out = openSync(log, "a");
  const { PATH = "" } = process.env;
  const child = spawn(program, args, {
    env: { PATH, LANG: "C.UTF-8", ...env },
    cwd,
    detached: true,
    stdio: ["ignore", out, out],
  });
  child.on("error", () => {});
  child.unref();
  processes.set(name, child);
}

/** A program and all below it, as after a loss of power. */
export function killTree(name: string, more: readonly number[] = []): void {
  const pid = processes.get(name)?.pid;
  processes.delete(name);
  for (const root of [...(pid === undefined ? [] : [pid]), ...more])
    for (const one of treeOf(root)) kill(one, "SIGKILL");
}

/** All that was started here. */
export async function killAll(): Promise<void> {
  for (const name of [...processes.keys()]) killTree(name);
  await sleep(300);
}

function treeOf(pid: number): number[] {
  const all = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" })
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const one of found)
    for (const [child, parent] of all) if (parent === one && child !== undefined) found.push(child);
  return found;
}

export async function until(what: string, isSo: () => Promise<boolean> | boolean, seconds: number): Promise<void> {
  for (const endMs = performance.now() + seconds * 1_000; ; await sleep(200)) {
    if (await Promise.resolve(isSo()).catch(() => false)) return;
    if (performance.now() > endMs) throw new Error(`not within ${seconds} s: ${what}`);
  }
}
