import { readdir, readFile } from "node:fs/promises";

/** Linux counts CPU time in hundredths of a second. */
const tickMicros = 10_000;

/** CPU time so far of a process, all below it and all that ended below it; undefined where there is no /proc. */
export async function cpuMicros(pid: number): Promise<number | undefined> {
  const all = new Map<number, Stat>();
  for (const name of await readdir("/proc").catch(() => []))
    if (/^\d+$/.test(name)) {
      const stat = await readStat(Number(name));
      if (stat) all.set(Number(name), stat);
    }
  if (!all.has(pid)) return undefined;
  const isBelow = (one: number): boolean => one === pid || (all.has(one) && isBelow(all.get(one)?.parent ?? 0));
  let ticks = 0;
  for (const [one, stat] of all) if (isBelow(one)) ticks += stat.ticks;
  return ticks * tickMicros;
}

/** The parent of a process, if it is a Postgres (the pid may be of another machine). */
export async function postmasterOf(backend: number): Promise<number | undefined> {
  const stat = await readStat(backend);
  return stat?.name === "postgres" ? stat.parent : undefined;
}

type Stat = { name: string; parent: number; ticks: number };

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; the name in parentheses may hold anything. */
async function readStat(pid: number): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const [, name = "", rest = ""] = /^\d+ \((.*)\) (.*)/s.exec(text) ?? [];
  const fields = rest.split(" ").map(Number);
  if (fields.length < 15) return undefined;
  const [, parent = 0] = fields;
  return { name, parent, ticks: fields.slice(11, 15).reduce((sum, one) => sum + one, 0) };
}

/** Resident memory of one process in MB; undefined where there is no /proc. */
export async function rssMb(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(text)?.[1];
  return kb === undefined ? undefined : Number(kb) / 1024;
}

/** Of those that are known; undefined when none is. */
export function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1];
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2;
}
