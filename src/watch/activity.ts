import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Kind } from "../connections/connections.ts";
import type { Database } from "../database/connect.ts";
import type { Call } from "../http/call.ts";
import { requestIdOf } from "../http/call.ts";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import type { CallEnd } from "../steam-gate.ts";
import { isAstray, type OnEnd } from "./observed.ts";
import { type Count, keptRequests, type NotesToWrite, signOff, type Together, tidy, writeNotes } from "./write.ts";

const flushMs = 2_000;
/** How often a service reports that it is running when nothing happens. */
const seenMs = 10_000;
const tidyMs = 60_000;
/** A database that is away must not delay a stop. */
const stopMs = 1_000;

/**
 * Remembers in the database how requests ended, for the panel and the CLI: counts by the hour, and the newest of each
 * connection. A request only leaves a note in memory. A few seconds later the notes are written together, at most 100 per
 * connection, so that more requests are not more work for the database. The calls to Steam are written with them: all services
 * on one database count them together. Each minute one of these services removes what is too old.
 */
export function createActivity({ database, steam, log, now = () => new Date() }: ActivityDeps): Activity {
  const replica = randomUUID();
  let notes = new Map<string, Notes>();
  let number = 0;
  let steamTaken = { ...steam.ended() };
  /** Calls to Steam whose write got no answer, so it may have counted them or not. They are written again under the same number. */
  let unsure: NotesToWrite | undefined;
  let flushing = Promise.resolve();
  let seenAtMs = Number.NEGATIVE_INFINITY;
  let tidiedAtMs = Number.NEGATIVE_INFINITY;
  const timer = setInterval(() => {
    const isDue = performance.now() - seenAtMs >= seenMs;
    if (isDue || notes.size > 0 || differences(steam.ended(), steamTaken).length > 0) void flush();
  }, flushMs).unref();

  const record: OnEnd = (kind, call, end, durationMs) => {
    const path = pathIn(kind, call, end);
    const key = `${kind}/${path}`;
    let own = notes.get(key);
    if (!own) {
      own = { kind, path, accepted: 0, ignored: 0, paused: 0, newest: [], refused: new Map(), refusedInARow: 0 };
      notes.set(key, own);
    }
    own.refusedInARow = end instanceof Refusal ? own.refusedInARow + 1 : 0;
    if (end instanceof Refusal) note(own.refused, end, request(call, durationMs), call);
    else {
      own[end] += 1;
      own.newest.push({ ...request(call, durationMs), isIgnored: end !== "accepted", isPaused: end === "paused" });
      if (own.newest.length >= 2 * keptRequests) own.newest.splice(0, keptRequests);
    }
  };

  /** One after another, since each write has the next number. */
  function flush(): Promise<void> {
    flushing = flushing.then(write);
    return flushing;
  }

  function request(call: Call, durationMs: number): Noted {
    const { steamId, players } = call.facts;
    return {
      atMs: now().getTime(),
      steamId,
      players: players ?? (steamId === undefined ? 0 : 1),
      durationMs,
      requestId: requestIdOf(call),
    };
  }

  /** Notes that could not be written are dropped: the database is away, and they must not pile up until it returns. */
  async function write(): Promise<void> {
    const taken = [...notes.values()];
    notes = new Map();
    try {
      if (unsure) await writeNotes(database, unsure);
      const ended = { ...steam.ended() };
      number += 1;
      unsure = { replica, number, counts: steamCounts(ended, steamTaken), accepted: [], refused: [], inARow: [] };
      steamTaken = ended;
      const { counts, ...requests } = rowsOf(taken);
      const together = await writeNotes(database, { ...unsure, counts: [...unsure.counts, ...counts], ...requests });
      unsure = undefined;
      seenAtMs = performance.now();
      steam.share(together, ended);
      const isFirst = tidiedAtMs === Number.NEGATIVE_INFINITY;
      if (performance.now() - tidiedAtMs < tidyMs) return;
      tidiedAtMs = performance.now();
      await tidy(database, replica, isFirst);
    } catch (error) {
      log.debug("the requests of the last seconds could not be stored", { error });
    }
  }

  async function end(): Promise<void> {
    await flush();
    await signOff(database, replica).catch(() => {});
  }

  return {
    record,
    flush,
    stop: () => {
      clearInterval(timer);
      return Promise.race([end(), sleep(stopMs, undefined, { ref: false })]);
    },
  };
}

