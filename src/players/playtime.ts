import { type Columns, type RowOf, selected } from "../database/columns.ts";
import type { Sql } from "../database/connect.ts";
import { gameId, instant, oneOf, optional, seconds, steamId } from "../parse.ts";

export const steamStatuses = ["ok", "private", "hidden", "not-owned", "unavailable", "unchecked"] as const;
/** Why a Steam time is what it is; `unavailable`: Steam could not be asked, `unchecked`: it never was. */
export type SteamStatus = (typeof steamStatuses)[number];

const orNull = {
  seconds: optional(seconds, null),
  instant: optional(instant, null),
};

/** What is known of one player in one game, in the order that tables and backups have. Another column is added here. */
export const playtimeColumns = {
  steamId: { column: "steam_id", type: "int8", parse: steamId },
  gameId: { column: "game_id", type: "int4", parse: gameId },
  steamSeconds: { column: "steam_seconds", type: "int4", parse: orNull.seconds },
  steamStatus: { column: "steam_status", type: "text", parse: oneOf(steamStatuses) },
  steamCheckedAt: { column: "steam_checked_at", type: "timestamptz", parse: orNull.instant, isTold: true },
  /** In the game, as BattleMetrics knows it. */
  bmSeconds: { column: "bm_seconds", type: "int4", parse: orNull.seconds },
  bmSignedAt: { column: "bm_signed_at", type: "timestamptz", parse: orNull.instant, isTold: true },
  createdAt: { column: "created_at", type: "timestamptz", parse: instant },
  updatedAt: { column: "updated_at", type: "timestamptz", parse: instant },
  /** On the servers of the organisation, as BattleMetrics told it last. */
  orgSeconds: { column: "org_seconds", type: "int4", parse: orNull.seconds },
  orgSignedAt: { column: "org_signed_at", type: "timestamptz", parse: orNull.instant, isTold: true },
  /** When BattleMetrics signed its newest delivery; a correction by hand does not move it. */
  seenAt: { column: "seen_at", type: "timestamptz", parse: orNull.instant, isTold: true, formerly: "bm_signed_at" },
} as const satisfies Columns;

/** Times are ISO 8601 text in UTC with milliseconds. */
export type Playtime = RowOf<typeof playtimeColumns>;

/** What `select` names to read a Playtime. */
export const selectedPlaytime = (sql: Sql) => selected(sql, playtimeColumns);
