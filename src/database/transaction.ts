import { errorCode } from "../error-code.ts";
import type { Sql } from "./client.ts";
import { DatabaseProblem } from "./problem.ts";
import type { Way } from "./way.ts";

/**
 * Runs `work` in one transaction on a connection of its own: all of it is stored, or nothing. A "snapshot" sees everything as it
 * was at one moment and can change nothing. Throws DatabaseProblem when the connection is lost; `signal` ends it early.
 */
export function inTransaction<T>(
  database: Pick<Way, "alone">,
  kind: "snapshot" | "change",
  work: (sql: Sql) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return database.alone(async (sql) => {
    const end = () => sql.end({ timeout: 0 });
    signal?.addEventListener("abort", end, { once: true });
    try {
      await sql`begin ${kind === "snapshot" ? sql`isolation level repeatable read read only` : sql``}`;
      // The role may have a time limit, as we recommend with a pooler.
      await sql`select set_config('statement_timeout', '0', true)`;
      // The driver would go on with a new connection, outside the transaction.
      Object.assign(sql.options, { socket: () => Promise.reject(connectionLost()) });
      const result = await work(sql);
      // And the driver may report a statement as done that never ran, when the connection broke at that moment.
      const { command } = await sql`commit`;
      if (command !== "COMMIT") throw connectionLost();
      return result;
    } catch (error) {
      throw isLost(error) ? connectionLost() : error;
    } finally {
      // The server undoes what was not committed.
      signal?.removeEventListener("abort", end);
    }
  }, signal);
}

/** Codes of a lost connection: the driver's, the system's, and those of a Postgres that ends our session or stops. */
function isLost(error: unknown): boolean {
  const code = errorCode(error);
  // The code may also come from something that the work writes to; only the driver's errors name a statement.
  if (code === "EPIPE") return error instanceof Error && "query" in error;
  return /^(CONNECTION_|CONNECT_|ECONN|ETIMEDOUT|08|57P)/.test(code);
}

/** Throw it too where the driver reports a statement as done without a result: when the connection breaks, it may never have run. */
export function connectionLost(words = "The connection to the database was lost: try again."): DatabaseProblem {
  return new DatabaseProblem(words);
}

/** The rows of the cursor named `rows`, in batches. The driver's own cursor crashes the process when it loses its connection. */
export async function* fetchRows<Row extends object>(sql: Sql, count: number): AsyncGenerator<Row[]> {
  let left = count;
  while (left > 0) {
    const rows = await sql<Row[]>`fetch 1000 from rows`;
    left -= rows.length;
    if (rows.length === 0 || left < 0) throw connectionLost();
    yield rows;
  }
  await sql`close rows`;
}
