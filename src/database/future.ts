import type { Sql } from "./client.ts";

/**
 * What lies behind this moment was written by a clock that was ahead once, and must not be believed: else a player's times, or
 * a session, would stay as they are until that day comes. Two machines' clocks may differ by a little less.
 */
export const farFuture = (sql: Sql) => sql`(now() + interval '1 minute')`;

/** The same for moments that this process compares. */
export const farFutureMs = 60_000;
