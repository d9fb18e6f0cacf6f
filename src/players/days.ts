import { type Day, daysBefore } from "../calendar.ts";
import { coalesce } from "../coalesce.ts";
import { type Database, isoTime, type Sql } from "../database/connect.ts";
import { arrayOf } from "../database/rows.ts";
import { Refusal } from "../http/refusal.ts";
import type { SteamId } from "../parse.ts";

/** The most windows of one question. */
export const mostWindows = 5;

/** Of some windows those that are kept in full, or all that is kept; none where no days are kept. */
export function windowsKept(windows: readonly number[], keepDays: number): number[] {
  const kept = windows.filter((days) => days <= keepDays);
  return kept.length > 0 || keepDays === 0 ? kept : [keepDays];
}

/** How long players played lately: each of `windows` is a number of days, including `today`. */
export type AskedLately = { steamIds: readonly SteamId[]; gameId: number; windows: readonly number[]; today: Day };

/** Of one player, one figure a window. */
export type Lately = {
  seconds: number[];
  /** When BattleMetrics told of the player last; ISO 8601 text. */
  lastSeen: string;
};

/** Who played most in one game: in a number of days, including `today`. */
export type AskedTop = { gameId: number; days: number; today: Day; limit: number; exclude: readonly SteamId[] };

/** `seconds` is never 0; `lastSeen` is ISO 8601 text. */
export type TopPlayer = { steamId: SteamId; seconds: number; lastSeen: string | null };

const concernsAll = (error: unknown) => error instanceof Refusal;
const reads = { batchSize: 500, waitingItems: 2_000, concernsAll };
/** One after another: a long list takes a part of a second, and the deliveries want the database too. */
const lists = { batchSize: 20, waitingItems: 200, concernsAll };

/** What all players together played on a day, in all games; each player counts once. */
export type PlayedDay = { day: Day; players: number; seconds: number };

/** The games of which days are stored. Where no game is chosen, an index serves the days only with the games named. */
export const storedGames = (sql: Sql) => sql`
  with recursive games (game_id) as (
    select min(game_id) from playtime_days
    union all
    select (select min(game_id) from playtime_days where game_id > games.game_id) from games where game_id is not null
  )
  select game_id from games where game_id is not null`;

