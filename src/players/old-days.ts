import { setTimeout as sleep } from "node:timers/promises";
import { type Day, daysBefore } from "../calendar.ts";
import type { Database, Sql } from "../database/connect.ts";
import type { Log } from "../log.ts";
import type { History } from "./deliveries.ts";

const usualLookMs = 3_600_000;
const firstLookMs = 60_000;
const stepRows = 1_000;

export type OldDaysOptions = { database: Pick<Database, "run">; history: History; now?: () => Date; log: Log };

/** Removes the days that are older than those kept: soon after the start, and every hour. */
export function removeOldDaysByAndBy(options: OldDaysOptions): { stop: () => Promise<void> } {
  const { database, history, now = () => new Date(), log } = options;
  const abort = new AbortController();
  let looking = Promise.resolve();
  let timer = setTimeout(look, firstLookMs).unref();

  function look(): void {
    looking = firstKept(database, history, now())
      .then((before) => removeOldDays(database, before, abort.signal))
      .then((rows) => {
        if (rows > 0) log.info("old days were removed", { rows });
      })
      .catch((error) => log.debug("old days could not be removed; next try in an hour", { error }));
    timer = setTimeout(look, usualLookMs).unref();
  }

  return {
    stop: () => {
      clearTimeout(timer);
      abort.abort();
      return looking;
    },
  };
}

/**
 * Later than all when none is kept. Counted back from today, but never from later than the newest day that is stored: a clock that
 * is ahead must not remove what it cannot give back.
 */
export async function firstKept(
  database: Pick<Database, "run">,
  { keepDays, dayOf }: History,
  now: Date,
): Promise<Day> {
  if (keepDays === 0) return "9999-12-31";
  const today = dayOf(now);
  const [found] = await database.run(
    (sql) => sql<{ newest: Day | null }[]>`
      with recursive ${gamesOfDays(sql)}
      select max(newest.day)::text as newest from games cross join lateral (
        select day from playtime_days where game_id = games.game_id order by day desc limit 1) as newest`,
  );
  const newest = found?.newest ?? today;
  return daysBefore(newest < today ? newest : today, keepDays - 1);
}

/** From game to game by the index on game and day. */
const gamesOfDays = (sql: Sql) => sql`
  games (game_id) as (
    select min(game_id) from playtime_days
    union all
    select (select min(game_id) from playtime_days where game_id > games.game_id) from games where game_id is not null
  )`;

/**
 * In steps, each followed by a pause as long as it took: deliveries come first. Two processes that do this at once take
 * different rows. Returns how many rows there were.
 */
export async function removeOldDays(
  database: Pick<Database, "run">,
  before: Day,
  signal?: AbortSignal,
): Promise<number> {
  let rows = 0;
  for (;;) {
    const startMs = performance.now();
    const count = await database.run((sql) => removeSome(sql, before));
    rows += count;
    if (count < stepRows || signal?.aborted) return rows;
    await sleep(performance.now() - startMs, undefined, { ref: false });
  }
}

/** The index on game and day begins with each game's oldest day. */
async function removeSome(sql: Sql, before: Day): Promise<number> {
  const { count } = await sql`
    with recursive ${gamesOfDays(sql)}
    delete from playtime_days where ctid = any(array(
      select old.ctid from games cross join lateral (
        select ctid from playtime_days where game_id = games.game_id and day < ${before}::date order by day limit ${stepRows} for update skip locked
      ) as old
      limit ${stepRows}))`;
  return count;
}
