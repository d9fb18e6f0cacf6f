import { coalesce } from "../coalesce.ts";
import { type Database, isoTime } from "../database/connect.ts";
import { farFuture } from "../database/future.ts";
import { arrayOf, newestOfEach } from "../database/rows.ts";
import { errorCode } from "../error-code.ts";
import type { SteamId } from "../parse.ts";
import { type Delivery, type History, storeDeliveries } from "./deliveries.ts";
import { type Playtime, type SteamStatus, selectedPlaytime } from "./playtime.ts";

/**
 * What `find` tells of a stored player: the row, as the database put it together. `steamStatusOf`, `steamCheckedAtOf` and `timesOf`
 * read it, each when it is needed: to make an object of every row first took a quarter longer.
 */
export type Known = string;

/** What Steam answered; `seconds` is null for every status but `ok`. */
export type SteamTime = {
  steamId: SteamId;
  gameId: number;
  seconds: number | null;
  status: SteamStatus;
  checkedAt: Date;
};

export type Correction = {
  steamId: SteamId;
  gameId: number;
  steamSeconds?: number | null | undefined;
  bmSeconds?: number | null | undefined;
  at: Date;
};

export type Asked = { steamIds: readonly SteamId[]; gameId: number };

// A value that does not fit is the fault of one row; anything else would befall each of them.
const concernsAll = (error: unknown) => !/^2[23]/.test(errorCode(error));
const writes = { batchSize: 1_000, waitingItems: 10_000, concernsAll };
// The rows of a batch come as one text. Above 50 KB of it, Postgres takes memory from the system for each batch: at 800 players
// a query of 100 costs it a third more.
// A second one beside: while we read the rows of one, the database works on the other (100 players: 800 queries/s instead of
// 400). Only when it is large: few players a batch cost more than they gain (1 player: 17,500 queries/s instead of 16,300).
const reads = { besideSize: 100, batchSize: 500, waitingItems: 2_000, concernsAll };

const noHistory: History = { keepDays: 0, dayOf: () => "" };

/** Told of each batch, before it is run. */
export type OnBatch = (of: "deliveries" | "steam-answers" | "queries", items: number) => void;

