import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import { kindOf } from "../quiet-log.ts";
import { connectMs, type Sql } from "./client.ts";
import { createSeats, type Seat } from "./seats.ts";
import type { Server } from "./server.ts";
import { TimedOut, type Trouble, troubleOf } from "./trouble.ts";

/** A separate set of connections: whatever one way blocks, uses up or loses does not affect another. */
export type Way = {
  /**
   * Retries where that may help, so a statement must be safe to run twice. Throws the Refusal "database-away" before 2 s are
   * over, counted from `sinceMs`: when the caller that waits longest began to wait (performance.now; default: now). An error
   * that is the statement's own fault is thrown as it is.
   */
  run: <T>(statement: (sql: Sql) => Promise<T>, sinceMs?: number) => Promise<T>;
  /**
   * A new connection for work that may take its time: no limit, no retries. Throws what `work` throws, and the Refusal
   * "overloaded" when `signal` aborts before there is a connection for it.
   */
  alone: <T>(work: (sql: Sql) => Promise<T>, signal?: AbortSignal) => Promise<T>;
};

/** How a way stands, and what has happened since the start, by `run`. */
export type WayStatus = {
  isUp: boolean;
  /** How many connections it opens at most. */
  connections: number;
  /** Statements under way, whether they wait for a connection or have one. */
  active: number;
  statements: number;
  busySeconds: number;
  /** Failed tries by cause: no answer in time, the network (or a restart, a deadlock), refused by the server, the statement's own fault. */
  failures: Record<Trouble["kind"], number>;
  /** How often all connections were given up for new ones. */
  renewals: number;
};

export type WayOptions = {
  server: Server;
  connections: number;
  /** How many of them may be `alone` at the same time. */
  longAtOnce: number;
  /**
   * Its statements read from a few rows to a whole table, by their values: a plan for any values, which Postgres would keep,
   * takes a year's top list four times as long. Planning takes a part of a millisecond.
   */
  plansAnew?: boolean;
  /** Who uses this way, for the log. */
  users: string;
  log: Log;
};

/** The rest of the 2 s is for sending the answer. */
const limitMs = 1_600;
/** The server's limit for a statement is a little above ours: a statement that we gave up ends there too. */
const statementMs = 1_800;
/** After this long without an answer, the statement's connection counts as dead. */
const hungMs = 2_400;
/** Only writes notice a full disk: for this long after one failed, the database does not count as working. */
const refusedMs = 2_000;
const pauseMs = 50;
const pauseMostMs = 400;

