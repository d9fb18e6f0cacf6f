import type { Database, Sql } from "../database/connect.ts";
import { farFuture } from "../database/future.ts";
import { inTransaction } from "../database/transaction.ts";
import type { Log } from "../log.ts";

const mostCounted = 1_000;
const patienceSeconds = 10;
/** The longest time that an old secret is accepted. */
const mostDays = 30;

/**
 * Times in the future were written while a clock was ahead. In the small tables they are set to now: sessions age again, and an
 * old secret is accepted for its usual time, counted from now. Returns how many rows were changed.
 */
export async function mendFuture(sql: Sql): Promise<{ sessions: number; connections: number }> {
  const [mended] = await sql<{ sessions: number; connections: number }[]>`
    with sessions as (
      update sessions set used_at = least(used_at, now()), created_at = least(created_at, now())
      where greatest(used_at, created_at) > ${farFuture(sql)} returning 1
    ), guesses as (delete from wrong_guesses where at > ${farFuture(sql)}
    ), links as (delete from sign_in_links where created_at > ${farFuture(sql)}
    ), connections as (
      update connections set updated_at = least(updated_at, now()), created_at = least(created_at, now()),
        old_secret_until = least(old_secret_until - greatest(updated_at - now(), interval '0'), now() + ${mostDays} * interval '1 day')
      where greatest(updated_at, created_at) > ${farFuture(sql)}
        or old_secret_until > ${farFuture(sql)} + ${mostDays} * interval '1 day' returning 1
    )
    select (select count(*)::int from sessions) as sessions, (select count(*)::int from connections) as connections`;
  return mended ?? { sessions: 0, connections: 0 };
}

/**
 * After a start: sets such times to now, and looks for players' times in the future. Those stay as they are, since every
 * comparison treats them as older than whatever comes; but the operator is told that the clock was wrong. On a large table the
 * search is given up after 10 s.
 */
export async function lookForFuture(database: Database["aside"], log: Log): Promise<void> {
  try {
    const mended = await database.run(mendFuture);
    const players = await countPlayers(database);
    const found = Object.entries({ players, ...mended }).filter(([, rows]) => rows > 0);
    if (found.length > 0) log.warn(words, Object.fromEntries(found));
  } catch (error) {
    log.debug("could not check whether stored times are in the future", { error });
  }
}

const words =
  "times that lie in the future are stored: the clock of this machine, or of the database's, was ahead once. They count as now, and what comes replaces them";

function countPlayers(database: Database["aside"]): Promise<number> {
  return inTransaction(database, "snapshot", async (sql) => {
    await sql`select set_config('statement_timeout', ${`${patienceSeconds}s`}, true)`;
    const [found] = await sql<{ players: number }[]>`
      select count(*)::int as players from (
        select from playtimes
        where greatest(steam_checked_at, bm_signed_at, org_signed_at, seen_at, updated_at) > ${farFuture(sql)}
        limit ${mostCounted}) as ahead`;
    return found?.players ?? 0;
  });
}
