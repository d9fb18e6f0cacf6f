import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database/connect.ts";
import type { Call } from "../http/call.ts";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import { type Connection, connectionsIn, type Kind, kinds } from "./connections.ts";
import { normalPath, pathChanges } from "./paths.ts";

/** All connections in memory: a stranger's request costs no database work, and a change is seen within `refreshMs`. */
export type Directory = {
  /** The connection that a call names; throws the Refusals "unknown-path" and "disabled-connection". */
  open: (kind: Kind, call: Call) => Connection;
  /** All of them, as they are known at this moment. */
  stored: () => Connection[];
  /** Reads them again, right after a change. */
  refresh: () => Promise<void>;
  stop: () => void;
};

const refreshMs = 2_000;
const startMs = 10_000;
const pauseMs = 100;

export async function openDirectory(database: Pick<Database, "run">, log: Log): Promise<Directory> {
  const table = connectionsIn(database);
  let known = byKind(await patiently(() => listInNormalForm(table, log)));
  let stopped = false;
  const timer = setTimeout(refresh, refreshMs);

  async function read(): Promise<void> {
    known = byKind(await table.list());
  }

  async function refresh(): Promise<void> {
    try {
      await read();
    } catch (error) {
      // The database is away, which is logged elsewhere; what was read before stays valid.
      log.debug("the connections could not be read again", { error });
    }
    if (!stopped) timer.refresh();
  }

  return {
    open: (kind, { param, facts }) => {
      const ofKind = known[kind];
      const connection = param === undefined ? undefined : (ofKind.get(param) ?? ofKind.get(normalPath(param)));
      facts.connection = `${kind}/${connection?.path ?? "?"}`;
      if (!connection) {
        facts.path = (param ?? "").slice(0, 64);
        throw new Refusal("unknown-path");
      }
      if (!connection.enabled) throw new Refusal("disabled-connection");
      return connection;
    },
    stored: () => kinds.flatMap((kind) => [...known[kind].values()]),
    refresh: read,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Earlier versions stored some paths in a form in which no command could name them. */
async function listInNormalForm(table: ReturnType<typeof connectionsIn>, log: Log): Promise<Connection[]> {
  const stored = await table.list();
  const changes = pathChanges(stored);
  for (const { kind, from, to } of changes) {
    const found = stored.find((one) => one.kind === kind && one.path === from);
    const outcome = found && (await table.change(found, { path: to, fixedGameId: found.fixedGameId }));
    // Another process may have been here first.
    if (outcome !== "changed") continue;
    const facts = { connection: `${kind}/${to}`, before: from };
    if (to === normalPath(from)) log.info("a connection's path was brought into its normal form", facts);
    else
      log.warn(
        "two connections had the same path; the newer one has another now: give its sender the new address",
        facts,
      );
  }
  return changes.length === 0 ? stored : table.list();
}

/** At a start there is nothing yet that could go on being true: a database that is slow is waited for. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (const untilMs = performance.now() + startMs; ; await sleep(pauseMs)) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() >= untilMs) throw error;
    }
  }
}

function byKind(connections: Connection[]): Record<Kind, Map<string, Connection>> {
  const ofKind = (kind: Kind) =>
    new Map(connections.filter((one) => one.kind === kind).map((connection) => [connection.path, connection]));
  return { battlemetrics: ofKind("battlemetrics"), script: ofKind("script") };
}
