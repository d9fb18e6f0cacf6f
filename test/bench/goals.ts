import type { Row } from "./compare.ts";
import { type Figure, service } from "./targets.ts";

export type Result = { date: string; machine: string; rows: readonly Row[]; figures: readonly Figure[] };

/** `floor` is what must be reached, `goal` what should be. */
export type Goal = { name: string; floor: number; goal: number; measured: number; verdict: Verdict };
export type Verdict = "goal" | "floor" | "missed";

/** Every goal that was measured. */
export function judge(result: Result): Goal[] {
  return goals.flatMap(([name, floor, goal, of]) => {
    const measured = of(result);
    if (measured === undefined) return [];
    const reaches = (limit: number) => (goal > floor ? measured >= limit : measured <= limit);
    return [{ name, floor, goal, measured, verdict: reaches(goal) ? "goal" : reaches(floor) ? "floor" : "missed" }];
  });
}

type Of = (result: Result) => number | undefined;

const row =
  (scenario: string, value: Exclude<keyof Row, "scenario" | "target">, target: string = service): Of =>
  ({ rows }) =>
    rows.find((one) => one.scenario === scenario && one.target === target)?.[value];

const figure =
  (name: string): Of =>
  ({ figures }) =>
    figures.find((one) => one.name === name)?.value;

/** While Steam hangs nothing may be refused, which ends the bench; how late the answers are has no floor. */
const noFloor = Number.POSITIVE_INFINITY;
const hangs = (target: string) => row("webhook, Steam hangs", "p99Ms", target);
const timesAsLate: Of = (result) => {
  const [late, usual] = [hangs("while Steam hangs")(result), hangs("without queries")(result)];
  return late && usual && late / usual;
};

const goals: [name: string, floor: number, goal: number, of: Of][] = [
  // Not the share of its rate, which depends on how many cores all of them share.
  ["webhook: times the CPU of bare node:http", 5.5, 4, row("webhook, 32 connections", "timesBareCpu")],
  ["webhook: times one upsert per request", 2, 3, row("webhook, 32 connections", "toOther")],
  ["webhook: CPU µs of Postgres per request", 30, 15, row("webhook, 32 connections", "postgresMicros")],
  ["webhook: p99 ms at 32 connections", 20, 8, row("webhook, 32 connections", "p99Ms")],
  ["webhook: p50 ms at 1 connection", 1, 0.5, row("webhook, 1 connection", "p50Ms")],
  ["query, 1 id: times the CPU of bare node:http", 4, 3, row("query, 1 id", "timesBareCpu")],
  ["query, 100 ids: times one select per request", 1.3, 1.8, row("query, 100 ids", "toOther")],
  ["webhook: p99 while Steam hangs, times that without", noFloor, 1.1, timesAsLate],
  ["memory at rest, MB", 75, 55, figure("memory, at rest")],
  ["memory after a million requests, MB", 110, 80, figure("memory, after a million requests")],
  ["memory after a million more, times that", 1.05, 1.05, figure("memory, after a million more")],
  ["start, compiled, s", 0.5, 0.2, figure("start, compiled, on a running Postgres")],
  ["npm start, s", 1.5, 0.6, figure("npm start, embedded database")],
  ["npm start, first ever, s", 5, 2, figure("npm start, first ever")],
  ["webhook: 10 million rows, times 10 thousand", 0.8, 0.95, row("webhook, table size", "toOther", "10 million rows")],
  [
    "query: 10 million rows, times 10 thousand",
    0.8,
    0.95,
    row("query, 1 id, table size", "toOther", "10 million rows"),
  ],
];
