import { existsSync, readdirSync, readFileSync } from "node:fs";

/** The processes that a process started, and those that they started; none where there is no /proc. */
export function descendantsOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of existsSync("/proc/self/stat") ? readdirSync("/proc") : []) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // Behind the command, which may hold anything: the state, and the parent.
      const [, parent] = /\) \S (\d+) [^)]*$/.exec(readFileSync(`/proc/${name}/stat`, "utf8")) ?? [];
      parents.set(Number(name), Number(parent));
    } catch {} // it has just ended
  }
  const found = new Set([pid]);
  // A child may be listed before its parent: as often as there is something new.
  for (let count = 0; count !== found.size; ) {
    count = found.size;
    for (const [child, parent] of parents) if (found.has(parent)) found.add(child);
  }
  found.delete(pid);
  return [...found];
}
