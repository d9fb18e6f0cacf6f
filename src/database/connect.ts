import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { errorCode } from "../error-code.ts";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";

export type Sql = postgres.Sql;

/**
 * A database that may go away and come back. `run` retries what is worth it (so statements must bear being run twice) and
 * throws the Refusal "database-away" before 2 s are over, counted from `sinceMs` (performance.now; default: now), when
 * whoever has waited longest began to wait; an error that is the statement's own fault is thrown as it is.
 */
export type Database = {
  run: <T>(statement: (sql: Sql) => Promise<T>, sinceMs?: number) => Promise<T>;
  /** Without limit and retries, for the CLI and the schema. */
  readonly sql: Sql;
  /**
   * One connection of its own, for a transaction that must bear to lose it: `sql.begin` would crash the process then. Who
   * takes it ends it.
   */
  single: () => Sql;
  /** Whether it answers and can be written; asked at most once a second. */
  answers: () => Promise<boolean>;
  status: () => DatabaseStatus;
  close: () => Promise<void>;
};

/** How it stands, and what has happened since the start, by `run`. */
export type DatabaseStatus = {
  isUp: boolean;
  /** The most of the pool. */
  connections: number;
  /** Statements under way, whether they wait for a connection or have one. */
  active: number;
  statements: number;
  busySeconds: number;
  /** Tries that failed: no answer in time, the way there (or a restart, a deadlock), refused by the server, a statement's own fault. */
  failures: Record<"timeout" | "connection" | "refused" | "statement", number>;
  /** How often all connections were given up for new ones. */
  renewals: number;
};

/** What is left of 2 s is for the answer to be sent. */
const limitMs = 1_600;
/** A full disk is seen only by who writes: for so long after that, the database does not count as working. */
const refusedMs = 2_000;
const pauseMs = 50;
const connections = 5;
const connectSeconds = 3;

export type Address = { url: string } | ServerAddress;
export type ServerAddress = {
  /** A name, an address, a unix socket's folder, or several names with commas. */
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  sslmode: string;
};

export function connect(address: Address, log: Log): Database {
  /** Connections that take their time, on a machine that is busy, must not be given up before they are made. */
  let madeAtMs = 0;
  let client = newClient();
  let closing = false;
  let awayReason = "";
  let refusedAtMs = Number.NEGATIVE_INFINITY;
  let lastAnswer: { at: number; answers: Promise<boolean> } | undefined;

  const failures: DatabaseStatus["failures"] = { timeout: 0, connection: 0, refused: 0, statement: 0 };
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
    for (;;) {
      const used = client;
      try {
        const result = await inTime(statement(used), untilMs - performance.now());
        if (awayReason && !refusedLately()) {
          log.info("the database works again");
          awayReason = "";
        }
        return result;
      } catch (error) {
        const reason = awayBecause(error);
        failures[failureOf(error, reason)] += 1;
        if (!reason) throw error;
        if (used === client && reason !== awayReason) log.warn("the database fails", { reason });
        if (used === client) awayReason = reason;
        if (!(error instanceof TimedOut) || performance.now() - madeAtMs > connectSeconds * 1_000) replace(used);
        if (error instanceof postgres.PostgresError && !isConnectionTrouble(error)) refusedAtMs = performance.now();
        if (!isConnectionTrouble(error) || performance.now() + pauseMs >= untilMs) throw new Refusal("database-away");
        await sleep(pauseMs);
      }
    }
  }

  const refusedLately = () => performance.now() - refusedAtMs < refusedMs;

  async function isWritable(): Promise<boolean> {
    try {
      const rows = await run((sql) => sql`select 1 where current_setting('transaction_read_only') = 'off'`);
      return rows.length === 1;
    } catch {
      return false;
    }
  }

  function newClient(): Sql {
    madeAtMs = performance.now();
    const made: Sql = createClient(address, connections, () => replace(made));
    return made;
  }

  /**
   * After any trouble the next statement gets new connections. The old ones may hang, or lead to a server that has become
   * a read-only one; and postgres.js (3.4.9) reports a statement that began between the error of a socket and its close
   * as done, as soon as that connection is made again: it never is.
   */
  function replace(old: Sql): void {
    if (closing || old !== client) return;
    client = newClient();
    renewals += 1;
    Object.assign(old.options, { socket: refuseSocket });
    old.end({ timeout: 0 }).catch(() => {});
  }

  return {
    run,
    get sql() {
      return client;
    },
    single: () => createClient(address, 1),
    answers: () => {
      if (!lastAnswer || performance.now() - lastAnswer.at >= 1_000) {
        lastAnswer = { at: performance.now(), answers: isWritable().then((is) => is && !refusedLately()) };
      }
      return lastAnswer.answers;
    },
    status: () => ({
      isUp: awayReason === "",
      connections,
      active,
      statements,
      busySeconds: busyMs / 1_000,
      failures: { ...failures },
      renewals,
    }),
    close: () => {
      closing = true;
      return client.end({ timeout: 2 });
    },
  };
}

