import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { createClient, type Sql } from "../../src/database/connect.ts";
import { startEmbedded } from "../../src/database/embedded/embedded.ts";
import { migrate, sqlFolder } from "../../src/database/migrate.ts";
import { createLog } from "../../src/log.ts";
import { addressOfDatabase, onServer, type TestAddress } from "../support/database.ts";
import { postmasterOf } from "./measure.ts";
import { allPlayers, gameId, players, secret, steamIdOf } from "./requests.ts";

export type BenchDatabase = { address: TestAddress; sql: Sql };

export type DatabaseServer = {
  /** Such as "PostgreSQL 18.4, fsync on, synchronous_commit on". */
  description: string;
  /** The process above all others of Postgres; undefined when it runs elsewhere. */
  pid: number | undefined;
  /** A database with the schema of a checkout (ours, if none is named), two connections named `bench`, and so many players. */
  create: (rows: number, checkout?: string) => Promise<BenchDatabase>;
  /** Drops what was made, and stops a server of our own. */
  stop: () => Promise<void>;
};

/** A throw-away Postgres with the service's own settings, fsync on; or the server that TEST_DATABASE_URL names. */
export async function startDatabase(folder: string): Promise<DatabaseServer> {
  const log = createLog({ level: "error", readable: true, write: (line) => process.stderr.write(line) });
  const server = process.env["TEST_DATABASE_URL"]
    ? undefined
    : // The reference server's pool of ten alone would use up the twelve connections that the service's Postgres has.
      await startEmbedded({ dataDir: folder, settings: { max_connections: "60" }, log });
  if (server) process.env["TEST_SOCKET_DIR"] = server.socketDir;
  const made: { name: string; sql: Sql }[] = [];
  const facts = await onServer(factsOf);

  return {
    description: facts.description,
    pid: facts.pid,
    create: async (rows, checkout) => {
      const name = `playtime_bench_${process.pid}_${made.length + 1}`;
      await onServer((sql) => sql.unsafe(`create database ${name} template template0`));
      const address = addressOfDatabase(name);
      const sql = createClient(address, 1);
      made.push({ name, sql });
      // An older service refuses a newer schema.
      const folder = checkout === undefined ? sqlFolder : pathToFileURL(join(resolve(checkout), "sql/"));
      await migrate(sql, { folder });
      await fill(sql, rows);
      return { address, sql };
    },
    stop: async () => {
      for (const { name, sql } of made) {
        await sql.end({ timeout: 1 });
        await onServer((admin) => admin.unsafe(`drop database if exists ${name} with (force)`));
      }
      await server?.stop();
    },
  };
}

async function factsOf(sql: Sql) {
  const [found] = await sql<{ description: string; backend: number }[]>`
    select format('PostgreSQL %s, fsync %s, synchronous_commit %s', current_setting('server_version'),
      current_setting('fsync'), current_setting('synchronous_commit')) as description, pg_backend_pid() as backend`;
  return { description: found?.description ?? "", pid: found && (await postmasterOf(found.backend)) };
}

async function fill(sql: Sql, rows: number): Promise<void> {
  await sql`
    insert into connections (kind, path, secret)
    values ('battlemetrics', 'bench', ${secret}), ('script', 'bench', ${secret})`;
  await sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at)
    select ${steamIdOf(0)}::bigint + n * ${allPlayers / rows}::int, ${gameId}, 360000, 'ok', now(), 0, now() - interval '1 day'
    from generate_series(0, ${rows - 1}::int) as n`;
  await sql`vacuum analyze playtimes`;
  const [table] = await sql<{ isThere: boolean }[]>`select to_regclass('playtime_days') is not null as "isThere"`;
  if (table?.isThere) await fillDays(sql);
}

/** A month of days for those whom queries are about. */
async function fillDays(sql: Sql): Promise<void> {
  const ids = `{${players}}`;
  await sql`update playtimes set seen_at = bm_signed_at where steam_id = any(${ids}::bigint[])`;
  await sql`
    insert into playtime_days (steam_id, game_id, day, seconds)
    select steam_id, ${gameId}, current_date - back, 3600
    from generate_series(29, 0, -1) as back, unnest(${ids}::bigint[]) as steam_id`;
  await sql`vacuum analyze playtimes`;
  await sql`vacuum analyze playtime_days`;
}

/** How many deliveries after `figure` are stored: a player's figure grows by one with each. */
export async function storedSince({ sql }: BenchDatabase, figure: number): Promise<number> {
  const [row] = await sql<{ stored: string | null }[]>`
    select sum(greatest(bm_seconds - ${figure}::int, 0)) as stored from playtimes
    where steam_id = any(${`{${players}}`}::bigint[]) and game_id = ${gameId}`;
  return Number(row?.stored);
}

export async function removePlayers({ sql }: BenchDatabase): Promise<void> {
  await sql`truncate playtimes`;
}

export async function countPlayers({ sql }: BenchDatabase): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int from playtimes`;
  return Number(row?.count);
}

/** How a child process is told its database: as settings of the service. */
export function asSettings(address: TestAddress): NodeJS.ProcessEnv {
  if ("url" in address) return { DATABASE_URL: address.url };
  return {
    PLAYTIME_POSTGRES_HOST: address.host,
    PLAYTIME_POSTGRES_PORT: String(address.port),
    PLAYTIME_POSTGRES_DATABASE_NAME: address.database,
    PLAYTIME_POSTGRES_USER: address.user,
  };
}