export type Activity = {
  record: OnEnd;
  /** Writes the notes made so far. */
  flush: () => Promise<void>;
  stop: () => Promise<void>;
};

export type ActivityDeps = {
  database: Pick<Database, "run">;
  steam: {
    /** Calls to Steam since the start, by how they ended. */
    ended: () => Readonly<Record<CallEnd, number>>;
    /** What all services know together, once the calls in `ended` are written. */
    share: (together: Together, ended: Readonly<Record<CallEnd, number>>) => void;
  };
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
  paused: number;
  newest: (Noted & { isIgnored: boolean; isPaused: boolean })[];
  refused: Map<string, Noted & { code: string; reason: string; count: number }>;
  refusedInARow: number;
};

/** Empty for requests that reached no connection. */
function pathIn(kind: Kind, { facts }: Call, end: Parameters<OnEnd>[2]): string {
  if (end instanceof Refusal && isAstray(end.code)) return "";
  return (facts.connection ?? "").slice(kind.length + 1);
}

/** Equal requests of one minute share a note, which keeps the newest. */
function note(refused: Notes["refused"], { code, message }: Refusal, request: Noted, { facts }: Call): void {
  const key = `${code} ${Math.floor(request.atMs / 60_000)}`;
  const count = (refused.get(key)?.count ?? 0) + 1;
  // The operator wants to see what was asked for; a stranger's text, cut short.
  const reason = isAstray(code) ? storable(facts.path ?? "") : message;
  refused.set(key, { ...request, code, reason, count });
}

/** Postgres takes neither NUL nor halves of a character. */
const storable = (text: string) => text.replace(/[\p{Cc}\p{Surrogate}]/gu, "\ufffd");

function steamCounts(now: Record<string, number>, before: Record<string, number>): Count[] {
  return differences(now, before).map(([outcome, count]) => ({ kind: "steam", path: "", outcome, count }));
}

function differences(now: Record<string, number>, before: Record<string, number>): [name: string, count: number][] {
  return Object.entries(now)
    .map(([name, count]): [string, number] => [name, count - (before[name] ?? 0)])
    .filter(([, count]) => count > 0);
}

function rowsOf(notes: Notes[]): Pick<NotesToWrite, "counts" | "accepted" | "refused" | "inARow"> {
  return {
    counts: notes.flatMap(({ kind, path, accepted, ignored, paused, refused }) => {
      const refusals = [...refused.values()].reduce((sum, { count }) => sum + count, 0);
      return Object.entries({ accepted, ignored, paused, refused: refusals })
        .filter(([, count]) => count > 0)
        .map(([outcome, count]) => ({ kind, path, outcome, count }));
    }),
    inARow: notes
      .filter(({ path }) => path !== "")
      .map(({ kind, path, accepted, ignored, paused, refusedInARow }) => ({
        kind,
        path,
        count: refusedInARow,
        has_taken: accepted + ignored + paused > 0,
      })),
    accepted: notes.flatMap(({ kind, path, newest }) =>
      newest
        .slice(-keptRequests)
        .map((one) => ({ kind, path, ...row(one), is_ignored: one.isIgnored, is_paused: one.isPaused })),
    ),
    refused: notes.flatMap(({ kind, path, refused }) =>
      [...refused.values()].map(({ code, count, reason, ...one }) => ({
        kind,
        path,
        ...row(one),
        code,
        count,
        reason,
      })),
    ),
  };
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
