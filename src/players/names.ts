import type { Columns, RowOf } from "../database/columns.ts";
import type { Database } from "../database/connect.ts";
import { arrayOf, quotedArrayOf } from "../database/rows.ts";
import { instant, Malformed, optional, type Parser, type SteamId, steamId } from "../parse.ts";

/** Steam's own limit is 32; who knows for how long. */
const mostCharacters = 64;

/** A stranger's text: Postgres takes neither NUL nor halves of a character. */
export const storableName = (name: string) =>
  [...name.replace(/[\p{Cc}\p{Surrogate}]/gu, "\ufffd")].slice(0, mostCharacters).join("");

const playerName: Parser<string> = (value, place) => {
  if (typeof value !== "string" || storableName(value) !== value)
    throw new Malformed(place, `a name of at most ${mostCharacters} characters`);
  return value;
};

export const nameColumns = {
  steamId: { column: "steam_id", type: "int8", parse: steamId },
  /** Null: Steam knows nobody with this ID. */
  name: { column: "name", type: "text", parse: optional(playerName, null) },
  checkedAt: { column: "checked_at", type: "timestamptz", parse: instant, isTold: true },
} as const satisfies Columns;

/** What Steam calls a player, and when it said so; ISO 8601 text. */
export type PlayerName = RowOf<typeof nameColumns>;

/** The names that are stored. Throws the Refusal "database-away". */
export function namesIn(database: Pick<Database, "run">) {
  return {
    of: (steamIds: readonly SteamId[]) =>
      database.run(
        (sql) => sql<PlayerName[]>`
          select steam_id::text as "steamId", name, checked_at as "checkedAt" from player_names
          where steam_id = any(${arrayOf(steamIds, (steamId) => steamId)}::bigint[])`,
      ),
    /** The newest answer stays. */
    save: async (names: readonly PlayerName[]): Promise<void> => {
      // In one order, so that two writers cannot deadlock.
      const rows = [...names].sort((a, b) => (a.steamId < b.steamId ? -1 : 1));
      await database.run(
        (sql) => sql`
          insert into player_names (steam_id, name, checked_at)
          select * from unnest(${arrayOf(rows, (row) => row.steamId)}::bigint[], ${quotedArrayOf(rows, (row) => row.name)}::text[],
            ${arrayOf(rows, (row) => row.checkedAt)}::timestamptz[])
          on conflict (steam_id) do update set name = excluded.name, checked_at = excluded.checked_at
          where excluded.checked_at > player_names.checked_at or player_names.checked_at > now()`,
      );
    },
  };
}