export function createWay({ server, connections, longAtOnce, plansAnew = false, users, log }: WayOptions) {
  const seats = createSeats(connections, longAtOnce);
  let closing = false;
  let awayReason = "";
  let refusedAtMs = Number.NEGATIVE_INFINITY;

  const failures: WayStatus["failures"] = { timeout: 0, connection: 0, refused: 0, statement: 0 };
  let active = 0;
  let statements = 0;
  let busyMs = 0;
  let renewals = 0;

  async function run<T>(statement: (sql: Sql) => Promise<T>, sinceMs = performance.now()): Promise<T> {
    const startMs = performance.now();
    active += 1;
    try {
      return await runUntil(statement, sinceMs + limitMs);
    } finally {
      active -= 1;
      statements += 1;
      busyMs += performance.now() - startMs;
    }
  }

  async function runUntil<T>(statement: (sql: Sql) => Promise<T>, untilMs: number): Promise<T> {
    if (performance.now() >= untilMs) throw new Refusal("database-away");
    for (let pause = pauseMs; ; pause = Math.min(2 * pause, pauseMostMs)) {
      try {
        const result = await inTime(carryOut(statement, untilMs), untilMs - performance.now());
        if (awayReason && !refusedLately()) {
          log.info("the database works again", { for: users });
          awayReason = "";
        }
        return result;
      } catch (error) {
        const { kind, reason, mayPass } = troubleOf(error);
        failures[kind] += 1;
        if (kind === "statement") throw error;
        if (kind === "refused") refusedAtMs = performance.now();
        // No log line for a statement that was given up so that others get connections.
        if (kindOf(reason) !== kindOf(awayReason) && reason !== "CONNECTION_DESTROYED") {
          log.warn("the database fails", { reason, for: users });
          awayReason = reason;
        }
        if (!mayPass || performance.now() + pause >= untilMs) throw new Refusal("database-away");
        await sleep(pause);
      }
    }
  }

  /** Keeps the seat until the statement has really ended, so that no other statement queues behind one that was given up. */
  async function carryOut<T>(statement: (sql: Sql) => Promise<T>, untilMs: number): Promise<T> {
    const seat = await seats.take();
    let hung: NodeJS.Timeout | undefined;
    try {
      if (closing) throw Object.assign(new Error("These connections were closed"), { code: "CONNECTION_ENDED" });
      // The caller has had its error already.
      if (!seat || performance.now() >= untilMs) throw new TimedOut(limitMs);
      const isNew = !seat.client;
      const client = seat.client ?? (await openIn(seat));
      if (server.mayHang) hung = setTimeout(() => renew(client), isNew ? connectMs + hungMs : hungMs);
      try {
        return await statement(client);
      } catch (error) {
        const { lost } = troubleOf(error);
        if (lost === "its own" || server.refusedLimit(error)) loseOne(client);
        else if (lost === "all") renew(client);
        throw error;
      }
    } finally {
      clearTimeout(hung);
      if (seat) seats.give(seat);
    }
  }

  async function openIn(seat: Seat): Promise<Sql> {
    const client: Sql = await server.client({ statementMs, plansAnew, onclose: () => loseOne(client) });
    seat.client = client;
    return client;
  }

  function loseOne(client: Sql): void {
    const seat = seats.all.find((one) => one.client === client);
    // Else the connection was given up already.
    if (closing || !seat) return;
    seat.client = undefined;
    server.lost();
    destroy(client);
  }

  /** All connections are given up for new ones: they may hang, or lead to a server that has become a read-only one. */
  function renew(client: Sql): void {
    // Else another statement did this already.
    if (closing || !seats.all.some((seat) => seat.client === client)) return;
    renewals += 1;
    for (const seat of seats.all) if (seat.client) loseOne(seat.client);
  }

  const refusedLately = () => performance.now() - refusedAtMs < refusedMs;

  return {
    run,
    alone: async <T>(work: (sql: Sql) => Promise<T>, signal?: AbortSignal): Promise<T> => {
      const seat = await seats.take(true, signal);
      if (!seat) throw new Refusal("overloaded");
      let client: Sql | undefined;
      try {
        // Else there would be one connection too many.
        if (seat.client) destroy(seat.client);
        seat.client = undefined;
        client = await server.client({ statementMs: 0 });
        return await work(client);
      } catch (error) {
        if (troubleOf(error).kind === "connection") server.lost();
        throw error;
      } finally {
        await client?.end({ timeout: 0 });
        seats.give(seat, true);
      }
    },
    /** How long ago the server refused a statement, because of a full disk or the like; Infinity: never. */
    refusedSinceMs: () => performance.now() - refusedAtMs,
    status: (): WayStatus => ({
      isUp: awayReason === "",
      connections,
      active,
      statements,
      busySeconds: busyMs / 1_000,
      failures: { ...failures },
      renewals,
    }),
    close: async (): Promise<void> => {
      closing = true;
      await Promise.all(seats.all.map((seat) => seat.client?.end({ timeout: 2 })));
    },
  };
}

/**
 * A client that was given up never connects again. The driver (postgres.js 3.4.9) would then report a statement as done that
 * began between the socket's error and its close, though it never ran.
 */
function destroy(client: Sql): void {
  Object.assign(client.options, { socket: refuseSocket });
  client.end({ timeout: 0 }).catch(() => {});
}

function refuseSocket(): never {
  throw Object.assign(new Error("These connections were given up"), { code: "CONNECTION_DESTROYED" });
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimedOut(limitMs)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
