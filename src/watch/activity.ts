import { setTimeout as sleep } from "node:timers/promises";
import type { Kind } from "../connections/connections.ts";
import type { Database } from "../database/connect.ts";
import type { Call } from "../http/call.ts";
import { requestIdOf } from "../http/call.ts";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import type { SteamId } from "../parse.ts";
import type { CallEnd } from "../steam-gate.ts";
import type { OnEnd } from "./observed.ts";

/** So many requests of a connection are kept, of those that were taken and of those that were refused. */
export const keptRequests = 100;
const keptDays = 8;
const flushMs = 2_000;
const tidyMs = 60_000;
/** A database that is away must not hold up a stop. */
const stopMs = 1_000;

/**
 * Remembers in the database how requests ended, for the panel and the CLI: counts by the hour, and the newest of each
 * connection. A request only leaves a note in memory; the notes are written together a few seconds later, at most 100 of a
 * connection, so that the work does not grow with the requests. `steamEnded`: the calls to Steam since the start.
 */
export function createActivity({ database, steamEnded, log, now = () => new Date() }: ActivityDeps): Activity {
  let notes = new Map<string, Notes>();
  let steamSaid = { ...steamEnded() };
  let timer: NodeJS.Timeout | undefined;
  let flushing = Promise.resolve();
  let tidiedAtMs = Number.NEGATIVE_INFINITY;

  const record: OnEnd = (kind, call, end, durationMs) => {
    const path = pathIn(kind, call, end);
    const key = `${kind}/${path}`;
    let own = notes.get(key);
    if (!own) {
      own = { kind, path, accepted: 0, ignored: 0, newest: [], refused: new Map() };
      notes.set(key, own);
    }
    if (end instanceof Refusal) note(own.refused, end, request(call, durationMs), call);
    else {
      own[end] += 1;
      own.newest.push({ ...request(call, durationMs), isIgnored: end === "ignored" });
      if (own.newest.length >= 2 * keptRequests) own.newest.splice(0, keptRequests);
    }
    timer ??= setTimeout(flush, flushMs).unref();
  };

  /** One after the other: two at once would both count the same calls to Steam. */
  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    flushing = flushing.then(writeNotes);
    return flushing;
  }

  function request(call: Call, durationMs: number): Noted {
    const { steamId, players } = call.facts;
    return {
      atMs: now().getTime(),
      steamId,
      players: players === undefined ? (steamId === undefined ? 0 : 1) : Number(players),
      durationMs,
      requestId: requestIdOf(call),
    };
  }

  /** What could not be written is dropped: the database is away, and its return must not find a heap of notes. */
  async function writeNotes(): Promise<void> {
    const taken = [...notes.values()];
    const ended = { ...steamEnded() };
    notes = new Map();
    try {
      await write(database, taken, differences(ended, steamSaid));
      steamSaid = ended;
      if (performance.now() - tidiedAtMs < tidyMs) return;
      tidiedAtMs = performance.now();
      await tidy(database);
    } catch (error) {
      log.debug("the requests of the last seconds could not be noted", { error });
    }
  }

  return {
    record,
    flush,
    stop: () => Promise.race([flush(), sleep(stopMs, undefined, { ref: false })]),
  };
}

export type Activity = {
  record: OnEnd;
  /** Writes what is noted so far. */
  flush: () => Promise<void>;
  stop: () => Promise<void>;
};

export type ActivityDeps = {
  database: Pick<Database, "run">;
  steamEnded: () => Readonly<Record<CallEnd, number>>;
  log: Log;
  now?: () => Date;
};

type Noted = {
  atMs: number;
  steamId: string | undefined;
  players: number;
  durationMs: number;
  /** A stranger's text, but short and printable. */
  requestId: string | undefined;
};

type Notes = {
  kind: Kind;
  path: string;
  accepted: number;
  ignored: number;
  newest: (Noted & { isIgnored: boolean })[];
  refused: Map<string, Noted & { code: string; reason: string; count: number }>;
};

