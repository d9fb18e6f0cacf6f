import { atMost } from "../at-most.ts";
import { type Day, dayIn } from "../calendar.ts";
import type { Database, Sql } from "../database/connect.ts";
import { DatabaseProblem } from "../database/problem.ts";
import { inTransaction } from "../database/transaction.ts";
import { errorCode } from "../error-code.ts";
import { Refusal } from "../http/refusal.ts";
import { storedGames } from "./days.ts";
import {
  type Cursor,
  isPlayed,
  type Known,
  type Listing,
  type PlayedSort,
  type PlayerFilter,
  type PlayersPage,
  type PlaytimeSort,
  sortedDays,
} from "./listing.ts";
import { type Playtime, selectedPlaytime } from "./playtime.ts";

/** So long may a list take that no index serves; the deliveries want the database too. */
const mostMs = 5_000;
/** How many may be read at once. */
const readsAtOnce = 2;
/** What the way there may take besides; a connection that hangs is given up. */
const hangMs = 5_000;

/** The rows of a page; the statement says one more. */
const pageRows = 50;

/**
 * Lists of players, page by page: what an index serves at once, anything else within a limit of time, or "too-slow"; "busy" when
 * others are being read. `today` is the last of the days that are sorted by. Throws the Refusal "database-away".
 */
export function playersListIn(
  database: Pick<Database, "run" | "alone">,
  limitMs = mostMs,
  today: () => Day = () => dayIn("UTC")(new Date()),
) {
  const limited = atMost(readsAtOnce);

  return async (listing: Listing): Promise<PlayersPage | "too-slow" | "busy"> => {
    if (isServedByIndex(listing)) return pageFrom(await database.run((sql) => readOf(sql, listing, today())));
    return limited.run(async () => {
      try {
        return await inTransaction(
          database,
          "snapshot",
          async (sql) => {
            await sql`select set_config('statement_timeout', ${String(limitMs)}, true)`;
            return pageFrom(await readOf(sql, listing, today()));
          },
          AbortSignal.timeout(limitMs + hangMs),
        );
      } catch (error) {
        if (errorCode(error) === statementCancelled) return "too-slow";
        if (error instanceof Refusal && error.code === "overloaded") return "busy";
        throw error instanceof DatabaseProblem ? new Refusal("database-away") : error;
      }
    });
  };
}

const statementCancelled = "57014";

/** Whether it takes no time, however many players there are: the primary key serves IDs and their beginnings, `playtimes_newest` the newest. */
export function isServedByIndex({ filter: { idPrefix, ...others }, sort }: Listing): boolean {
  if (Object.values(others).some((value) => value !== undefined)) return false;
  return sort.by === "id" || (sort.by === "created" && idPrefix === undefined);
}

type Row = Playtime & { key: string };

function pageFrom(rows: Row[]): PlayersPage {
  const last = rows[pageRows - 1];
  return { players: rows.slice(0, pageRows), next: rows.length > pageRows ? last : undefined };
}

function readOf(sql: Sql, { sort, ...listing }: Listing, today: Day): Promise<Row[]> {
  return isPlayed(sort) ? readPlayed(sql, { ...listing, sort }, today) : read(sql, { ...listing, sort });
}

type Played = Omit<Listing, "sort"> & { sort: PlayedSort };

/**
 * Only days are read for it, however many players there are: those of the window, and who has days but none of them there in
 * the order of the primary key, which ends when the page is full.
 */
