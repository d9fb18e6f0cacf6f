import type { Sql } from "../database/connect.ts";
import { farFuture } from "../database/future.ts";
import { arrayOf } from "../database/rows.ts";
import { connectionLost } from "../database/transaction.ts";
import type { SteamId } from "../parse.ts";
import type { SteamStatus } from "./playtime.ts";

/** A player's row from elsewhere, as ours will hold it. Times are ISO 8601 text. */
export type ImportedPlayer = {
  steamId: SteamId;
  gameId: number;
  steamSeconds: number | null;
  steamStatus: SteamStatus;
  bmSeconds: number | null;
  createdAt: string;
  updatedAt: string;
};

/**
 * What is said of a Steam time of unknown history. With neither time Steam was asked and gave none, or nobody asked: it is
 * asked again by the next query.
 */
export function statusOf({ steamSeconds, bmSeconds }: Pick<ImportedPlayer, "steamSeconds" | "bmSeconds">): SteamStatus {
  return steamSeconds !== null ? "ok" : bmSeconds !== null ? "unchecked" : "unavailable";
}

/**
 * Inserts the players (no two of the same key) and says what stood in their place before. A time that we know is never
 * replaced by none. Times of the future would outrank all that comes later: they are set to now, and such a row never
 * replaces one of ours.
 */
export async function writePlayers(sql: Sql, players: ImportedPlayer[], dryRun: boolean): Promise<Replaced> {
  const write = sql`, written as (
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, created_at, updated_at)
    select steam_id, game_id, steam_seconds, steam_status, case when steam_seconds is not null then updated_at end,
      bm_seconds, created_at, updated_at
    from batch
    on conflict (steam_id, game_id)
    do update set
      steam_seconds = coalesce(excluded.steam_seconds, playtimes.steam_seconds),
      steam_status = case when excluded.steam_seconds is null and playtimes.steam_checked_at is not null
        then playtimes.steam_status else excluded.steam_status end,
      steam_checked_at = coalesce(excluded.steam_checked_at, playtimes.steam_checked_at),
      bm_seconds = coalesce(excluded.bm_seconds, playtimes.bm_seconds),
      created_at = least(excluded.created_at, playtimes.created_at),
      updated_at = excluded.updated_at
    where playtimes.bm_signed_at is null and (excluded.updated_at > playtimes.updated_at or playtimes.updated_at > ${farFuture(sql)}) and excluded.updated_at < now())`;
  // The rows here are looked up one by one: a plan that joins could have been made when there were none.
  const [found] = await sql<Replaced[]>`
    with batch as (
      select steam_id, game_id, steam_seconds, steam_status, bm_seconds,
        greatest('epoch', least(created_at, now())) as created_at, greatest('epoch', least(updated_at, now())) as updated_at
      from unnest(
        ${arrayOf(players, (player) => player.steamId)}::bigint[], ${arrayOf(players, (player) => player.gameId)}::int[],
        ${arrayOf(players, (player) => player.steamSeconds)}::int[], ${arrayOf(players, (player) => player.steamStatus)}::text[],
        ${arrayOf(players, (player) => player.bmSeconds)}::int[], ${arrayOf(players, (player) => player.createdAt)}::timestamptz[],
        ${arrayOf(players, (player) => player.updatedAt)}::timestamptz[])
        as given (steam_id, game_id, steam_seconds, steam_status, bm_seconds, created_at, updated_at)
      order by steam_id, game_id
    )${dryRun ? sql`` : write}
    select count(*) filter (where here.updated_at is null)::int as unknown,
      count(*) filter (where here.bm_signed_at is not null)::int as signed,
      count(*) filter (where here.bm_signed_at is null and (batch.updated_at > here.updated_at or here.updated_at > ${farFuture(sql)}) and batch.updated_at < now())::int as older
    from batch left join lateral (
      select updated_at, bm_signed_at from playtimes
      where playtimes.steam_id = batch.steam_id and playtimes.game_id = batch.game_id offset 0
    ) as here on true`;
  if (!found) throw connectionLost(lostInImport);
  return found;
}

/** How many players met no row here, a row that a delivery was signed for, and an older row. */
export type Replaced = { unknown: number; signed: number; older: number };

/** What to do when the connection is lost within an import: its batches are stored one by one. */
export const lostInImport =
  "The connection to a database was lost during the import. What is here by now stays; run the import again.";
