import type { Database, Sql } from "../database/connect.ts";
import { farFuture } from "../database/future.ts";
import { takeTurn } from "../database/turns.ts";
import { mendFuture } from "./future.ts";

/** How many requests of a connection are kept: this many accepted ones and as many refused ones. */
export const keptRequests = 100;
/** The longest range of a chart, and a day. */
const keptDays = 31;
/** The most rows that one statement removes: a large backlog goes in steps, so that nothing waits for it. */
const removedRows = 10_000;
const removedOfOne = 2_000;
const tidySeconds = 60;

/** How some requests of a connection, or calls to Steam, ended. Equal ones are one note. */
export type Count = { kind: string; path: string; outcome: string; count: number };

/** A row of `accepted_requests` or `refused_requests`, without the columns that all notes share. */
export type Request = {
  kind: string;
  path: string;
  at: string;
  steam_id: string | null;
  players: number;
  duration_ms: number;
  request_id: string | null;
};
export type Accepted = Request & { is_ignored: boolean; is_paused: boolean };
export type Refused = Omit<Request, "players"> & { code: string; count: number; reason: string };

/** How many of a connection's requests were refused since the last accepted one; `hasTaken`: these notes hold an accepted one. */
export type InARow = { kind: string; path: string; count: number; has_taken: boolean };

export type NotesToWrite = {
  /** The service that writes. */
  replica: string;
  /** Counts up: a number not above the last one was written before. */
  number: number;
  counts: Count[];
  accepted: Accepted[];
  refused: Refused[];
  inARow: InARow[];
};

/** What all services on this database know together. */
export type Together = {
  /** Today's calls in UTC, of all services, also from before a restart. */
  steamCallsToday: number;
  /** Such as 2026-01-02. */
  day: string;
  replicas: number;
};

/** A service that has not written for this long counts as ended. */
const aliveSeconds = 30;

/** Writes all or nothing, and only once however often it is run. Also removes the oldest requests of the same connections. */
export function writeNotes(database: Pick<Database, "run">, notes: NotesToWrite): Promise<Together> {
  return database.run(async (sql) => {
    await insert(sql, notes);
    if (notes.counts.length > 0) await prune(sql, notes.counts);
    const [together] = await sql<Together[]>`
      select to_char(now() at time zone 'UTC', 'YYYY-MM-DD') as day,
        (select coalesce(sum(count), 0)::float8 from hourly_counts
          where kind = 'steam' and path = '' and hour between date_trunc('day', now(), 'UTC') and now()) as "steamCallsToday",
        (select count(*)::int from replicas
          where seen_at between now() - ${aliveSeconds} * interval '1 second' and ${farFuture(sql)}) as replicas`;
    return together ?? { steamCallsToday: 0, day: "", replicas: 1 };
  });
}

/** As JSON: paths and reasons may hold any character. Rows in one order, so that two services cannot deadlock. */
function insert(sql: Sql, { replica, number, counts, accepted, refused, inARow }: NotesToWrite) {
  return sql`
    with first as (
      insert into replicas (id, notes, seen_at) values (${replica}, ${number}, now())
      on conflict (id) do update set notes = excluded.notes, seen_at = excluded.seen_at where replicas.notes < excluded.notes
      returning 1
    ), counted as (
      insert into hourly_counts (hour, kind, path, outcome, count)
      select date_trunc('hour', now(), 'UTC'), kind, path, outcome, count
      from first cross join json_to_recordset(${JSON.stringify(counts)}::text::json) as one
        (kind text, path text, outcome text, count bigint)
      order by kind, path, outcome
      on conflict (hour, kind, path, outcome) do update set count = hourly_counts.count + excluded.count
    ), accepted as (
      insert into accepted_requests (kind, path, at, is_ignored, is_paused, steam_id, players, duration_ms, request_id)
      select kind, path, at, is_ignored, is_paused, steam_id, players, duration_ms, request_id
      from first cross join json_to_recordset(${JSON.stringify(accepted)}::text::json) as one
        (kind text, path text, at timestamptz, is_ignored boolean, is_paused boolean, steam_id bigint, players integer, duration_ms real, request_id text)
    ), in_a_row as (
      insert into refused_in_a_row as known (kind, path, count, has_taken)
      select kind, path, count, has_taken from first cross join json_to_recordset(${JSON.stringify(inARow)}::text::json) as one
        (kind text, path text, count bigint, has_taken boolean)
      order by kind, path
      on conflict (kind, path) do update set has_taken = excluded.has_taken,
        count = case when excluded.has_taken then excluded.count else known.count + excluded.count end
      where known.count <> 0 or excluded.count <> 0
    )
    insert into refused_requests (kind, path, minute, code, count, at, reason, steam_id, duration_ms, request_id)
    select kind, path, date_trunc('minute', at) as minute, code, count, at, reason, steam_id, duration_ms, request_id
    from first cross join json_to_recordset(${JSON.stringify(refused)}::text::json) as one
      (kind text, path text, code text, count bigint, at timestamptz, reason text, steam_id bigint, duration_ms real, request_id text)
    order by kind, path, minute, code
    on conflict (kind, path, minute, code) do update set count = refused_requests.count + excluded.count, at = excluded.at,
      reason = excluded.reason, steam_id = excluded.steam_id, duration_ms = excluded.duration_ms, request_id = excluded.request_id`;
}

