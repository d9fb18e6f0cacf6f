import type { Sql } from "./client.ts";

/** Work that only one of all services on a database does at a time. */
export type Turn = {
  name: string;
  /** Who takes it. */
  place: string;
  /** For how long no other service gets it after that. */
  othersSeconds: number;
  /** Default: the clock of the database. */
  at?: Date;
};

/** Whether it is ours: we had it last, or nobody took it for that long. A time in the future, from a wrong clock, does not count. */
export async function takeTurn(sql: Sql, { name, place, othersSeconds, at }: Turn): Promise<boolean> {
  const { count } = await sql`
    insert into turns (name, place, at) values (${name}, ${place}, coalesce(${at?.toISOString() ?? null}::timestamptz, now()))
    on conflict (name) do update set place = excluded.place, at = excluded.at
    where turns.place = excluded.place or turns.at <= excluded.at - ${othersSeconds} * interval '1 second'
      or turns.at > excluded.at + interval '1 minute'`;
  return count === 1;
}

/** Gives it to the others at once: we did not do it. */
export async function giveTurnBack(sql: Sql, { name, place }: Pick<Turn, "name" | "place">): Promise<void> {
  await sql`delete from turns where name = ${name} and place = ${place}`;
}
