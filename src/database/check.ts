import type { Sql } from "./client.ts";
import { DatabaseProblem } from "./problem.ts";

const leastMajor = 12;

/**
 * Throws DatabaseProblem for a server that speaks Postgres' protocol but is another product, or too old. Where we must write,
 * throws an error with Postgres' code 25006 for a server that is read-only.
 */
export async function checkServer(sql: Sql, mustWrite: boolean): Promise<void> {
  const [server] = await sql<{ version: string; number: number; isReadOnly: boolean }[]>`
    select version() as version, current_setting('server_version_num')::int as number,
      current_setting('transaction_read_only') = 'on' as "isReadOnly"`;
  const { version = "", number = 0, isReadOnly = false } = server ?? {};
  const [other] = /CockroachDB|Yugabyte\w*|-YB-|Redshift/i.exec(version) ?? [];
  if (other !== undefined)
    throw new DatabaseProblem(
      `This server is ${other === "-YB-" ? "YugabyteDB" : other}, which lacks things that the service needs of PostgreSQL: use PostgreSQL ${leastMajor} or later.`,
    );
  if (Math.floor(number / 10_000) < leastMajor)
    throw new DatabaseProblem(
      `This server is too old (${version.split(" ").slice(0, 2).join(" ")}): use PostgreSQL ${leastMajor} or later.`,
    );
  if (isReadOnly && mustWrite) throw readOnlyServer();
}

/** Of a standby, or of a server in recovery: waiting helps, until a failover is over. */
export function readOnlyServer(): Error {
  return Object.assign(new Error("this server can only be read: it is a standby, or in recovery"), { code: readOnly });
}

/** Postgres' code for a write to a server that is read-only. */
export const readOnly = "25006";
