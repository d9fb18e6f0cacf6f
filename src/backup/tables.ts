import { day } from "../calendar.ts";
import { kinds, mostExpectHours, secretText, usualExpectHours } from "../connections/connections.ts";
import { storedPath } from "../connections/paths.ts";
import { type Columns, insertRows, jsonArray, rowParser } from "../database/columns.ts";
import type { Sql } from "../database/connect.ts";
import { connectionLost } from "../database/transaction.ts";
import { configPasswordName, passwordName } from "../panel-settings.ts";
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
  steamId,
  text,
} from "../parse.ts";
import { nameColumns } from "../players/names.ts";
import { playtimeColumns } from "../players/playtime.ts";

/** A table as backups hold it. Another table that matters is added here; sessions never are. */
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

const nothing = (sql: Sql) => sql``;

type Definition = {
  name: string;
  columns: Columns;
  /** Which rows, and in which order; all in the order of the disk, if it is missing. */
  rows?: typeof nothing;
  clear: (sql: Sql) => Promise<unknown>;
  /** What happens to a row that is there already; an error, if it is missing. */
  onConflict?: typeof nothing;
};

function table({ name, columns, rows = nothing, clear, onConflict = nothing }: Definition): Table {
  const parse = rowParser(columns);
  return {
    name,
    columns: Object.values(columns).map(({ column }) => column),
    count: async (sql) => {
      const [counted] = await sql<{ rows: string }[]>`
        select count(*) as rows from (select from ${sql(name)} ${rows(sql)}) as counted`;
      if (!counted) throw connectionLost();
      return Number(counted.rows);
    },
    declareRows: (sql) => sql`
      declare rows no scroll cursor for select ${jsonArray(sql, columns)} as line from ${sql(name)} ${rows(sql)}`,
    clear,
    take: (given) => {
      const checked = given.map(parse);
      return async (sql) => {
        const { count } = await sql`${insertRows(sql, name, columns, checked)} ${onConflict(sql)}`;
        if (count !== checked.length) throw connectionLost();
      };
    },
  };
}

const settingText: Parser<string> = (value, place) => {
  const given = text(value, place);
  if (given === "" || given.length > 1_000 || given.includes("\0")) throw new Malformed(place, "1 to 1000 characters");
  return given;
};

/** Backups of versions that did not know it restore with the usual hours. */
const expectHours: Parser<number | null> = (value, place) =>
  value === undefined ? usualExpectHours : optional(integer({ min: 1, max: mostExpectHours }), null)(value, place);

const connections = table({
  name: "connections",
  columns: {
    kind: { column: "kind", type: "text", parse: oneOf(kinds) },
    path: { column: "path", type: "text", parse: storedPath },
    secret: { column: "secret", type: "text", parse: optional(secretText, null) },
    enabled: { column: "enabled", type: "bool", parse: boolean },
    fixedGameId: { column: "fixed_game_id", type: "int4", parse: optional(gameId, null) },
    createdAt: { column: "created_at", type: "timestamptz", parse: instant },
    updatedAt: { column: "updated_at", type: "timestamptz", parse: instant },
    oldSecret: { column: "old_secret", type: "text", parse: optional(secretText, null) },
    oldSecretUntil: { column: "old_secret_until", type: "timestamptz", parse: optional(instant, null) },
    expectHours: { column: "expect_hours", type: "int4", parse: expectHours },
    isPaused: { column: "is_paused", type: "bool", parse: optional(boolean, false) },
  },
  rows: (sql) => sql`order by kind, path`,
  // A running service goes on reading what was here before.
  clear: async (sql) => {
    await sql`lock table connections in share row exclusive mode`;
    await sql`delete from connections`;
  },
});

const panelSettings = table({
  name: "panel_settings",
  columns: {
    name: { column: "name", type: "text", parse: settingText },
    value: { column: "value", type: "text", parse: settingText },
  },
  // The password that the config sets stays with the config.
  rows: (sql) => sql`where name <> ${configPasswordName} order by name`,
  // Settings that the backup does not know stay; whoever signed in with another password is signed out.
  clear: (sql) => sql`with ended as (delete from sign_in_links) delete from sessions`,
  onConflict: (sql) => sql`on conflict (name) do update set value = excluded.value`,
});

// In the order of the disk: in the order of the keys, reading would jump about on it.
const playtimes = table({
  name: "playtimes",
  columns: playtimeColumns,
  clear: (sql) => sql`truncate playtimes`,
});

const playtimeDays = table({
  name: "playtime_days",
  columns: {
    steamId: { column: "steam_id", type: "int8", parse: steamId },
    gameId: { column: "game_id", type: "int4", parse: gameId },
    day: { column: "day", type: "date", parse: day },
    seconds: { column: "seconds", type: "int4", parse: integer({ min: 1, max: largestInteger }) },
  },
  clear: (sql) => sql`truncate playtime_days`,
});

const playerNames = table({
  name: "player_names",
  columns: nameColumns,
  clear: (sql) => sql`truncate player_names`,
});

const edits = table({
  name: "edits",
  columns: {
    steamId: { column: "steam_id", type: "int8", parse: steamId },
    gameId: { column: "game_id", type: "int4", parse: gameId },
    of: { column: "of", type: "text", parse: oneOf(["steam", "battlemetrics"]) },
    at: { column: "at", type: "timestamptz", parse: instant },
  },
  clear: (sql) => sql`truncate edits`,
});

export const tables: readonly Table[] = [connections, panelSettings, playtimes, playtimeDays, playerNames, edits];

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

/** The hash of the panel's password that counts while the config has none. */
export async function storedPassword(sql: Sql): Promise<string | undefined> {
  const [row] = await sql<{ value: string }[]>`select value from panel_settings where name = ${passwordName}`;
  return row?.value;
}

export const sumOf = (counts: Record<string, number>) => Object.values(counts).reduce((sum, rows) => sum + rows, 0);
