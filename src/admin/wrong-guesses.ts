import type { Database } from "../database/connect.ts";

const keptHours = 1;

/** How often somebody gave a wrong password within the last hour, in all replicas together. */
export function wrongGuessesIn(database: Pick<Database, "run">) {
  return {
    count: (who: string): Promise<number> =>
      database.run(async (sql) => {
        const [found] = await sql<{ count: number }[]>`
          select count from wrong_guesses where who = ${who} and at > now() - ${keptHours} * interval '1 hour'`;
        return found?.count ?? 0;
      }),
    /** Returns the count, this one included. Removes old ones, and those dated in the future by a wrong clock. */
    add: (who: string): Promise<number> =>
      database.run(async (sql) => {
        const [found] = await sql<{ count: number }[]>`
          with forgotten as (
            delete from wrong_guesses where who <> ${who}
              and (at < now() - ${keptHours} * interval '1 hour' or at > now() + ${keptHours} * interval '1 hour')
          )
          insert into wrong_guesses as known (who, count) values (${who}, 1)
          on conflict (who) do update set at = now(),
            count = case when known.at < now() - ${keptHours} * interval '1 hour' then 1 else known.count + 1 end
          returning count`;
        return found?.count ?? 1;
      }),
    forget: async (who: string): Promise<void> => {
      await database.run((sql) => sql`delete from wrong_guesses where who = ${who}`);
    },
  };
}

export type WrongGuesses = ReturnType<typeof wrongGuessesIn>;