/** Empty for requests to no connection. */
function pathIn(kind: Kind, { facts }: Call, end: Parameters<OnEnd>[2]): string {
  if (end instanceof Refusal && end.code === "unknown-path") return "";
  return (facts["connection"] ?? "").slice(kind.length + 1);
}

/** Equal ones of the same minute are one note, which tells the newest. */
function note(refused: Notes["refused"], { code, message }: Refusal, request: Noted, { facts }: Call): void {
  const key = `${code} ${Math.floor(request.atMs / 60_000)}`;
  const count = (refused.get(key)?.count ?? 0) + 1;
  // Of an address that does not exist the operator wants to know which it is; a stranger's text, cut short.
  const reason = code === "unknown-path" ? storable(facts["path"] ?? "") : message;
  refused.set(key, { ...request, code, reason, count });
}

/** Postgres takes neither NUL nor halves of a character. */
const storable = (text: string) => text.replace(/[\p{Cc}\p{Surrogate}]/gu, "\ufffd");

function differences(now: Record<string, number>, before: Record<string, number>): [name: string, count: number][] {
  return Object.entries(now)
    .map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)])
    .filter(([, count]) => count > 0);
}

async function write(database: Pick<Database, "run">, notes: Notes[], steam: [string, number][]): Promise<void> {
  const counts = notes.flatMap(({ kind, path, accepted, ignored, refused }) => {
    const refusals = [...refused.values()].reduce((sum, { count }) => sum + count, 0);
    return Object.entries({ accepted, ignored, refused: refusals })
      .filter(([, count]) => count > 0)
      .map(([outcome, count]) => ({ kind: kind as string, path, outcome, count }));
  });
  for (const [outcome, count] of steam) counts.push({ kind: "steam", path: "", outcome, count });
  const accepted = notes.flatMap(({ kind, path, newest }) =>
    newest.slice(-keptRequests).map((one) => ({ ...row(one), kind, path, is_ignored: one.isIgnored })),
  );
  const refused = notes.flatMap(({ kind, path, refused }) =>
    [...refused.values()].map((one) => ({
      ...row(one),
      kind,
      path,
      code: one.code,
      count: one.count,
      reason: one.reason,
    })),
  );
  if (counts.length === 0) return;
  // As JSON: paths and reasons may hold any character.
  await database.run(
    (sql) => sql`
      with counted as (
        insert into hourly_counts (hour, kind, path, outcome, count)
        select date_trunc('hour', now(), 'UTC'), kind, path, outcome, count
        from json_to_recordset(${JSON.stringify(counts)}::text::json) as one (kind text, path text, outcome text, count bigint)
        on conflict (hour, kind, path, outcome) do update set count = hourly_counts.count + excluded.count
      ), accepted as (
        insert into accepted_requests (kind, path, at, is_ignored, steam_id, players, duration_ms, request_id)
        select kind, path, at, is_ignored, steam_id, players, duration_ms, request_id
        from json_to_recordset(${JSON.stringify(accepted)}::text::json) as one
          (kind text, path text, at timestamptz, is_ignored boolean, steam_id bigint, players integer, duration_ms real, request_id text)
      )
      insert into refused_requests (kind, path, minute, code, count, at, reason, steam_id, duration_ms, request_id)
      select kind, path, date_trunc('minute', at), code, count, at, reason, steam_id, duration_ms, request_id
      from json_to_recordset(${JSON.stringify(refused)}::text::json) as one
        (kind text, path text, code text, count bigint, at timestamptz, reason text, steam_id bigint, duration_ms real, request_id text)
      on conflict (kind, path, minute, code) do update set count = refused_requests.count + excluded.count, at = excluded.at,
        reason = excluded.reason, steam_id = excluded.steam_id, duration_ms = excluded.duration_ms, request_id = excluded.request_id`,
  );
}

function row({ atMs, steamId, players, durationMs, requestId }: Noted) {
  return {
    at: new Date(atMs).toISOString(),
    steam_id: steamId ?? null,
    players,
    duration_ms: durationMs,
    request_id: requestId ?? null,
  };
}

