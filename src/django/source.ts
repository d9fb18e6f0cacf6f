import type { Kind } from "../connections/connections.ts";
import type { Sql } from "../database/connect.ts";
import { DatabaseProblem } from "../database/problem.ts";
import { connectionLost } from "../database/transaction.ts";
import { errorCode } from "../error-code.ts";
import { lostInImport } from "../players/import.ts";

/** A row of `playtime_battlemetricssetpath` or `playtime_playtimegetpath`. */
export type DjangoConnection = {
  kind: Kind;
  id: string;
  path: string;
  secret: string;
  enabled: boolean;
  fixedGameId: number | null;
};

/** A row of `playtime_playtime`. Installations of the first version hold the seconds as floating-point numbers. */
export type DjangoPlayer = {
  id: string;
  steamId: string;
  gameId: number;
  steamSeconds: number | null;
  bmSeconds: number | null;
  /** As Postgres writes it, in UTC and with the microseconds that a Date would lose. */
  createdAt: string;
  updatedAt: string;
};

export type DjangoSource = {
  connections: DjangoConnection[];
  playerCount: number;
  /** Batches by player and game, the newest of a player's rows first. Can be read once. */
  players: AsyncIterable<DjangoPlayer[]>;
};

/** How many characters of a text are read: a longer text is none that we accept. */
export const textMost = 65_537;

/** Whether the database holds the three tables of the Django service. */
export async function holdsDjango(sql: Sql): Promise<boolean> {
  const [found] = await sql<{ tables: number }[]>`
    select num_nonnulls(to_regclass('playtime_playtime'), to_regclass('playtime_battlemetricssetpath'),
      to_regclass('playtime_playtimegetpath')) as tables`;
  return found?.tables === 3;
}

/** Whether the database holds the tables of the Django service while ours are still empty: the next step is the import. */
export async function awaitsImport(sql: Sql): Promise<boolean> {
  if (!(await holdsDjango(sql))) return false;
  const [ours] = await sql<{ empty: boolean }[]>`
    select not exists (select from connections) and not exists (select from playtimes) as empty`;
  return ours?.empty === true;
}

/**
 * Hands `work` everything that the Django service keeps, as it was at one moment, and changes nothing. `sql` has a single
 * connection and is ended by the caller. Throws DatabaseProblem when the tables are not what they should be, may not be
 * read, or the connection is lost.
 */
export async function readDjango(sql: Sql, work: (source: DjangoSource) => Promise<void>): Promise<void> {
  try {
    await sql`begin isolation level repeatable read read only`;
    await sql`
      select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true), set_config('statement_timeout', '0', true)`;
    // Not every version of the tables has a fixed game; seen as JSON, a column that is missing is null.
    const connections = await sql<DjangoConnection[]>`
      select 'battlemetrics' as kind, id::text, left(path, 1000) as path, left(hmac_secret_key, ${textMost}) as secret, enabled,
        (to_jsonb(bm) ->> 'fixed_game_id')::int as "fixedGameId"
      from playtime_battlemetricssetpath bm
      union all
      select 'script', id::text, left(path, 1000), left(hmac_secret_key, ${textMost}), enabled, (to_jsonb(script) ->> 'fixed_game_id')::int
      from playtime_playtimegetpath script
      order by kind, enabled desc, id`;
    const [counted] = await sql<{ rows: string }[]>`select count(*) as rows from playtime_playtime`;
    await work({ connections, playerCount: Number(counted?.rows), players: playersIn(sql) });
    await sql`commit`;
  } catch (error) {
    throw problemOf(error) ?? error;
  }
}

/** By a cursor of SQL: the driver's own crashes the process when the connection is lost between two batches. */
async function* playersIn(sql: Sql): AsyncGenerator<DjangoPlayer[]> {
  await sql`
    declare players no scroll cursor for
    select id::text, left(steam_id, 100) as "steamId", game_id as "gameId", steam_playtime as "steamSeconds",
      bm_playtime as "bmSeconds", created_at::text as "createdAt", updated_at::text as "updatedAt"
    from playtime_playtime
    order by btrim(steam_id, e' \t\n\r') collate "C", game_id, updated_at desc`;
  for (;;) {
    const rows = await sql<DjangoPlayer[]>`fetch 2000 from players`;
    if (rows.length === 0) return;
    yield rows;
  }
}

function problemOf(error: unknown): DatabaseProblem | undefined {
  const reason = error instanceof Error ? error.message : "";
  switch (errorCode(error)) {
    case "42703":
      return new DatabaseProblem(`The tables are not those of the Django service: ${reason}.`);
    case "42501":
      return new DatabaseProblem(`The tables of the Django service may not be read: ${reason}. Use their owner.`);
    case "CONNECTION_CLOSED":
    case "34000": // The next batch was asked of a new connection, which knows no cursor.
      return connectionLost(lostInImport);
    default:
      return undefined;
  }
}
