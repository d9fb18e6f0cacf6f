import { setTimeout as sleep } from "node:timers/promises";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import { kindOf } from "../quiet-log.ts";
import { connectMs, type Sql } from "./client.ts";
import { createSeats, type Seat } from "./seats.ts";
import type { Server } from "./server.ts";
import { TimedOut, type Trouble, troubleOf } from "./trouble.ts";

/** Some connections of their own: what one way does, fills, blocks or loses is nothing to another. */
export type Way = {
  /**
   * Retries what is worth it (so statements must bear being run twice) and throws the Refusal "database-away" before 2 s
   * are over, counted from `sinceMs` (performance.now; default: now), when whoever has waited longest began to wait. An
   * error that is the statement's own fault is thrown as it is.
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
  /** The most that it opens. */
  connections: number;
  /** Statements under way, whether they wait for a connection or have one. */
  active: number;
  statements: number;
  busySeconds: number;
  /** Tries that failed: no answer in time, the way there (or a restart, a deadlock), refused by the server, a statement's own fault. */
  failures: Record<Trouble["kind"], number>;
  /** How often all connections were given up for new ones. */
  renewals: number;
};

export type WayOptions = {
  server: Server;
  connections: number;
  /** How many of them may be `alone` at the same time. */
  longAtOnce: number;
  /** Who uses this way, for the log. */
  users: string;
  log: Log;
};

/** What is left of 2 s is for the answer to be sent. */
const limitMs = 1_600;
/** The server's limit for a statement is a little above ours: what was given up ends there too. */
const statementMs = 1_800;
/** A statement of which nothing is heard for so long is on a connection that leads nowhere. */
const hungMs = 2_400;
/** A full disk is seen only by who writes: for so long after that, the database does not count as working. */
const refusedMs = 2_000;
const pauseMs = 50;
const pauseMostMs = 400;

export function createWay({ server, connections, longAtOnce, users, log }: WayOptions) {
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
        // What was given up so that others get connections is not worth a word.
        if (kindOf(reason) !== kindOf(awayReason) && reason !== "CONNECTION_DESTROYED") {
          log.warn("the database fails", { reason, for: users });
          awayReason = reason;
        }
        if (!mayPass || performance.now() + pause >= untilMs) throw new Refusal("database-away");
        await sleep(pause);
      }
    }
  }

  /** Keeps the seat until the statement has truly ended: nobody stands in line behind what was given up. */
  async function carryOut<T>(statement: (sql: Sql) => Promise<T>, untilMs: number): Promise<T> {
    const seat = await seats.take();
    let hung: NodeJS.Timeout | undefined;
    try {
      if (closing) throw Object.assign(new Error("These connections were closed"), { code: "CONNECTION_ENDED" });
      // Whoever waited has been told already.
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
    const client: Sql = await server.client({ statementMs, onclose: () => loseOne(client) });
    seat.client = client;
    return client;
  }

  function loseOne(client: Sql): void {
    const seat = seats.all.find((one) => one.client === client);
    // Else it was given up already.
    if (closing || !seat) return;
    seat.client = undefined;
    server.lost();
    destroy(client);
  }

  /** All connections are given up for new ones: they may hang, or lead to a server that has become a read-only one. */
  function renew(client: Sql): void {
    // Else somebody was quicker.
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
        // Else there would be one more than there may be.
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
    /** How long ago the server refused a statement, for a full disk or the like; endless: never. */
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
 * The driver (postgres.js 3.4.9) reports a statement that began between the error of a socket and its close as done, as soon
 * as that connection is made again: so it never is.
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