async function readPlayed(sql: Sql, listing: Played, today: Day): Promise<Row[]> {
  const { filter, sort, after } = listing;
  const { idPrefix, game } = filter;
  const kept = sql`from playtime_days as kept where ${allMatching(sql, { idPrefix, game })}`;
  if (sort.by === "seen")
    return readValues(sql, listing, {
      values: sql`
        select steam_id, game_id, seen_at as value
        from (select distinct steam_id, game_id ${kept}) as played join playtimes using (steam_id, game_id)
        where seen_at is not null`,
      key: timeKey(sql, sql`value`),
      type: sql`timestamptz`,
    });
  const inWindow = sql`day > ${today}::date - ${sortedDays[sort.by]}::int and day <= ${today}::date`;
  const number: Omit<Values, "values"> = { key: sql`value::text`, type: sql`bigint` };
  const played: Values = {
    ...number,
    values: sql`
      select steam_id, game_id, sum(seconds) as value ${kept} and ${inWindow}
        ${game === undefined ? sql`and game_id = any(array(${storedGames(sql)}))` : sql``}
      group by steam_id, game_id`,
  };
  const others: Values = {
    ...number,
    values: sql`
      select distinct steam_id, game_id, 0::bigint as value ${kept} and not exists (
        select from playtime_days as lately
        where (lately.steam_id, lately.game_id) = (kept.steam_id, kept.game_id) and ${inWindow})`,
  };
  const rows: Row[] = [];
  for (const part of sort.isDown ? [played, others] : [others, played]) {
    const isBehind = after !== undefined && (after.key === "0") === (part === others);
    const isOver = after !== undefined && !isBehind && (part === others) !== sort.isDown;
    if (isOver || rows.length > pageRows) continue;
    rows.push(...(await readValues(sql, { ...listing, after: isBehind ? after : undefined }, part)));
  }
  return rows.slice(0, pageRows + 1);
}

type Values = { values: Fragment; key: Fragment; type: Fragment };

/** The players of a page by a value; `values` are rows of steam_id, game_id and value. */
async function readValues(sql: Sql, { filter, sort, after }: Played, { values, key, type }: Values): Promise<Row[]> {
  const { idPrefix: _, game: __, ...others } = filter;
  const direction = sort.isDown ? sql`desc` : sql`asc`;
  const order = sql`order by value ${direction}, steam_id ${direction}, game_id ${direction}`;
  const behind =
    after &&
    sql`and (value, steam_id, game_id) ${sort.isDown ? sql`<` : sql`>`}
      (${after.key}::text::${type}, ${after.steamId}::bigint, ${after.gameId}::int)`;
  const isFiltered = Object.values(others).some((value) => value !== undefined);
  return sql<Row[]>`
    select ${selectedPlaytime(sql)}, ${key} as key
    from (
      select steam_id, game_id, value from (${values}) as played
      where true ${behind ?? sql``} ${
        isFiltered
          ? sql`and exists (
              select from playtimes
              where playtimes.steam_id = played.steam_id and playtimes.game_id = played.game_id
                and ${matching(sql, others, undefined)})`
          : sql``
      }
      ${order} limit 51
    ) as found join playtimes using (steam_id, game_id) ${order}`;
}

/** To the microsecond, which the driver would cut off. */
const timeKey = (sql: Sql, time: Fragment): Fragment => sql`to_char(${time}, ${microseconds})`;
const microseconds = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';

/**
 * Each range of IDs is read by itself and only as far as a page goes, so that one beginning of an ID is three short reads
 * of the primary key. The limit of 51 stands in the text, for a plan that knows it.
 */
async function read(sql: Sql, { filter, sort, after }: Omit<Listing, "sort"> & { sort: PlaytimeSort }): Promise<Row[]> {
  const { value, key, type } = sortValue(sql, sort);
  const order = sql`${orderBy(sql, sort)} limit 51`;
  const beyond = sort.isDown ? sql`<` : sql`>`;
  const parts = rangesOf(filter.idPrefix)
    .map((range) => (after && sort.by === "id" ? beyondIn(range, sort, after) : { range, after }))
    .filter((part) => part !== undefined)
    .map(({ range, after }) => {
      // As text, since the driver would cut a time to milliseconds.
      const behind =
        after &&
        sql`and (${value ? sql`${value},` : sql``} steam_id, game_id) ${beyond}
          (${value ? sql`${after.key}::text::${type},` : sql``} ${after.steamId}::bigint, ${after.gameId}::int)`;
      return sql`(select * from playtimes where ${matching(sql, filter, range)} ${behind ?? sql``} ${order})`;
    });
  const [first, ...others] = parts;
  if (!first) return [];
  const all = others.reduce((all, part) => sql`${all} union all ${part}`, first);
  return sql<Row[]>`
    select ${selectedPlaytime(sql)}, ${key} as key
    from (${all}) as playtimes ${order}`;
}

