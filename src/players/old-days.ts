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
    looking = removeOldDays(database, firstKept(history, now()), abort.signal)
      .then((rows) => {
        if (rows > 0) log.info("old days were removed", { rows });
      })
      .catch((error) => log.debug("old days could not be removed; it is tried again in an hour", { error }));
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

/** Later than all when none is kept. */
function firstKept({ keepDays, dayOf }: History, now: Date): Day {
  return keepDays === 0 ? "9999-12-31" : daysBefore(dayOf(now), keepDays - 1);
}

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

/** From game to game by the index on game and day, which begins with each game's oldest day. */
async function removeSome(sql: Sql, before: Day): Promise<number> {
  const { count } = await sql`
    with recursive games (game_id) as (
      select min(game_id) from playtime_days
      union all
      select (select min(game_id) from playtime_days where game_id > games.game_id) from games where game_id is not null
    )
    delete from playtime_days where ctid = any(array(
      select old.ctid from games cross join lateral (
        select ctid from playtime_days where game_id = games.game_id and day < ${before}::date order by day limit ${stepRows} for update skip locked
      ) as old
      limit ${stepRows}))`;
  return count;
}
