import type { Kind } from "../connections/connections.ts";
import type { HourlyCount } from "./read.ts";

/** What a chart may show, and the hours of each of its bars. */
const shapes = {
  "24h": { bars: 24, hours: 1 },
  "7d": { bars: 28, hours: 6 },
  "30d": { bars: 30, hours: 24 },
} as const;

export type Range = keyof typeof shapes;
export const ranges = Object.keys(shapes) as Range[];
const isRange = (text: string): text is Range => Object.hasOwn(shapes, text);
/** The range that a page's address names; the day for any other text. */
export const rangeOf = (text: string | null): Range => (text !== null && isRange(text) ? text : "24h");

/** How the requests of a part of the range ended. */
export type Ended = { accepted: number; ignored: number; refused: number };
/** `at`: when it begins, in UTC. The last one of a range still runs. */
export type Span = Ended & { at: string };

/** When the first span of the range begins. */
export function startOf(range: Range, now: Date): Date {
  const { bars, hours } = shapes[range];
  const spanMs = hours * 3_600_000;
  return new Date((Math.floor(now.getTime() / spanMs) - bars + 1) * spanMs);
}

/** How many hours a bar of this range stands for. */
export const hoursOfBar = (range: Range): number => shapes[range].hours;

/** The spans of a range, from the oldest to the current one, whether anything came or not. Paused ones count as ignored. */
export function spansOf(kind: Kind, counts: readonly HourlyCount[], range: Range, now: Date): Span[] {
  const { bars, hours } = shapes[range];
  const startMs = startOf(range, now).getTime();
  const spans = Array.from({ length: bars }, (_, index) => ({
    at: new Date(startMs + index * hours * 3_600_000).toISOString(),
    accepted: 0,
    ignored: 0,
    refused: 0,
  }));
  for (const { kind: ofKind, hour, outcome, count } of counts) {
    const span = spans[Math.floor((Date.parse(hour) - startMs) / (hours * 3_600_000))];
    const of = outcome === "paused" ? "ignored" : outcome;
    if (span && ofKind === kind && (of === "accepted" || of === "ignored" || of === "refused")) span[of] += count;
  }
  return spans;
}

export function sumOf(spans: readonly Ended[]): Ended {
  const sum = { accepted: 0, ignored: 0, refused: 0 };
  for (const { accepted, ignored, refused } of spans) {
    sum.accepted += accepted;
    sum.ignored += ignored;
    sum.refused += refused;
  }
  return sum;
}
