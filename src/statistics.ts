import type { HourlyCount, Summary } from "./activity.ts";
import type { Config } from "./config.ts";
import type { Connection } from "./connections.ts";
import type { Database } from "./database/connect.ts";
import type { SteamId } from "./parse.ts";

const freshMs = 60_000;
/** A table of so many pages of 8 KB is looked at whole, about 200,000 players; of a larger one so many of them. */
const wholePages = 2_500;
const sampledPages = 600;

/** Where a bar of the histogram begins; the last has no end. */
export const histogramHours = [0, 10, 50, 100, 500, 1_000, 2_000, 5_000];

export type Totals = {
  /** Players, counted once for each of their games. */
  players: number;
  /** All figures about players were reckoned from a part of the rows: there are too many to look at all. */
  isEstimate: boolean;
  /** How many have so many hours, by `histogramHours`. */
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
  let kept: { atMs: number; totals: Promise<Totals> } | undefined;

  return {
    totals: (): Promise<Totals> => {
      const nowMs = now().getTime();
      if (kept && nowMs - kept.atMs < freshMs) return kept.totals;
      const made = { atMs: nowMs, totals: readTotals(database) };
      kept = made;
      made.totals.catch(() => {
        if (kept === made) kept = undefined;
      });
      return made.totals;
    },
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
    const [row] = await sql<{ pages: number; rowsPerPage: number; databaseBytes: number; postgresVersion: string }[]>`
      select pg_relation_size(oid) / current_setting('block_size')::float8 as pages,
        case when relpages > 0 and reltuples > 0 then reltuples::float8 / relpages else 0 end as "rowsPerPage",
        pg_database_size(current_database())::float8 as "databaseBytes",
        split_part(current_setting('server_version'), ' ', 1) as "postgresVersion"
      from pg_class where oid = 'playtimes'::regclass`;
    return row;
  });
  const pages = facts?.pages ?? 0;
  const isEstimate = pages > wholePages;
  const percent = isEstimate ? (100 * sampledPages) / pages : 100;
  const bars = await database.run(
    (sql) => sql<{ of: "all" | "steam" | "battlemetrics"; bar: number; players: number }[]>`
      with seen as materialized (select steam_seconds, bm_seconds from playtimes tablesample system (${percent}))
      select 'all' as of, 0 as bar, count(*)::float8 as players from seen
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
  return {
    players: Math.round(seen * scale),
    isEstimate,
    steam: histogram("steam"),
    battlemetrics: histogram("battlemetrics"),
    databaseBytes: facts?.databaseBytes ?? 0,
    postgresVersion: facts?.postgresVersion ?? "",
  };
}

const boundaries = `{${histogramHours.map((hours) => hours * 3_600).join(",")}}`;

/** Whether the service brings its database along. */
export const isEmbedded = ({ POSTGRES, databaseUrl }: Pick<Config, "POSTGRES" | "databaseUrl">) =>
  databaseUrl === "" && POSTGRES.HOST === "";

/** Something that the operator should know; what to do about it is said in each language elsewhere. */
export type Warning =
  | { code: "no-connection" | "no-steam-key" | "hmac-off" }
  | { code: "steam-fails"; reason: string }
  | { code: "silent" | "no-secret" | "bad-signatures" | "stale-timestamps"; connection: Connection; at: string | null };

const silentHours = 24;
const badSignaturesInARow = 3;

/** What is not as it should be, the worst first. */
export function warningsOf({ config, connections, summaries, steam, now }: Known): Warning[] {
  const found: Warning[] = [];
  if (!config.HMAC.ENABLE) found.push({ code: "hmac-off" });
  if (connections.length === 0) found.push({ code: "no-connection" });
  for (const connection of connections.filter(({ enabled }) => enabled)) {
    const summary = summaries.find(({ kind, path }) => kind === connection.kind && path === connection.path);
    const refusedLast = (summary?.refusedAt ?? "") > (summary?.acceptedAt ?? "");
    const at = summary?.acceptedAt ?? null;
    if (connection.secret === null) found.push({ code: "no-secret", connection, at });
    else if (refusedLast && summary?.refusedCode === "stale-timestamp")
      found.push({ code: "stale-timestamps", connection, at: summary.refusedAt });
    else if ((summary?.badSignatures ?? 0) >= badSignaturesInARow)
      found.push({ code: "bad-signatures", connection, at: summary?.refusedAt ?? null });
    else if (connection.kind === "battlemetrics" && at !== null && hoursSince(at, now) >= silentHours)
      found.push({ code: "silent", connection, at });
  }
  if (config.STEAM.KEY === "") found.push({ code: "no-steam-key" });
  else if (steam && steam.breaker !== "closed") found.push({ code: "steam-fails", reason: steam.reason });
  return found;
}

type Known = {
  config: Pick<Config, "HMAC" | "STEAM">;
  connections: readonly Connection[];
  summaries: readonly Summary[];
  /** Undefined for who is not the service itself. */
  steam: { breaker: string; reason: string } | undefined;
  now: Date;
};

const hoursSince = (at: string, now: Date) => (now.getTime() - Date.parse(at)) / 3_600_000;

export type Ended = { accepted: number; ignored: number; refused: number };

/** The last 24 hours of one kind, the oldest first and this one last. */
export function hoursOf(kind: Connection["kind"], counts: readonly HourlyCount[], now: Date): Ended[] {
  const thisHourMs = Math.floor(now.getTime() / 3_600_000) * 3_600_000;
  return Array.from({ length: 24 }, (_, index) => {
    const ofHour = counts.filter(
      (count) => count.kind === kind && Date.parse(count.hour) === thisHourMs - (23 - index) * 3_600_000,
    );
    const of = (outcome: string) =>
      ofHour.filter((one) => one.outcome === outcome).reduce((sum, { count }) => sum + count, 0);
    return { accepted: of("accepted"), ignored: of("ignored"), refused: of("refused") };
  });
}
