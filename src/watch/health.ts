import type { Connection } from "../connections/connections.ts";
import type { Summary } from "./read.ts";

/** The states of a connection, the worst first. */
export const states = ["refusing", "no-secret", "late", "waiting", "paused", "off", "up"] as const;
export type State = (typeof states)[number];

/** Something for the operator to mend. */
export const isTrouble = (state: State) => state === "refusing" || state === "no-secret" || state === "late";

/** This many refusals one after another are more than an accident. */
const refusedInARowLeast = 3;

/** What is known of a connection's requests. `acceptedAt`: ISO 8601 text. */
export type Requests = { acceptedAt: string | null; refusedInARow: number };

/**
 * One state for each connection. "waiting": nothing was accepted yet. "late": nothing for its own hours; only webhooks are
 * expected at any time. "refusing": the last three requests, or more, were refused.
 */
export function stateOf(
  {
    kind,
    enabled,
    secret,
    isPaused,
    expectHours,
  }: Pick<Connection, "kind" | "enabled" | "secret" | "isPaused" | "expectHours">,
  { acceptedAt, refusedInARow }: Requests,
  now: Date,
): State {
  if (!enabled) return "off";
  if (secret === null) return "no-secret";
  if (refusedInARow >= refusedInARowLeast) return "refusing";
  if (isPaused) return "paused";
  if (acceptedAt === null) return "waiting";
  const isExpected = kind === "battlemetrics" && expectHours !== null;
  return isExpected && hoursSince(acceptedAt, now) >= expectHours ? "late" : "up";
}

/** Whole hours; 0 for a time in the future. */
export function hoursSince(at: string, now: Date): number {
  return Math.max(0, Math.floor((now.getTime() - Date.parse(at)) / 3_600_000));
}

/** A connection and its state. `summary`: undefined where no request of it is known. */
export type Standing = { connection: Connection; state: State; summary: Summary | undefined };

/** All of them, the worst first. */
export function standingsOf(connections: readonly Connection[], summaries: readonly Summary[], now: Date): Standing[] {
  const standings = connections.map((connection): Standing => {
    const summary = summaries.find(({ kind, path }) => kind === connection.kind && path === connection.path);
    const { acceptedAt, refusedInARow } = summary ?? { acceptedAt: null, refusedInARow: 0 };
    return { connection, summary, state: stateOf(connection, { acceptedAt, refusedInARow }, now) };
  });
  return standings.sort((a, b) => states.indexOf(a.state) - states.indexOf(b.state));
}