/** The order of a list; equal values by Steam ID and game. */
export function orderBy(sql: Sql, sort: PlaytimeSort) {
  const { value } = sortValue(sql, sort);
  const direction = sort.isDown ? sql`desc` : sql`asc`;
  return sql`order by ${value ? sql`${value} ${direction},` : sql``} steam_id ${direction}, game_id ${direction}`;
}

/** What is sorted by before the key of the row, never null: unknown times come last, whatever the direction. */
function sortValue(sql: Sql, { by, isDown }: PlaytimeSort) {
  const unknown = isDown ? sql`-1` : sql`2147483648`;
  const time = (column: Fragment) => ({
    value: column,
    key: timeKey(sql, column),
    type: sql`timestamptz`,
  });
  const seconds = (column: Fragment) => {
    const value = sql`coalesce(${column}::bigint, ${unknown})`;
    return { value, key: sql`${value}::text`, type: sql`bigint` };
  };
  if (by === "created") return time(sql`created_at`);
  if (by === "updated") return time(sql`updated_at`);
  if (by === "steam") return seconds(sql`steam_seconds`);
  if (by === "battlemetrics") return seconds(sql`bm_seconds`);
  return { value: undefined, key: sql`''`, type: sql`` };
}

type Fragment = ReturnType<Sql>;

type Range = readonly [from: string, to: string];

/** IDs have 16 to 18 digits; those that begin so are a range of each length. Undefined: all. */
function rangesOf(idPrefix: string | undefined): (Range | undefined)[] {
  if (idPrefix === undefined) return [undefined];
  return [16, 17, 18]
    .filter((digits) => digits >= idPrefix.length)
    .map((digits) => [idPrefix.padEnd(digits, "0"), idPrefix.padEnd(digits, "9")]);
}

/**
 * What is left of a range behind a row. Postgres may begin to read a range at the row though the range begins far behind
 * it, and so read all between: only the range that holds the row may name it.
 */
function beyondIn(range: Range | undefined, { isDown }: PlaytimeSort, after: Cursor) {
  if (!range) return { range, after };
  const id = BigInt(after.steamId);
  const [isBefore, isBehind] = [BigInt(range[1]) < id, BigInt(range[0]) > id];
  if (isDown ? isBehind : isBefore) return undefined;
  if (isDown ? isBefore : isBehind) return { range, after: undefined };
  const left: Range = isDown ? [range[0], after.steamId] : [after.steamId, range[1]];
  return { range: left, after };
}

/** The condition for the rows that are meant. */
function matching(sql: Sql, { game, steam, battlemetrics, status }: PlayerFilter, range: Range | undefined) {
  const isKnown = (known: Known | undefined) => (known === "known" ? sql`is not null` : sql`is null`);
  return sql`true
    ${range ? sql`and steam_id between ${range[0]}::bigint and ${range[1]}::bigint` : sql``}
    ${game === undefined ? sql`` : sql`and game_id = ${game}`}
    ${steam === undefined ? sql`` : sql`and steam_seconds ${isKnown(steam)}`}
    ${battlemetrics === undefined ? sql`` : sql`and bm_seconds ${isKnown(battlemetrics)}`}
    ${status === undefined ? sql`` : sql`and steam_status = ${status}`}`;
}

/** The same for all ranges of IDs at once. */
export function allMatching(sql: Sql, filter: PlayerFilter) {
  const [first, ...others] = rangesOf(filter.idPrefix).map((range) => sql`(${matching(sql, filter, range)})`);
  return others.reduce((all, part) => sql`${all} or ${part}`, first ?? sql`false`);
}
