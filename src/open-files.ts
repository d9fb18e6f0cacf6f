import { readFileSync } from "node:fs";

/**
 * How many files and connections this process may have open at once; undefined where the system does not say. Node has raised
 * its own limit as far as it may before anything of ours runs.
 */
export function openFilesLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined; // only Linux has this file
  }
}
