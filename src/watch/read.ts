import type { Kind } from "../connections/connections.ts";
import type { Database } from "../database/connect.ts";
import type { SteamId } from "../parse.ts";
import { keptRequests } from "./write.ts";

/** One request of a connection's log. Times are ISO 8601 text. */
export type AcceptedRequest = {
  at: string;
  /** Nothing from it was stored. */
  isIgnored: boolean;
  /** It was ignored because the connection was paused. */
  isPaused: boolean;
  steamId: SteamId | null;
  players: number;
  durationMs: number;
  requestId: string | null;
};

/** Equal requests of one minute; all fields but `count` are those of the newest. */
export type RefusedRequests = {
  at: string;
  code: string;
  count: number;
  reason: string;
  steamId: SteamId | null;
  durationMs: number;
  requestId: string | null;
};

/** What became of a connection's requests. */
export type Summary = {
  kind: Kind;
  /** Empty: requests to no connection. */
  path: string;
  acceptedAt: string | null;
  refusedAt: string | null;
  refusedCode: string | null;
  refusedReason: string | null;
  /** Of the last 24 hours. */
  accepted: number;
  ignored: number;
  paused: number;
  refused: number;
  /** How many were refused since the last accepted one, whenever that was. */
  refusedInARow: number;
  /** Refusals for a wrong signature in the last 24 hours, since the last accepted request. */
  badSignatures: number;
  /** Refusals for a wrong body in the last 24 hours, and the newest reason. */
  malformed: number;
  malformedReason: string | null;
  /** Which field was empty in the newest delivery that was ignored. */
  ignoredField: "steam_id" | "playtime" | null;
};

export type HourlyCount = {
  /** When the hour begins, in UTC. */
  hour: string;
  kind: Kind | "steam";
  outcome: string;
  count: number;
};

/** What `createActivity` wrote. */
export function activityIn(database: Pick<Database, "run">) {
  return {
    accepted: (kind: Kind, path: string) =>
      database.run(
        (sql) => sql<AcceptedRequest[]>`
          select at, is_ignored as "isIgnored", is_paused as "isPaused", steam_id::text as "steamId", players, duration_ms as "durationMs",
            request_id as "requestId"
          from accepted_requests where kind = ${kind} and path = ${path} order by id desc limit ${keptRequests}`,
      ),
    refused: (kind: Kind, path: string) =>
      database.run(
        (sql) => sql<RefusedRequests[]>`
          select at, code, count::float8 as count, reason, steam_id::text as "steamId", duration_ms as "durationMs",
            request_id as "requestId"
          from refused_requests where kind = ${kind} and path = ${path} order by minute desc, at desc, code limit ${keptRequests}`,
      ),
    /** One summary for every connection with any request; a few rows of each are looked up by index. */
    summaries: () =>
      database.run(
        (sql) => sql<Summary[]>`
          with named as materialized (
            select kind, path from connections union all values ('battlemetrics', ''), ('script', '')
          )
          select kind, path, taken.at as "acceptedAt", refused.at as "refusedAt", refused.code as "refusedCode",
            refused.reason as "refusedReason", counts.accepted, counts.ignored, counts.paused, counts.refused,
            coalesce(in_a_row.count, 0)::float8 as "refusedInARow",
            coalesce(wrong.count, 0) as "badSignatures", coalesce(odd.count, 0) as malformed, odd.reason as "malformedReason",
            ignored.field as "ignoredField"
          from named
          left join refused_in_a_row as in_a_row using (kind, path)
          cross join lateral (
            select coalesce(sum(count) filter (where outcome = 'accepted'), 0)::float8 as accepted,
              coalesce(sum(count) filter (where outcome = 'ignored'), 0)::float8 as ignored,
              coalesce(sum(count) filter (where outcome = 'paused'), 0)::float8 as paused,
              coalesce(sum(count) filter (where outcome = 'refused'), 0)::float8 as refused, count(*) as rows
            from hourly_counts as one where one.kind = named.kind and one.path = named.path
              and hour > now() - interval '24 hours' and hour <= now()
          ) as counts
          left join lateral (
            select at from accepted_requests as one where one.kind = named.kind and one.path = named.path
            order by id desc limit 1
          ) as taken on true
          left join lateral (
            select at, code, reason from refused_requests as one where one.kind = named.kind and one.path = named.path
            order by minute desc, at desc limit 1
          ) as refused on true
          left join lateral (
            select sum(count)::float8 as count from refused_requests as one where one.kind = named.kind and one.path = named.path
              and one.code = 'bad-signature' and one.at > greatest(case when taken.at < now() then taken.at end, now() - interval '24 hours')
              and one.minute > now() - interval '25 hours'
          ) as wrong on true
          left join lateral (
            select sum(count)::float8 as count, (array_agg(reason order by at desc))[1] as reason from refused_requests as one
            where one.kind = named.kind and one.path = named.path and one.code = 'malformed'
              and one.at > now() - interval '24 hours' and one.minute > now() - interval '25 hours'
          ) as odd on true
          left join lateral (
            -- A delivery names its player unless that is what it lacks.
            select case when steam_id is null then 'steam_id' else 'playtime' end as field
            from accepted_requests as one where one.kind = named.kind and one.path = named.path and is_ignored and not is_paused
            order by id desc limit 1
          ) as ignored on true
          where counts.rows > 0 or taken.at is not null or refused.at is not null`,
      ),
    /** From that hour on, the current one included; of all connections, or of one. */
    hourly: (since: Date, of?: { kind: Kind; path: string }) =>
      database.run(
        (sql) => sql<HourlyCount[]>`
          select hour, kind, outcome, sum(count)::float8 as count from hourly_counts
          where hour >= ${since.toISOString()} and hour <= now() ${of ? sql`and kind = ${of.kind} and path = ${of.path}` : sql``}
          group by hour, kind, outcome order by hour`,
      ),
    steamCallsToday: () =>
      database.run(async (sql) => {
        const [found] = await sql<{ calls: number }[]>`
          select coalesce(sum(count), 0)::float8 as calls from hourly_counts
          where kind = 'steam' and hour between date_trunc('day', now(), 'UTC') and now()`;
        return found?.calls ?? 0;
      }),
  };
}
