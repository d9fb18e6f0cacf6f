import type { Sql } from "./client.ts";

/** A work that only one of all services on a database does at a time. */
export type Turn = {
  name: string;
  /** Who takes it. */
  place: string;
  /** For how long nobody else gets it then. */
  othersSeconds: number;
  /** Default: the clock of the database. */
  at?: Date;
};

/** Whether it is ours: we had it last, or nobody has had it for so long (or in the future, by a clock that was wrong). */
export async function takeTurn(sql: Sql, { name, place, othersSeconds, at }: Turn): Promise<boolean> {
  const { count } = await sql`
    insert into turns (name, place, at) values (${name}, ${place}, coalesce(${at?.toISOString() ?? null}::timestamptz, now()))
    on conflict (name) do update set place = excluded.place, at = excluded.at
    where turns.place = excluded.place or turns.at <= excluded.at - ${othersSeconds} * interval '1 second'
      or turns.at > excluded.at + interval '1 minute'`;
  return count === 1;
}

/** Lets others have it at once: it was not done. */
export async function giveTurnBack(sql: Sql, { name, place }: Pick<Turn, "name" | "place">): Promise<void> {
  await sql`delete from turns where name = ${name} and place = ${place}`;
}
