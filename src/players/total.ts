import type { Database, Sql } from "../database/connect.ts";
import { inTransaction } from "../database/transaction.ts";
import { allMatching } from "./list.ts";
import type { PlayerFilter } from "./listing.ts";

/** How many rows a list has in all; `isMore`: at least so many, not counted further. Undefined: that took too long. */
export type Total = { count: number; isMore: boolean; isEstimate: boolean } | undefined;

const mostCounted = 10_000;
/** A number beside the list is not worth more. */
const limitMs = 500;

/** Counts the rows that a filter means, up to a limit; of all rows, Postgres' own estimate beyond it. */
export function totalsIn(database: Pick<Database, "run" | "alone">) {
  return async (filter: PlayerFilter): Promise<Total> => {
    const { idPrefix, ...others } = filter;
    const isServedByIndex = Object.values(others).every((value) => value === undefined);
    try {
      const { count, estimate } = isServedByIndex
        ? await database.run((sql) => read(sql, filter))
        : await inTransaction(
            database,
            "snapshot",
            async (sql) => {
              await sql`select set_config('statement_timeout', ${String(limitMs)}, true)`;
              return read(sql, filter);
            },
            AbortSignal.timeout(limitMs * 4),
          );
      if (count <= mostCounted) return { count, isMore: false, isEstimate: false };
      if (isServedByIndex && idPrefix === undefined && estimate > mostCounted)
        return { count: estimate, isMore: false, isEstimate: true };
      return { count: mostCounted, isMore: true, isEstimate: false };
    } catch {
      return undefined;
    }
  };
}

async function read(sql: Sql, filter: PlayerFilter): Promise<{ count: number; estimate: number }> {
  const [found] = await sql<{ count: number; estimate: number }[]>`
    select (
        select count(*)::float8 from (select from playtimes where ${allMatching(sql, filter)} limit ${mostCounted + 1}) as found
      ) as count, (select reltuples::float8 from pg_class where oid = 'playtimes'::regclass) as estimate`;
  return found ?? { count: 0, estimate: 0 };
}
