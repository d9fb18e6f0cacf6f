import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../config.ts";
import { errorCode } from "../error-code.ts";
import type { Log } from "../log.ts";
import { Malformed } from "../parse.ts";
import { type Address, describe, remarksOf } from "./address.ts";
import { checkServer } from "./check.ts";
import { connect, type Database, type Sql } from "./connect.ts";
import { embeddedAddress, findRunning, ofCommand, startEmbedded } from "./embedded/embedded.ts";
import { migrate } from "./migrate.ts";
import { DatabaseProblem } from "./problem.ts";
import { createServer, type Server } from "./server.ts";
import { checkTimes } from "./times.ts";
import { tlsProblem } from "./tls.ts";

export type Opened = {
  database: Database;
  /** Which database it is, in words without secrets. */
  description: string;
  close: () => Promise<void>;
};

type Options = {
  /** Use the embedded database of a service that is running already. */
  besideService?: boolean;
  /** The schema of a database that a service has used stays as it is; one that is older is refused. */
  keepSchema?: boolean;
  /** The embedded database died again and again. */
  onGone?: () => void;
  /** Further settings of the embedded Postgres (tests). */
  settings?: Record<string, string>;
};

/** The configured database with its schema up to date. Throws DatabaseProblem. */
export async function openDatabase(config: Config, log: Log, options: Options = {}): Promise<Opened> {
  const { besideService, keepSchema = false } = options;
  const address = configured(config);
  const place = address ? named(address, log) : await openEmbedded(config, log, options);
  try {
    const server = createServer(place.address, log);
    const ran = await waitAndMigrate(server, place, { waitSeconds: config.POSTGRES.WAIT_SECONDS, keepSchema, log });
    if (ran.length > 0) log.info("the schema was updated", { files: ran.join(", ") });
    const database = connect(place.address, log, { server, ...(besideService ? { longAtOnce: 2 } : {}) });
    return {
      database,
      description: place.description,
      close: async () => {
        await database.close();
        await place.close();
      },
    };
  } catch (error) {
    await place.close();
    throw error;
  }
}

/** The configured server; undefined for the embedded database. */
function configured({ POSTGRES, databaseUrl }: Config): Address | undefined {
  if (databaseUrl) return { url: databaseUrl, prepare: POSTGRES.PREPARE };
  if (!POSTGRES.HOST) return undefined;
  return {
    host: POSTGRES.HOST,
    port: POSTGRES.PORT,
    database: POSTGRES.DATABASE_NAME,
    user: POSTGRES.USER,
    password: POSTGRES.PASSWORD,
    sslmode: POSTGRES.SSLMODE,
    prepare: POSTGRES.PREPARE,
  };
}

function named(address: Address, log: Log) {
  try {
    for (const remark of remarksOf(address)) log.info(remark);
    return { address, description: describe(address), close: async () => {} };
  } catch (error) {
    throw error instanceof Malformed ? new DatabaseProblem(`${error.message}.`) : error;
  }
}

/** Whether the database is the embedded one. */
export const isEmbedded = (config: Config) => configured(config) === undefined;

async function openEmbedded({ SERVER, POSTGRES }: Config, log: Log, { besideService, onGone, settings }: Options) {
  const find = async () => (besideService ? await findRunning(SERVER.DATA_DIR) : undefined);
  const start = () =>
    startEmbedded({
      dataDir: SERVER.DATA_DIR,
      binDir: POSTGRES.BINARIES,
      log,
      settings: { ...settings, ...(besideService ? ofCommand : {}) },
      ...(onGone ? { onGone } : {}),
    });
  let running = await find();
  const started = running
    ? undefined
    : await start().catch(async (error: unknown) => {
        // The service may have been about to start.
        running = await find();
        if (running) return undefined;
        throw error;
      });
  const socketDir = running?.socketDir ?? started?.socketDir ?? "";
  const address = embeddedAddress(socketDir);
  const description = `embedded PostgreSQL${started ? ` ${started.version}` : ""}, data in ${SERVER.DATA_DIR}`;
  return { address, description, close: async () => started?.stop() };
}

const pauseMs = 500;
const pauseMostMs = 5_000;

/** Waits for a server that is not up yet; one log line per try. */
async function waitAndMigrate(
  server: Server,
  { address, description }: { address: Address; description: string },
  { waitSeconds, keepSchema, log }: { waitSeconds: number; keepSchema: boolean; log: Log },
): Promise<string[]> {
  const untilMs = performance.now() + waitSeconds * 1_000;
  for (let attempt = 0; ; attempt += 1) {
    let client: Sql | undefined;
    try {
      client = await server.client({ statementMs: 0 });
      await checkServer(client, !keepSchema);
      await checkTimes(client);
      return await migrate(client, { onlyNew: keepSchema });
    } catch (error) {
      if (server.refusedLimit(error)) continue;
      if (error instanceof DatabaseProblem) throw error;
      const tls =
        error instanceof Error && error.name !== "PostgresError"
          ? await tlsProblem(address, errorCode(error))
          : undefined;
      if (tls !== undefined) throw new DatabaseProblem(`${description}: ${tls}.`);
      const reason = reasonOf(error);
      const leftMs = untilMs - performance.now();
      if (!mayPass(error) || leftMs <= 0) throw new DatabaseProblem(`${description}: ${reason}${adviceFor(error)}`);
      log.warn("waiting for the database", { database: description, reason, secondsLeft: Math.ceil(leftMs / 1_000) });
      await sleep(Math.min(leftMs, pauseMostMs, pauseMs * 1.5 ** attempt));
    } finally {
      await client?.end({ timeout: 1 });
    }
  }
}

/** Waiting helps with network errors and a server that starts, stops, is full or a standby; not with a wrong name or password. */
function mayPass(error: unknown): boolean {
  const code = errorCode(error);
  return code.length !== 5 || /^(08|53|57|25006)/.test(code);
}

/** Why a database cannot be reached, in a few words without secrets. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "an unknown failure";
  const words: Record<string, string> = {
    ECONNREFUSED: "nothing listens there (ECONNREFUSED)",
    ENOTFOUND: "this name is unknown (ENOTFOUND)",
    EAI_AGAIN: "the name could not be looked up (EAI_AGAIN)",
    CONNECT_TIMEOUT: "no answer (CONNECT_TIMEOUT)",
    ENOENT: "there is no socket of that name (ENOENT)",
  };
  // An AggregateError (several addresses of one name) has no message of its own.
  return words[errorCode(error)] ?? (error.message || errorCode(error));
}

function adviceFor(error: unknown): string {
  const code = errorCode(error);
  if (code === "28P01" || code === "28000")
    return ". Compare [POSTGRES] USER and PASSWORD with the server's; a server keeps the password that it was made with.";
  if (code === "53100") return ". The disk of the database is full: make room there.";
  if (code === "3D000") return ". Create it, or correct [POSTGRES] DATABASE_NAME.";
  if (code === "25006") return ". The service must be able to write: use the primary server.";
  return ". Is the server running, and are [POSTGRES] HOST and PORT (or DATABASE_URL) right?";
}
