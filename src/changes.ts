import type { Database } from "./database/connect.ts";
import type { Log } from "./log.ts";

/** One change by an operator, for the log. */
export type Change = {
  /** In a few words, and without a secret. */
  what: string;
  /** What it concerns: a connection as `kind/path`, a Steam ID, or empty. */
  subject: string;
  /** The address of a browser, or `commandLine`. */
  origin: string;
};

export const commandLine = "command line";

/** Seen within 2 s by every service on this database, which logs it. */
export async function noteChange(database: Pick<Database, "run">, { what, subject, origin }: Change): Promise<void> {
  await database.run((sql) => sql`insert into changes (what, subject, origin) values (${what}, ${subject}, ${origin})`);
}

/** Of these it is known whether they were logged: a row may become visible after one that was made later. */
const recent = "1 minute";

/** Gives a function that logs the changes made since the last call of it; the first call logs none. */
export function changesIn(database: Pick<Database, "run">, log: Log): () => Promise<void> {
  let seen: Set<string> | undefined;
  return async () => {
    const found = await database.run(
      (sql) => sql<(Change & { id: string })[]>`
        select id::text, what, subject, origin from changes where at > now() - ${recent}::interval order by changes.id`,
    );
    const before = seen;
    seen = new Set(found.map(({ id }) => id));
    if (before)
      for (const { id, what, subject, origin } of found)
        if (!before.has(id)) log.info("changed", { what, ...(subject === "" ? {} : { subject }), origin });
  };
}
