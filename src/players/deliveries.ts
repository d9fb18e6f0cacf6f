import { type Day, dayIn } from "../calendar.ts";
import type { Config } from "../config.ts";
import type { Database } from "../database/connect.ts";
import { farFutureText } from "../database/future.ts";
import { arrayOf, newestOfEach } from "../database/rows.ts";
import { largestInteger, type SteamId } from "../parse.ts";

/** What BattleMetrics told of one player, and when it signed that. */
export type Delivery = {
  steamId: SteamId;
  gameId: number;
  /** In the game, as BattleMetrics knows it. */
  seconds: number;
  /** On the servers of the organisation; undefined: not told. */
  orgSeconds?: number | undefined;
  signedAt: Date;
};

/** As the operator set it. */
export function historyOf({ KEEP_DAYS, TIME_ZONE }: Config["HISTORY"]): History {
  return { keepDays: KEEP_DAYS, dayOf: dayIn(TIME_ZONE) };
}

/** Which days are kept. */
export type History = {
  /** 0: none. */
  keepDays: number;
  /** The day on which a session counts that was told then. */
  dayOf: (time: Date) => Day;
};

/**
 * A figure that fell is a new start, and one that grew by more is too, after however long: the template names another
 * variable now, or the player spent months elsewhere.
 */
const mostGainedSeconds = 24 * 3_600;

/**
 * Stores deliveries: the newest signed time wins, at equal times the larger figure; anything else changes nothing. What a
 * delivery adds to the one before it counts for the day on which it was signed, in the same statement: both or none.
 * Of several of one player the newest counts, the others are as lost.
 */
export async function storeDeliveries(
  database: Pick<Database, "run">,
  deliveries: Delivery[],
  { keepDays, dayOf }: History,
  sinceMs: number,
): Promise<void> {
  const newest = newestOfEach(
    deliveries,
    (a, b) => a.signedAt.getTime() - b.signedAt.getTime() || a.seconds - b.seconds,
  );
  const store = (text: string, rows: Delivery[], more: Day[] = []) =>
    database.run((sql) => sql.unsafe(text, [...columnsOf(rows), ...more], { prepare: true }), sinceMs);
  if (keepDays === 0) return void (await store(upsert, newest));
  // Nearly always one day. To hand a day to each row, the statement would have to join what it stored with what was told.
  for (const [day, rows] of byDay(newest, dayOf)) await store(upsertWithDays, rows, [day]);
}

/** The oldest day first. */
function byDay(rows: Delivery[], dayOf: History["dayOf"]): [Day, Delivery[]][] {
  const days = new Map<Day, Delivery[]>();
  for (const row of rows) {
    const day = dayOf(row.signedAt);
    const others = days.get(day);
    if (others) others.push(row);
    else days.set(day, [row]);
  }
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What `upsert` is told, a parameter for each column. */
const columnsOf = (rows: Delivery[]): string[] => [
  arrayOf(rows, (row) => row.steamId),
  arrayOf(rows, (row) => row.gameId),
  arrayOf(rows, (row) => row.seconds),
  arrayOf(rows, (row) => row.orgSeconds ?? null),
  arrayOf(rows, (row) => row.signedAt.toISOString()),
];

/**
 * The row that is locked here is the newest, whoever else writes: so the difference is exact, and a statement that is run
 * again adds nothing, since it updates no row. Where `seen_at` is not `bm_signed_at`, the figure before was given by hand,
 * and a difference to it says nothing. A signed time that lies ahead is of a clock that was wrong: it outranks nothing.
 *
 * A text that never changes, since the driver takes longer to put one together than to send it.
 */
const upsert = `
    insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at, seen_at, org_seconds, org_signed_at)
    select steam_id, game_id, seconds, signed_at, signed_at, org_seconds, case when org_seconds is not null then signed_at end
    from unnest($1::bigint[], $2::int[], $3::int[], $4::int[], $5::timestamptz[])
      as told (steam_id, game_id, seconds, org_seconds, signed_at)
    on conflict (steam_id, game_id)
    do update set bm_seconds = excluded.bm_seconds, bm_signed_at = excluded.bm_signed_at, seen_at = excluded.seen_at,
      org_seconds = coalesce(excluded.org_seconds, playtimes.org_seconds),
      org_signed_at = coalesce(excluded.org_signed_at, playtimes.org_signed_at),
      bm_gained_seconds = case when playtimes.seen_at = playtimes.bm_signed_at then case
        when excluded.org_seconds is not null and playtimes.org_signed_at = playtimes.bm_signed_at
          then excluded.org_seconds - playtimes.org_seconds
        else excluded.bm_seconds - playtimes.bm_seconds end end,
      updated_at = now()
    where playtimes.bm_signed_at is null or playtimes.bm_signed_at > ${farFutureText}
       or (excluded.bm_signed_at, excluded.bm_seconds) > (playtimes.bm_signed_at, playtimes.bm_seconds)`;

/** The same, and what was gained is added to the day, $6. */
const upsertWithDays = `
    with stored as (${upsert} returning steam_id, game_id, bm_gained_seconds)
    insert into playtime_days (steam_id, game_id, day, seconds)
    select steam_id, game_id, $6::date, bm_gained_seconds from stored
    where bm_gained_seconds between 1 and ${mostGainedSeconds}
    on conflict (steam_id, game_id, day)
    do update set seconds = least(playtime_days.seconds::bigint + excluded.seconds, ${largestInteger})`;
