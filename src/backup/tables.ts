import { type Day, day } from "../calendar.ts";
import { type Kind, kinds, secretText } from "../connections/connections.ts";
import { storedPath } from "../connections/paths.ts";
import type { Sql } from "../database/connect.ts";
import { list } from "../database/rows.ts";
import { connectionLost } from "../database/transaction.ts";
import { configPasswordName } from "../panel-settings.ts";
import {
  boolean,
  gameId,
  instant,
  integer,
  largestInteger,
  Malformed,
  oneOf,
  optional,
  type Parser,
  type SteamId,
  seconds,
  steamId,
  text,
} from "../parse.ts";
import { type SteamStatus, steamStatuses } from "../players/playtimes.ts";

/** A table as backups hold it. Another table, or column, that matters is added here; sessions never are. */
export type Table = {
  name: string;
  /** The values of a row, in this order. */
  columns: readonly string[];
  count: (sql: Sql) => Promise<number>;
  /** Opens the cursor `rows`, whose only column `line` is a row as a JSON array. */
  declareRows: (sql: Sql) => Promise<unknown>;
  /** Keeps all others from writing until the transaction ends, and removes all rows. */
  clear: (sql: Sql) => Promise<unknown>;
  /** Checks rows; what comes back inserts them. Throws Malformed. */
  take: (rows: Given[]) => (sql: Sql) => Promise<void>;
};

/** A row as the file has it: a column that its version did not know is missing. */
export type Given = Record<string, unknown>;

type Definition<Row> = Omit<Table, "take" | "count"> & {
  count: (sql: Sql) => Promise<{ rows: string }[]>;
  parse: (given: Given) => Row;
  insert: (sql: Sql, rows: Row[]) => Promise<{ count: number }>;
};

function table<Row>({ count, parse, insert, ...rest }: Definition<Row>): Table {
  return {
    ...rest,
    count: async (sql) => {
      const [counted] = await count(sql);
      if (!counted) throw connectionLost();
      return Number(counted.rows);
    },
    take: (given) => {
      const rows = given.map(parse);
      return async (sql) => {
        const { count } = await insert(sql, rows);
        if (count !== rows.length) throw connectionLost();
      };
    },
  };
}

const settingText: Parser<string> = (value, place) => {
  const given = text(value, place);
  if (given === "" || given.length > 1_000 || given.includes("\0")) throw new Malformed(place, "1 to 1000 characters");
  return given;
};
const noTime = optional(instant, null);
const noSeconds = optional(seconds, null);

type ConnectionRow = {
  kind: Kind;
  path: string;
  secret: string | null;
  enabled: boolean;
  fixed_game_id: number | null;
  old_secret: string | null;
  old_secret_until: string | null;
  created_at: string;
  updated_at: string;
};

const connections = table<ConnectionRow>({
  name: "connections",
  columns: [
    "kind",
    "path",
    "secret",
    "enabled",
    "fixed_game_id",
    "created_at",
    "updated_at",
    "old_secret",
    "old_secret_until",
  ],
  count: (sql) => sql<{ rows: string }[]>`select count(*) as rows from connections`,
  declareRows: (sql) => sql`
    declare rows no scroll cursor for
    select json_build_array(kind, path, secret, enabled, fixed_game_id, created_at, updated_at, old_secret, old_secret_until)::text as line
    from connections order by kind, path`,
  // A running service goes on reading what was here before.
  clear: async (sql) => {
    await sql`lock table connections in share row exclusive mode`;
    await sql`delete from connections`;
  },
  parse: (given) => ({
    kind: oneOf(kinds)(given["kind"], "kind"),
    path: storedPath(given["path"], "path"),
    secret: optional(secretText, null)(given["secret"], "secret"),
    enabled: boolean(given["enabled"], "enabled"),
    fixed_game_id: optional(gameId, null)(given["fixed_game_id"], "fixed_game_id"),
    old_secret: optional(secretText, null)(given["old_secret"], "old_secret"),
    old_secret_until: noTime(given["old_secret_until"], "old_secret_until"),
    created_at: instant(given["created_at"], "created_at"),
    updated_at: instant(given["updated_at"], "updated_at"),
  }),
  insert: (sql, rows) => sql`
    insert into connections (kind, path, secret, enabled, fixed_game_id, created_at, updated_at, old_secret, old_secret_until)
    select kind, path, secret, enabled, fixed_game_id, created_at, updated_at, old_secret, old_secret_until
    from json_populate_recordset(null::connections, ${JSON.stringify(rows)}::text::json)`,
});

type SettingRow = { name: string; value: string };

// The password that the config sets goes with the config.
const panelSettings = table<SettingRow>({
  name: "panel_settings",
  columns: ["name", "value"],
  count: (sql) =>
    sql<{ rows: string }[]>`select count(*) as rows from panel_settings where name <> ${configPasswordName}`,
  declareRows: (sql) => sql`
    declare rows no scroll cursor for
    select json_build_array(name, value)::text as line from panel_settings where name <> ${configPasswordName} order by name`,
  // What the backup does not know stays; who signed in with another password is signed out.
  clear: (sql) => sql`delete from sessions`,
  parse: (given) => ({ name: settingText(given["name"], "name"), value: settingText(given["value"], "value") }),
  insert: (sql, rows) => sql`
    insert into panel_settings (name, value)
    select name, value from json_populate_recordset(null::panel_settings, ${JSON.stringify(rows)}::text::json)
    on conflict (name) do update set value = excluded.value`,
});