/** All reads and writes of players' times. Throws the Refusals "database-away" and "overloaded". */
export function playtimesIn(
  database: Pick<Database, "run">,
  { onBatch = () => {}, history = noHistory }: { onBatch?: OnBatch | undefined; history?: History } = {},
) {
  return {
    /** As `storeDeliveries` says. */
    saveBattlemetrics: coalesce<Delivery, void>({ ...writes, run: saveBattlemetrics }),
    /** A known time is never overwritten by null; the status tells the newest answer. */
    saveSteam: coalesce<SteamTime, void>({ ...writes, run: saveSteam }),
    /** What is stored of the asked players, in the order asked; undefined for who is not. */
    find: coalesce<Asked, (Known | undefined)[]>({ ...reads, sizeOf: ({ steamIds }) => steamIds.length, run: find }),
    /** One player's rows in all games. */
    ofPlayer: (steamId: SteamId) =>
      database.run(
        (sql) => sql<Playtime[]>`
          select ${selectedPlaytime(sql)}
          from playtimes where steam_id = ${steamId} order by game_id`,
      ),
    /**
     * Times given by hand, as of that moment: what is told or asked later counts more. Null: unknown, as if it never was told or
     * asked; undefined: as it is. "gone": there is no such row.
     */
    correct: ({ steamId, gameId, steamSeconds, bmSeconds, at }: Correction): Promise<"corrected" | "gone"> =>
      database.run(async (sql) => {
        const when = (seconds: number | null) => (seconds === null ? null : at.toISOString());
        const status: SteamStatus = steamSeconds === null ? "unchecked" : "ok";
        const { count } = await sql`
          update playtimes set updated_at = now()
            ${steamSeconds === undefined ? sql`` : sql`, steam_seconds = ${steamSeconds}, steam_status = ${status}, steam_checked_at = ${when(steamSeconds)}`}
            ${bmSeconds === undefined ? sql`` : sql`, bm_seconds = ${bmSeconds}, bm_signed_at = ${when(bmSeconds)}`}
          where steam_id = ${steamId} and game_id = ${gameId}`;
        if (count === 0) return "gone";
        const edited = { steam: steamSeconds, battlemetrics: bmSeconds };
        const of = Object.entries(edited).flatMap(([name, seconds]) => (seconds == null ? [] : [name]));
        await sql`
          insert into edits (steam_id, game_id, of, at)
          select ${steamId}, ${gameId}, of, ${at.toISOString()} from unnest(${arrayOf(of, (one) => one)}::text[]) as of
          on conflict (steam_id, game_id, of) do update set at = excluded.at`;
        return "corrected";
      }),
    /** Which times of a player were set by hand, and nothing was told or asked since: `gameId/steam`, `gameId/battlemetrics`. */
    editsOf: (steamId: SteamId): Promise<ReadonlySet<string>> =>
      database.run(async (sql) => {
        const rows = await sql<{ name: string }[]>`
          select edits.game_id || '/' || of as name
          from edits join playtimes using (steam_id, game_id)
          where steam_id = ${steamId} and edits.at = case of when 'steam' then steam_checked_at else bm_signed_at end`;
        return new Set(rows.map(({ name }) => name));
      }),
    /** Any stored player, of the given game if there is one. */
    any: (gameId: number | null) =>
      database.run(async (sql) => {
        const [found] = await sql<{ steamId: SteamId; gameId: number }[]>`
          select steam_id::text as "steamId", game_id as "gameId" from playtimes where ${gameId}::int is null or game_id = ${gameId} limit 1`;
        return found;
      }),
  };

  async function saveBattlemetrics(deliveries: Delivery[], sinceMs: number) {
    onBatch("deliveries", deliveries.length);
    await storeDeliveries(database, deliveries, history, sinceMs);
    return () => {};
  }

  async function saveSteam(times: SteamTime[], sinceMs: number) {
    onBatch("steam-answers", times.length);
    const rows = newestOfEach(times, (a, b) => a.checkedAt.getTime() - b.checkedAt.getTime());
    await database.run(
      (sql) => sql`
        insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at)
        select * from unnest(
          ${arrayOf(rows, (row) => row.steamId)}::bigint[], ${arrayOf(rows, (row) => row.gameId)}::int[],
          ${arrayOf(rows, (row) => row.seconds)}::int[], ${arrayOf(rows, (row) => row.status)}::text[],
          ${arrayOf(rows, (row) => row.checkedAt.toISOString())}::timestamptz[])
        on conflict (steam_id, game_id)
        do update set steam_seconds = coalesce(excluded.steam_seconds, playtimes.steam_seconds),
          steam_status = excluded.steam_status, steam_checked_at = excluded.steam_checked_at, updated_at = now()
        where playtimes.steam_checked_at is null or playtimes.steam_checked_at > ${farFuture(sql)}
          or excluded.steam_checked_at >= playtimes.steam_checked_at`,
      sinceMs,
    );
    return () => {};
  }

  async function find(questions: Asked[], sinceMs: number) {
    onBatch("queries", questions.length);
    const games = new Map<number, SteamId[]>();
    for (const { steamIds, gameId } of questions) {
      const ofGame = games.get(gameId) ?? [];
      games.set(gameId, ofGame);
      for (const steamId of steamIds) ofGame.push(steamId);
    }
    const found = new Map<number, Map<string, Known>>();
    for (const [gameId, steamIds] of games) found.set(gameId, await findInGame(gameId, steamIds, sinceMs));
    return (index: number) => {
      const { steamIds = [], gameId = 0 } = questions[index] ?? {};
      const ofGame = found.get(gameId);
      return steamIds.map((steamId) => ofGame?.get(steamId));
    };
  }

  // All rows come as one text: a row, and each of its columns, costs in the driver and in garbage. As an array that a
  // subselect makes, the players are planned as few, whoever they are: each is a look-up in the primary key, never a scan of
  // the whole table, and Postgres keeps that plan. It planned anew for each batch, 0.14 ms beside 0.04 ms of work.
  async function findInGame(gameId: number, steamIds: SteamId[], sinceMs: number): Promise<Map<string, Known>> {
    const [row] = await database.run(
      (sql) => sql<{ text: string | null }[]>`
        select string_agg(concat_ws(',', steam_id, steam_status, coalesce(steam_seconds::text, 'null'), coalesce(bm_seconds::text, 'null'),
          created_at, updated_at, case when steam_status <> 'ok' then steam_checked_at end), ';') as text
        from playtimes
        where game_id = ${gameId} and steam_id = any(array(select unnest(${`{${steamIds.join(",")}}`}::bigint[])))`,
      sinceMs,
    );
    const found = new Map<string, Known>();
    for (const known of row?.text?.split(";") ?? []) found.set(known.slice(0, known.indexOf(",")), known);
    return found;
  }
}

export type Playtimes = ReturnType<typeof playtimesIn>;

/** One of SteamStatus. */
export function steamStatusOf(known: Known): string {
  const from = nextPart(known, 0);
  return known.slice(from, nextPart(known, from) - 1);
}

/** ISO 8601, UTC, milliseconds; null for a player whose time Steam told, since every time that is read costs. */
export function steamCheckedAtOf(known: Known): string | null {
  const { checkedAt } = partsOf(known);
  return checkedAt === 0 ? null : isoTime(known.slice(checkedAt));
}

/** As an answer has them: `"steam_playtime":5,"bm_playtime":null,"created_at":"…","updated_at":"…"`. */
export function timesOf(known: Known): string {
  const { steamSeconds, bmSeconds, createdAt, updatedAt, checkedAt } = partsOf(known);
  const created = isoTime(known.slice(createdAt, updatedAt - 1));
  const updated = isoTime(known.slice(updatedAt, checkedAt === 0 ? undefined : checkedAt - 1));
  return `"steam_playtime":${known.slice(steamSeconds, bmSeconds - 1)},"bm_playtime":${known.slice(bmSeconds, createdAt - 1)},"created_at":"${created}","updated_at":"${updated}"`;
}

/** Where the parts of a row begin; 0: there is none. */
function partsOf(known: Known) {
  const steamSeconds = nextPart(known, nextPart(known, 0));
  const bmSeconds = nextPart(known, steamSeconds);
  const createdAt = nextPart(known, bmSeconds);
  const updatedAt = nextPart(known, createdAt);
  return { steamSeconds, bmSeconds, createdAt, updatedAt, checkedAt: nextPart(known, updatedAt) };
}

const nextPart = (row: string, from: number) => row.indexOf(",", from) + 1;
