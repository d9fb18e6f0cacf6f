import type { Sql } from "./client.ts";
import { DatabaseProblem } from "./problem.ts";

/**
 * Our answers hold times as Postgres writes them in UTC, followed by a Z. A pooler may drop the time zone that a session asks
 * for, and then every time would be wrong: this throws DatabaseProblem instead.
 */
export async function checkTimes(sql: Sql): Promise<void> {
  const [row] = await sql<{ text: string; zone: string; style: string }[]>`
    select '2026-07-02T03:04:05.678Z'::timestamptz::text as text,
      current_setting('TimeZone') as zone, current_setting('DateStyle') as style`;
  if (row?.text === "2026-07-02 03:04:05.678+00") return;
  throw new DatabaseProblem(
    `The database tells times as TimeZone ${row?.zone} and DateStyle ${row?.style}, though UTC and ISO are asked for: ` +
      "most likely a pooler leaves that out. As the database's owner, run: " +
      "ALTER ROLE <the user> SET TimeZone = 'UTC'; ALTER ROLE <the user> SET DateStyle = 'ISO'",
  );
}