type PlaytimeRow = {
  steamId: SteamId;
  gameId: number;
  steamSeconds: number | null;
  steamStatus: SteamStatus;
  steamCheckedAt: string | null;
  bmSeconds: number | null;
  bmSignedAt: string | null;
  orgSeconds: number | null;
  orgSignedAt: string | null;
  seenAt: string | null;
  createdAt: string;
  updatedAt: string;
};

const playtimes = table<PlaytimeRow>({
  name: "playtimes",
  columns: [
    "steam_id",
    "game_id",
    "steam_seconds",
    "steam_status",
    "steam_checked_at",
    "bm_seconds",
    "bm_signed_at",
    "created_at",
    "updated_at",
    "org_seconds",
    "org_signed_at",
    "seen_at",
  ],
  count: (sql) => sql<{ rows: string }[]>`select count(*) as rows from playtimes`,
  // In the order of the disk, whatever that is: the keys' order would jump about on it.
  declareRows: (sql) => sql`
    declare rows no scroll cursor for
    select json_build_array(steam_id::text, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds,
      bm_signed_at, created_at, updated_at, org_seconds, org_signed_at, seen_at)::text as line
    from playtimes`,
  clear: (sql) => sql`truncate playtimes`,
  parse: (given) => ({
    steamId: steamId(given["steam_id"], "steam_id"),
    gameId: gameId(given["game_id"], "game_id"),
    steamSeconds: noSeconds(given["steam_seconds"], "steam_seconds"),
    steamStatus: oneOf(steamStatuses)(given["steam_status"], "steam_status"),
    steamCheckedAt: noTime(given["steam_checked_at"], "steam_checked_at"),
    bmSeconds: noSeconds(given["bm_seconds"], "bm_seconds"),
    bmSignedAt: noTime(given["bm_signed_at"], "bm_signed_at"),
    orgSeconds: noSeconds(given["org_seconds"], "org_seconds"),
    orgSignedAt: noTime(given["org_signed_at"], "org_signed_at"),
    // Files of versions that did not know it hold no more than that.
    seenAt: noTime("seen_at" in given ? given["seen_at"] : given["bm_signed_at"], "seen_at"),
    createdAt: instant(given["created_at"], "created_at"),
    updatedAt: instant(given["updated_at"], "updated_at"),
  }),
  // What was told in the future, by a clock that was wrong, would outrank all that comes now.
  insert: (sql, rows) => sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at,
      org_seconds, org_signed_at, seen_at, created_at, updated_at)
    select steam_id, game_id, steam_seconds, steam_status, case when steam_checked_at is not null then least(steam_checked_at, now()) end,
      bm_seconds, case when bm_signed_at is not null then least(bm_signed_at, now()) end,
      org_seconds, case when org_signed_at is not null then least(org_signed_at, now()) end,
      case when seen_at is not null then least(seen_at, now()) end, created_at, updated_at
    from unnest(
      ${list(rows, (row) => row.steamId)}::bigint[], ${list(rows, (row) => row.gameId)}::int[],
      ${list(rows, (row) => row.steamSeconds)}::int[], ${list(rows, (row) => row.steamStatus)}::text[],
      ${list(rows, (row) => row.steamCheckedAt)}::timestamptz[], ${list(rows, (row) => row.bmSeconds)}::int[],
      ${list(rows, (row) => row.bmSignedAt)}::timestamptz[], ${list(rows, (row) => row.orgSeconds)}::int[],
      ${list(rows, (row) => row.orgSignedAt)}::timestamptz[], ${list(rows, (row) => row.seenAt)}::timestamptz[],
      ${list(rows, (row) => row.createdAt)}::timestamptz[],
      ${list(rows, (row) => row.updatedAt)}::timestamptz[])
      as given (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, org_seconds, org_signed_at,
        seen_at, created_at, updated_at)`,
});

type DayRow = { steamId: SteamId; gameId: number; day: Day; seconds: number };

const playtimeDays = table<DayRow>({
  name: "playtime_days",
  columns: ["steam_id", "game_id", "day", "seconds"],
  count: (sql) => sql<{ rows: string }[]>`select count(*) as rows from playtime_days`,
  declareRows: (sql) => sql`
    declare rows no scroll cursor for
    select json_build_array(steam_id::text, game_id, day, seconds)::text as line from playtime_days`,
  clear: (sql) => sql`truncate playtime_days`,
  parse: (given) => ({
    steamId: steamId(given["steam_id"], "steam_id"),
    gameId: gameId(given["game_id"], "game_id"),
    day: day(given["day"], "day"),
    seconds: integer({ min: 1, max: largestInteger })(given["seconds"], "seconds"),
  }),
  insert: (sql, rows) => sql`
    insert into playtime_days (steam_id, game_id, day, seconds)
    select * from unnest(
      ${list(rows, (row) => row.steamId)}::bigint[], ${list(rows, (row) => row.gameId)}::int[],
      ${list(rows, (row) => row.day)}::date[], ${list(rows, (row) => row.seconds)}::int[])`,
});

export const tables: readonly Table[] = [connections, panelSettings, playtimes, playtimeDays];

/** How many rows of each table there are. */
export async function countRows(sql: Sql): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { name, count } of tables) counts[name] = await count(sql);
  return counts;
}

/** Whether there is anything that a backup would hold. */
export async function holdsRows(sql: Sql): Promise<boolean> {
  const [found] = await sql<{ any: boolean }[]>`
    select exists (select from connections) or exists (select from playtimes) as any`;
  return found?.any === true;
}

export const sumOf = (counts: Record<string, number>) => Object.values(counts).reduce((sum, rows) => sum + rows, 0);