/** Only the newest stay, and nothing of a connection that is gone or a secret whose time is over. */
async function tidy(database: Pick<Database, "run">): Promise<void> {
  await database.run(
    (sql) => sql`
      with counts as (
        delete from hourly_counts where hour < now() - ${keptDays} * interval '1 day'
          or (path <> '' and not exists (select from connections as one where (one.kind, one.path) = (hourly_counts.kind, hourly_counts.path)))
      ), accepted as (
        delete from accepted_requests where id in (
          select id from (
            select id, row_number() over (partition by kind, path order by id desc) as place from accepted_requests
          ) as placed where place > ${keptRequests})
          or (path <> '' and not exists (select from connections as one where (one.kind, one.path) = (accepted_requests.kind, accepted_requests.path)))
      ), refused as (
        delete from refused_requests where (kind, path, minute, code) in (
          select kind, path, minute, code from (
            select kind, path, minute, code, row_number() over (partition by kind, path order by minute desc, code) as place
            from refused_requests
          ) as placed where place > ${keptRequests})
          or (path <> '' and not exists (select from connections as one where (one.kind, one.path) = (refused_requests.kind, refused_requests.path)))
      )
      update connections set old_secret = null, old_secret_until = null where old_secret_until < now()`,
  );
}

/** One request of a connection's log. Times are ISO 8601 text. */
export type AcceptedRequest = {
  at: string;
  isIgnored: boolean;
  steamId: SteamId | null;
  players: number;
  durationMs: number;
  requestId: string | null;
};

/** Equal ones of one minute; all but `count` tells of the newest. */
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
  refused: number;
  /** Refusals of the last 24 hours for a wrong signature, since the last request that was taken. */
  badSignatures: number;
};

export type HourlyCount = {
  /** Its beginning, in UTC. */
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
          select at, is_ignored as "isIgnored", steam_id::text as "steamId", players, duration_ms as "durationMs",
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
    /** Of every connection of which something is known. */
    summaries: () =>
      database.run(
        (sql) => sql<Summary[]>`
          with counts as (
            select kind, path, outcome, sum(count)::float8 as count from hourly_counts
            where kind <> 'steam' and hour > now() - interval '24 hours' group by kind, path, outcome
          ), taken as (
            select kind, path, max(at) as at from accepted_requests group by kind, path
          ), refused as (
            select distinct on (kind, path) kind, path, at, code, reason from refused_requests
            order by kind, path, at desc
          ), known as (
            select kind, path from counts union select kind, path from taken union select kind, path from refused
          )
          select kind, path, taken.at as "acceptedAt", refused.at as "refusedAt", refused.code as "refusedCode",
            refused.reason as "refusedReason",
            coalesce((select count from counts where (kind, path, outcome) = (known.kind, known.path, 'accepted')), 0) as accepted,
            coalesce((select count from counts where (kind, path, outcome) = (known.kind, known.path, 'ignored')), 0) as ignored,
            coalesce((select count from counts where (kind, path, outcome) = (known.kind, known.path, 'refused')), 0) as refused,
            coalesce((select sum(count)::float8 from refused_requests as r where (r.kind, r.path, r.code) = (known.kind, known.path, 'bad-signature')
              and r.at > greatest(taken.at, now() - interval '24 hours')), 0) as "badSignatures"
          from known left join taken using (kind, path) left join refused using (kind, path)`,
      ),
    /** All of the last 24 hours, this one in. */
    hourly: () =>
      database.run(
        (sql) => sql<HourlyCount[]>`
          select hour, kind, outcome, sum(count)::float8 as count from hourly_counts
          where hour > now() - interval '24 hours' group by hour, kind, outcome order by hour`,
      ),
    steamCallsToday: () =>
      database.run(async (sql) => {
        const [found] = await sql<{ calls: number }[]>`
          select coalesce(sum(count), 0)::float8 as calls from hourly_counts
          where kind = 'steam' and hour >= date_trunc('day', now(), 'UTC')`;
        return found?.calls ?? 0;
      }),
  };
}

export type Ended = { accepted: number; ignored: number; refused: number };

/** The last 24 hours of one kind, the oldest first and this one last. */
export function hoursOf(kind: Kind, counts: readonly HourlyCount[], now: Date): Ended[] {
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