/** What the days tell. Throws the Refusals "database-away" and "overloaded". */
export function daysIn(database: Pick<Database, "run">) {
  const games = () =>
    database.run(async (sql) => {
      const rows = await sql<{ gameId: number }[]>`
        select game_id as "gameId" from (${storedGames(sql)}) as games
        order by (
          select count(*) from playtime_days as played
          where played.game_id = games.game_id and day > current_date - 31) desc, game_id`;
      return rows.map(({ gameId }) => gameId);
    });

  return {
    /** In the order asked; undefined for players of whom BattleMetrics told nothing. */
    lately: coalesce<AskedLately, (Lately | undefined)[]>({
      ...reads,
      sizeOf: ({ steamIds }) => steamIds.length,
      run: lately,
    }),
    /** Most time first, at equal times the smaller ID. Those that ask for the same days at once share one reading. */
    top: coalesce<AskedTop, TopPlayer[]>({ ...lists, run: top }),
    /** The days on which a player played, of all games, the oldest first. */
    ofPlayer: (steamId: SteamId, from: Day, to: Day) =>
      database.run(
        (sql) => sql<{ gameId: number; day: Day; seconds: number }[]>`
          select game_id as "gameId", day::text as day, seconds from playtime_days
          where steam_id = ${steamId} and day between ${from}::date and ${to}::date order by day, game_id`,
      ),
    /** The games of which days are stored, the one first that most played in the last month. */
    games,
    /** Of all players together, the oldest day first; those on which nobody played are left out. */
    ofAll: (from: Day, to: Day) =>
      database.run(
        (sql) => sql<PlayedDay[]>`
          select day::text as day, count(distinct steam_id)::int as players, sum(seconds)::float8 as seconds from playtime_days
          where game_id = any(array(${storedGames(sql)})) and day between ${from}::date and ${to}::date
          group by playtime_days.day order by playtime_days.day`,
      ),
  };

  // Each player's days are one range of the primary key. All comes as one text, since each row and column costs in the driver.
  // The last line is always true: with it the plan for any values is the cheapest, and Postgres keeps that one.
  async function lately(questions: AskedLately[], sinceMs: number) {
    const players = questions.flatMap(({ steamIds, ...others }) => steamIds.map((steamId) => ({ steamId, ...others })));
    const window = (index: number) => arrayOf(players, ({ windows }) => windows[index] ?? null);
    const [row] = await database.run(
      (sql) => sql<{ text: string | null }[]>`
        select string_agg(format('%s,%s,%s,%s,%s,%s,%s', place, seen_at, seconds1, seconds2, seconds3, seconds4, seconds5), ';') as text
        from unnest(${arrayOf(players, ({ steamId }) => steamId)}::bigint[], ${arrayOf(players, ({ gameId }) => gameId)}::int[],
          ${arrayOf(players, ({ today }) => today)}::date[],
          ${window(0)}::int[], ${window(1)}::int[], ${window(2)}::int[], ${window(3)}::int[], ${window(4)}::int[])
          with ordinality as asked (steam_id, game_id, today, window1, window2, window3, window4, window5, place)
        cross join lateral (
          select least(seen_at, now()) as seen_at from playtimes
          where (playtimes.steam_id, playtimes.game_id) = (asked.steam_id, asked.game_id) and seen_at is not null limit 1) as seen
        cross join lateral (
          select coalesce(sum(seconds) filter (where day > today - window1), 0) as seconds1,
            coalesce(sum(seconds) filter (where day > today - window2), 0) as seconds2,
            coalesce(sum(seconds) filter (where day > today - window3), 0) as seconds3,
            coalesce(sum(seconds) filter (where day > today - window4), 0) as seconds4,
            coalesce(sum(seconds) filter (where day > today - window5), 0) as seconds5
          from playtime_days as played
          where (played.steam_id, played.game_id) = (asked.steam_id, asked.game_id)
            and day > today - greatest(window1, window2, window3, window4, window5) and day <= today) as played
        where place between 1 and 1000000`,
      sinceMs,
    );
    const found: (Lately | undefined)[] = players.map(() => undefined);
    for (const text of row?.text?.split(";") ?? []) {
      const [place, seenAt = "", ...seconds] = text.split(",");
      const { windows } = players[Number(place) - 1] ?? {};
      found[Number(place) - 1] = {
        lastSeen: isoTime(seenAt),
        seconds: seconds.slice(0, windows?.length ?? 0).map(Number),
      };
    }
    const answers = questions.map(({ steamIds }) => found.splice(0, steamIds.length));
    return (index: number) => answers[index] ?? [];
  }

  async function top(questions: AskedTop[], sinceMs: number) {
    const keyOf = ({ gameId, days, today }: AskedTop) => `${gameId} ${days} ${today}`;
    const longest = new Map<string, { question: AskedTop; rows: number }>();
    for (const question of questions) {
      const rows = Math.max(question.limit + question.exclude.length, longest.get(keyOf(question))?.rows ?? 0);
      longest.set(keyOf(question), { question, rows });
    }
    const found = new Map<string, TopPlayer[]>();
    for (const [key, { question, rows }] of longest) found.set(key, await longestTop(question, rows, sinceMs));
    const answers = questions.map((question) => {
      const excluded = new Set(question.exclude);
      const players = found.get(keyOf(question)) ?? [];
      return players.filter(({ steamId }) => !excluded.has(steamId)).slice(0, question.limit);
    });
    return (index: number) => answers[index] ?? [];
  }

  function longestTop({ gameId, days, today }: AskedTop, rows: number, sinceMs: number): Promise<TopPlayer[]> {
    return database.run(
      (sql) => sql<TopPlayer[]>`
        select top.steam_id::text as "steamId", top.seconds::float8 as seconds, seen_at as "lastSeen"
        from (
          select steam_id, sum(seconds) as seconds from playtime_days
          where game_id = ${gameId} and day between ${daysBefore(today, days - 1)}::date and ${today}::date
          group by steam_id order by seconds desc, steam_id limit ${rows}
        ) as top left join playtimes on playtimes.steam_id = top.steam_id and playtimes.game_id = ${gameId}
        order by top.seconds desc, top.steam_id`,
      sinceMs,
    );
  }
}

export type Days = ReturnType<typeof daysIn>;