/**
 * A postgres.js client whose every option is said here, so that PG… variables of the environment do not matter. Times come
 * back as ISO 8601 text in UTC with milliseconds.
 */
export function createClient(address: Address, max = connections, onclose = () => {}): Sql {
  const options = {
    max,
    connect_timeout: connectSeconds,
    idle_timeout: 0,
    // Array types are not needed: arrays go as text.
    fetch_types: false,
    // Its own grows to 20 s; ours must not delay the return by more than a blink.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 0.5),
    onnotice: () => {},
    onclose,
    connection: { application_name: "playtime-service", TimeZone: "UTC", DateStyle: "ISO" },
  };
  const client =
    "url" in address ? postgres(address.url, options) : postgres({ ...options, ...serverOptions(address) });
  client.options.parsers[timestamptz] = isoTime;
  return client;
}

function serverOptions({ host, port, database, user, password, sslmode }: ServerAddress) {
  return { host, port, database, user, password, ssl: tls(sslmode) };
}

/** The type's number in every Postgres. */
const timestamptz = 1184;

/**
 * `2026-01-02 03:04:05.678901+00`, as Postgres writes a time in UTC, becomes `2026-01-02T03:04:05.678Z`. Our answers hold
 * times as text; to make and print a Date of each took a third of the time of a query of 100 players.
 */
export function isoTime(text: string): string {
  // Nearly every time has three digits or more; fewer pieces are less to collect.
  if (text.length >= "2026-01-02 03:04:05.678+00".length) return `${text.slice(0, 10)}T${text.slice(11, 23)}Z`;
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(3, "0")}Z`;
}

function tls(sslmode: string): "require" | "prefer" | "verify-full" | false {
  return sslmode === "require" || sslmode === "prefer" || sslmode === "verify-full" ? sslmode : false;
}

function refuseSocket(): never {
  throw Object.assign(new Error("These connections were given up"), { code: "CONNECTION_DESTROYED" });
}

class TimedOut extends Error {}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimedOut(`no answer within ${limitMs} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Why the database could not do it, in a few words without secrets; empty when the statement itself is at fault. */
function awayBecause(error: unknown): string {
  const code = errorCode(error);
  // 22: a value that does not fit; 23: a constraint. https://www.postgresql.org/docs/current/errcodes-appendix.html
  if (error instanceof postgres.PostgresError && /^2[23]/.test(code)) return "";
  if (error instanceof postgres.PostgresError || error instanceof TimedOut) return error.message;
  return code === "" ? "" : code;
}

function failureOf(error: unknown, reason: string): keyof DatabaseStatus["failures"] {
  if (reason === "") return "statement";
  if (error instanceof TimedOut) return "timeout";
  return isConnectionTrouble(error) ? "connection" : "refused";
}

/** The connection's fault, a server that is stopping or starting, a deadlock: worth another try at once. */
function isConnectionTrouble(error: unknown): boolean {
  const code = errorCode(error);
  return !(error instanceof postgres.PostgresError) ? code !== "" : /^(08|40|57P|53300|26000)/.test(code);
}