/**
 * Keeps only the newest requests of a connection. The places of the old rows (ctid) are found first, by index, and then the
 * rows by their places: Postgres would plan a join as a scan of the whole table.
 */
async function prune(sql: Sql, counts: Count[]): Promise<void> {
  const written = JSON.stringify(counts.map(({ kind, path }) => ({ kind, path })));
  const names = sql`(
    select distinct kind, path from json_to_recordset(${written}::text::json) as one (kind text, path text)
    where kind <> 'steam' order by kind, path) as written`;
  await sql`
    with accepted as (
      delete from accepted_requests where ctid = any (array(
        select old.place from ${names}
        cross join lateral (select id from accepted_requests as one where one.kind = written.kind and one.path = written.path
          order by id desc offset ${keptRequests} limit 1) as first_old
        cross join lateral (select ctid as place from accepted_requests as one where one.kind = written.kind
          and one.path = written.path and one.id <= first_old.id order by id limit ${removedOfOne}) as old
        limit ${removedRows}))
    )
    delete from refused_requests where ctid = any (array(
      select old.place from ${names}
      cross join lateral (select minute, code from refused_requests as one where one.kind = written.kind
        and one.path = written.path order by minute desc, code desc offset ${keptRequests} limit 1) as first_old
      cross join lateral (select ctid as place from refused_requests as one where one.kind = written.kind
        and one.path = written.path and (one.minute, one.code) <= (first_old.minute, first_old.code)
        order by minute, code limit ${removedOfOne}) as old
      limit ${removedRows}))`;
}

/**
 * Removes old counts, what is known of deleted connections, and old secrets whose time is over. One of all services on this
 * database does it each minute; `isFirst`: this service does it.
 */
export function tidy(database: Pick<Database, "run">, replica: string, isFirst: boolean): Promise<void> {
  return database.run(async (sql) => {
    const othersSeconds = isFirst ? 0 : tidySeconds * 0.9;
    if (!(await takeTurn(sql, { name: "tidy", place: replica, othersSeconds }))) return;
    await sql`update connections set old_secret = null, old_secret_until = null where old_secret_until < now()`;
    await sql`delete from replicas where seen_at < now() - interval '1 hour' or seen_at > ${farFuture(sql)}`;
    await mendFuture(sql);
    await sql`delete from changes where at < now() - interval '1 day' or at > ${farFuture(sql)}`;
    await sql`
      delete from hourly_counts where ctid = any (array(
        select ctid from hourly_counts where hour < now() - ${keptDays} * interval '1 day' or hour > ${farFuture(sql)} limit ${removedRows}))`;
    for (const { kind, path } of await gone(sql))
      await sql`
        with counts as (delete from hourly_counts where kind = ${kind} and path = ${path}
        ), accepted as (delete from accepted_requests where ctid = any (array(
          select ctid from accepted_requests where kind = ${kind} and path = ${path} order by id limit ${removedRows}))
        ), in_a_row as (delete from refused_in_a_row where kind = ${kind} and path = ${path}
        ) delete from refused_requests where ctid = any (array(
          select ctid from refused_requests where kind = ${kind} and path = ${path} order by minute, code limit ${removedRows}))`;
  });
}

/** Some connections that were deleted but still have rows; goes from name to name by index. */
function gone(sql: Sql) {
  const tables = ["hourly_counts", "accepted_requests", "refused_requests"];
  const [first, ...others] = tables.map(
    (table) => sql`(
      with recursive names (kind, path) as (
        (select kind, path from ${sql(table)} order by kind, path limit 1)
        union all
        select next.kind, next.path from names cross join lateral (
          select kind, path from ${sql(table)} as one where (one.kind, one.path) > (names.kind, names.path)
          order by kind, path limit 1) as next
      )
      select kind, path from names where kind <> 'steam' and path <> '' and not exists (
        select from connections as one where one.kind = names.kind and one.path = names.path) limit 20)`,
  );
  const all = others.reduce((all, part) => sql`${all} union ${part}`, first ?? sql``);
  return sql<{ kind: string; path: string }[]>`${all}`;
}

/** At a stop: the other services then need not wait until this one counts as ended. */
export function signOff(database: Pick<Database, "run">, replica: string) {
  return database.run((sql) => sql`delete from replicas where id = ${replica}`);
}
