import type { Goal, Result } from "./goals.ts";

/** Markdown that can be read as it is. */
export function tables({ date, machine, rows, figures }: Result, goals: readonly Goal[]): string {
  const load = [
    [
      "scenario",
      "server",
      "requests/s",
      "of bare",
      "x other",
      "p50 / p99 ms",
      "CPU µs, server / Postgres",
      "x bare CPU",
      "RSS MB",
    ],
    ...rows.map((row) => [
      row.scenario,
      row.target,
      number(row.requestsPerSecond),
      row.shareOfBare === undefined ? "" : `${number(row.shareOfBare * 100)} %`,
      number(row.toOther),
      `${number(row.p50Ms)} / ${number(row.p99Ms)}`,
      `${number(row.serverMicros)} / ${number(row.postgresMicros)}`,
      number(row.timesBareCpu),
      number(row.rssMb),
    ]),
  ];
  const single = [["figure", "value", ""], ...figures.map(({ name, value, unit }) => [name, number(value), unit])];
  const reached = [
    ["to reach", "floor", "goal", "measured", ""],
    ...goals.map(({ name, floor, goal, measured, verdict }) => [
      name,
      floor === Number.POSITIVE_INFINITY ? "any" : number(floor),
      number(goal),
      number(measured),
      verdict === "missed" ? "MISSED" : `${verdict} reached`,
    ]),
  ];
  const filled = [load, single, reached].filter((lines) => lines.length > 1);
  return `\n${date}, ${machine}\n\n${filled.map(table).join("\n")}`;
}

function table(lines: string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const padded = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)));
  const [head, ...rest] = padded;
  return [head, widths.map((width) => "-".repeat(width)), ...rest].map((line) => `| ${line?.join(" | ")} |\n`).join("");
}

/** Three digits that matter; nothing for what was not measured. */
function number(value: number | undefined): string {
  if (value === undefined) return "";
  return value >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
}
