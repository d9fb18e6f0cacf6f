import type { Sql } from "./client.ts";

/**
 * A stored time after this moment was written while a clock was ahead, and is not believed: else a player's times, or a session,
 * would stay as they are until that day comes. The clocks of two machines may differ by a little less than this.
 */
export const farFutureText = "(now() + interval '1 minute')";
export const farFuture = (sql: Sql) => sql.unsafe(farFutureText);

/** The same for times that this process compares. */
export const farFutureMs = 60_000;
