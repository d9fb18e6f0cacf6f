import type { Sql } from "./client.ts";

/** A work that only one of all services on a database does at a time. */
export type Turn = {
  name: string;
  /** Who takes it: the same after a restart, where that matters. */
  place: string;
  /** How long after the last time it is due again there, and how long for others. */
  everySeconds: number;
  othersSeconds: number;
  /** Default: the clock of the database. */
  at?: Date;
};

/** Whether the work is due and ours; then nobody else gets it until it is due again. A clock that was ahead once keeps nobody from it. */
export async function takeTurn(sql: Sql, { name, place, everySeconds, othersSeconds, at }: Turn): Promise<boolean> {
  const { count } = await sql`
    insert into turns (name, place, at) values (${name}, ${place}, coalesce(${at?.toISOString() ?? null}::timestamptz, now()))
    on conflict (name) do update set place = excluded.place, at = excluded.at
    where turns.at > excluded.at + interval '1 minute' or turns.at <= excluded.at - interval '1 second' *
      case when turns.place = excluded.place then ${everySeconds}::float8 else ${othersSeconds}::float8 end`;
  return count === 1;
}

/** Lets others have it: it was not done. */
export async function giveTurnBack(sql: Sql, { name, place }: Pick<Turn, "name" | "place">): Promise<void> {
  await sql`delete from turns where name = ${name} and place = ${place}`;
}
