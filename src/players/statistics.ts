import type { Database } from "../database/connect.ts";
import { onceAMinute } from "../once-a-minute.ts";
import type { SteamId } from "../parse.ts";

/** How many pages of 8 KB are read: all of a table with up to about 200,000 players, a part of a larger one. */
const wholePages = 2_500;
const sampledPages = 600;

/** Where a bar of the histogram begins; the last has no end. */
export const histogramHours = [0, 10, 50, 100, 500, 1_000, 2_000, 5_000];

export type Totals = {
  /** People, whatever they play. */
  players: number;
  /** The figures are estimates from a part of the rows: there are too many to read them all. */
  isEstimate: boolean;
  /** How many players fall into each range of `histogramHours`. */
  steam: number[];
  battlemetrics: number[];
  databaseBytes: number;
  /** Such as "18.4". */
  postgresVersion: string;
};

export type NewestPlayer = {
  steamId: SteamId;
  gameId: number;
  steamSeconds: number | null;
  bmSeconds: number | null;
  createdAt: string;
};

/** Figures about all players. They are kept for a minute, and of a large table only a part is looked at. */
export function statisticsIn(database: Pick<Database, "run">, now: () => Date = () => new Date()) {
  return {
    totals: onceAMinute(now, () => readTotals(database)),
    newest: (count: number) =>
      database.run(
        (sql) => sql<NewestPlayer[]>`
          select steam_id::text as "steamId", game_id as "gameId", steam_seconds as "steamSeconds", bm_seconds as "bmSeconds",
            created_at as "createdAt"
          from playtimes order by created_at desc, steam_id desc, game_id desc limit ${count}`,
      ),
  };
}

async function readTotals(database: Pick<Database, "run">): Promise<Totals> {
  const facts = await database.run(async (sql) => {
    const [row] = await sql<
      { pages: number; rowsPerPage: number; people: number; databaseBytes: number; postgresVersion: string }[]
    >`
      select pg_relation_size(oid) / current_setting('block_size')::float8 as pages,
        case when relpages > 0 and reltuples > 0 then reltuples::float8 / relpages else 0 end as "rowsPerPage",
        -- Of all rows the share with a Steam ID of its own, or 0 where Postgres does not know it yet.
        coalesce((
          select case when n_distinct < 0 then -n_distinct when reltuples > 0 then n_distinct / reltuples else 0 end
          from pg_stats where schemaname = current_schema() and tablename = 'playtimes' and attname = 'steam_id'), 0)::float8 as people,
        pg_database_size(current_database())::float8 as "databaseBytes",
        split_part(current_setting('server_version'), ' ', 1) as "postgresVersion"
      from pg_class where oid = 'playtimes'::regclass`;
    return row;
  });
  const pages = facts?.pages ?? 0;
  const isEstimate = pages > wholePages;
  const percent = isEstimate ? (100 * sampledPages) / pages : 100;
  const bars = await database.run(
    (sql) => sql<{ of: "all" | "people" | "steam" | "battlemetrics"; bar: number; players: number }[]>`
      with seen as materialized (select steam_id, steam_seconds, bm_seconds from playtimes tablesample system (${percent}))
      select 'all' as of, 0 as bar, count(*)::float8 as players from seen
      union all
      select 'people', 0, count(distinct steam_id)::float8 from seen
      union all
      select 'steam', width_bucket(steam_seconds, ${boundaries}::int[]), count(*)::float8 from seen
      where steam_seconds is not null group by 2
      union all
      select 'battlemetrics', width_bucket(bm_seconds, ${boundaries}::int[]), count(*)::float8 from seen
      where bm_seconds is not null group by 2`,
  );
  const seen = bars.find((bar) => bar.of === "all")?.players ?? 0;
  // How many rows a page has, Postgres knows better than we by our part; but not yet after a restore.
  const known = pages * (facts?.rowsPerPage ?? 0);
  const scale = !isEstimate || seen === 0 ? 1 : known > 0 ? known / seen : 100 / percent;
  const histogram = (of: string) =>
    histogramHours.map((_, index) =>
      Math.round((bars.find((bar) => bar.of === of && bar.bar === index + 1)?.players ?? 0) * scale),
    );
  const people = bars.find((bar) => bar.of === "people")?.players ?? 0;
  // A part of the rows seldom holds two of one person.
  const share = facts?.people ? Math.min(1, facts.people) : 1;
  return {
    players: isEstimate ? Math.round(seen * scale * share) : people,
    isEstimate,
    steam: histogram("steam"),
    battlemetrics: histogram("battlemetrics"),
    databaseBytes: facts?.databaseBytes ?? 0,
    postgresVersion: facts?.postgresVersion ?? "",
  };
}

const boundaries = `{${histogramHours.map((hours) => hours * 3_600).join(",")}}`;
