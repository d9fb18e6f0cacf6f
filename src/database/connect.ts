import type { Log } from "../log.ts";
import type { Address } from "./address.ts";
import { createServer, type Server } from "./server.ts";
import { createWay, type Way, type WayStatus } from "./way.ts";

export type { Address } from "./address.ts";
export { createClient, isoTime, type Sql } from "./client.ts";

/**
 * A database that may go away and come back. It is reached by two separate ways: deliveries and queries use `run`; everything
 * else uses `aside` (panel, activity, statistics, backups, commands). Work that runs `alone` always uses `aside`.
 */
export type Database = Way & {
  aside: Way;
  /** Whether it answers and can be written; asked at most once a second. */
  answers: () => Promise<boolean>;
  /** Of both ways together; whether the database is up is judged by deliveries alone. */
  status: () => WayStatus;
  close: () => Promise<void>;
};

/**
 * Together with a command that runs beside the service (it takes as many as `aside`), no more than the embedded database has.
 * Writes and reads go in batches, so more connections would gain nothing.
 */
const connections = { deliveries: 5, aside: 2 };

/** For this long after a refusal only a write shows whether there is room: a small service may get one delivery a minute. */
const doubtMs = 60_000;
/** About 200 KB: more than the free space that a table's files may still have. */
const probeRows = 3_000;

export type ConnectOptions = {
  server?: Server;
  /** How many of `aside`'s connections may be `alone`; the others stay free for short work. */
  longAtOnce?: number;
};

/** Opens nothing yet. Throws Malformed for an address that makes no sense. */
export function connect(address: Address, log: Log, options: ConnectOptions = {}): Database {
  const { server = createServer(address, log), longAtOnce = 1 } = options;
  const deliveries = createWay({
    server,
    connections: connections.deliveries,
    longAtOnce: 0,
    users: "deliveries and queries",
    log,
  });
  const aside = createWay({
    server,
    connections: connections.aside,
    longAtOnce,
    plansAnew: true,
    users: "panel and backups",
    log,
  });
  let lastAnswer: { at: number; answers: Promise<boolean> } | undefined;

  async function isWritable(): Promise<boolean> {
    try {
      const rows = await deliveries.run((sql) => sql`select 1 where current_setting('transaction_read_only') = 'off'`);
      return rows.length === 1;
    } catch {
      return false;
    }
  }

  /** A full disk counts as full until a write succeeds: here into a table that is gone when its statement ends. */
  async function hasRoom(): Promise<boolean> {
    if (deliveries.refusedSinceMs() > doubtMs) return true;
    try {
      await deliveries.run(
        (sql) => sql`
          create temporary table room on commit drop as
          select md5(n::text) as text from generate_series(1, ${probeRows}::int) as n`,
      );
      return true;
    } catch {
      return false;
    }
  }

  return {
    run: deliveries.run,
    alone: aside.alone,
    aside: { run: aside.run, alone: aside.alone },
    answers: () => {
      if (!lastAnswer || performance.now() - lastAnswer.at >= 1_000) {
        const answers = isWritable().then((is) => is && hasRoom());
        lastAnswer = { at: performance.now(), answers };
      }
      return lastAnswer.answers;
    },
    status: () => sumOf(deliveries.status(), aside.status()),
    close: async () => {
      await Promise.all([deliveries.close(), aside.close()]);
    },
  };
}

function sumOf(one: WayStatus, other: WayStatus): WayStatus {
  return {
    isUp: one.isUp,
    connections: one.connections + other.connections,
    active: one.active + other.active,
    statements: one.statements + other.statements,
    busySeconds: one.busySeconds + other.busySeconds,
    failures: {
      timeout: one.failures.timeout + other.failures.timeout,
      connection: one.failures.connection + other.failures.connection,
      refused: one.failures.refused + other.failures.refused,
      statement: one.failures.statement + other.failures.statement,
    },
    renewals: one.renewals + other.renewals,
  };
}
