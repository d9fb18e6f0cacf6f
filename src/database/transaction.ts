import { errorCode } from "../error-code.ts";
import type { Database, Sql } from "./connect.ts";
import { DatabaseProblem } from "./problem.ts";

/**
 * Runs `work` in one transaction on a connection of its own: all of it counts or nothing. A "snapshot" sees everything as
 * it was at one moment and can change nothing. Throws DatabaseProblem when the connection is lost; `signal` ends it early.
 */
export async function inTransaction<T>(
  database: Pick<Database, "single">,
  kind: "snapshot" | "change",
  work: (sql: Sql) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const sql = database.single();
  const end = () => sql.end({ timeout: 0 });
  signal?.addEventListener("abort", end, { once: true });
  try {
    await sql`begin ${kind === "snapshot" ? sql`isolation level repeatable read read only` : sql``}`;
    // The driver would go on with a new connection, outside of the transaction.
    Object.assign(sql.options, { socket: () => Promise.reject(connectionLost()) });
    const result = await work(sql);
    // And it may report a statement as done that never was: where its connection broke just then.
    const { command } = await sql`commit`;
    if (command !== "COMMIT") throw connectionLost();
    return result;
  } catch (error) {
    throw lost.test(errorCode(error)) ? connectionLost() : error;
  } finally {
    signal?.removeEventListener("abort", end);
    // What was not committed, the server takes back.
    await end();
  }
}

/** Of the driver, of the system, and of a Postgres that ends us or stops. */
const lost = /^(CONNECTION_|CONNECT_|ECONN|ETIMEDOUT|08|57P)/;

export function connectionLost(): DatabaseProblem {
  return new DatabaseProblem("The connection to the database was lost: try again.");
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
