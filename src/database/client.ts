import postgres from "postgres";
import { type Address, targetOf } from "./address.ts";
import { type Host, isSocket, type Sslmode } from "./target.ts";

export type Sql = postgres.Sql;

/** A connection that is not made after this time is given up. */
export const connectMs = 3_000;

export type ClientOptions = {
  /** Which of the address's hosts; default: the first. */
  host?: Host;
  /** The server ends a statement after so long; 0: never; undefined: as the server thinks. */
  statementMs?: number | undefined;
  /** Told when a connection has ended, for whatever reason. */
  onclose?: () => void;
};

/**
 * A postgres.js client that opens at most `max` connections, and only when it is used. Times come back as ISO 8601 text in
 * UTC with milliseconds. Throws Malformed for an address that makes no sense.
 */
export function createClient(address: Address, max: number, options: ClientOptions = {}): Sql {
  const { statementMs, onclose = () => {} } = options;
  const { hosts, database, user, password, sslmode, prepare, startup } = targetOf(address);
  const host = options.host ?? hosts[0] ?? { host: "localhost", port: 5432 };
  // As text, since the driver leaves out a zero.
  const limit: Record<string, string> = statementMs === undefined ? {} : { statement_timeout: String(statementMs) };
  // What is missing here the driver takes from PG… variables of the environment.
  const said = {
    host: host.host,
    port: host.port,
    path: isSocket(host) ? `${host.host}/.s.PGSQL.${host.port}` : undefined,
    database,
    user,
    // As a function, since it would look elsewhere for one that is empty.
    password: () => password,
    ssl: tlsOf(sslmode),
    sslnegotiation: null,
    max,
    connect_timeout: connectMs / 1_000,
    idle_timeout: 0,
    // Its own, of 30 to 60 minutes, would end a backup that takes longer.
    max_lifetime: null,
    max_pipeline: 100,
    keep_alive: 60,
    prepare,
    debug: false,
    // Array types are not needed: arrays go as text.
    fetch_types: false,
    publications: "alltables",
    // Its own grows to 20 s; ours must not delay the return by more than a blink.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 0.5),
    onnotice: () => {},
    onclose,
    target_session_attrs: "primary" as const,
    connection: { application_name: "playtime-service", TimeZone: "UTC", DateStyle: "ISO", ...startup, ...limit },
  };
  const { options: parsed } = postgres(said);
  // Options that are parsed already are taken as they are. Only so can it be said that any server will do, and can a host
  // hold a colon.
  const own = { host: [host.host], port: [host.port], target_session_attrs: undefined };
  const client = postgres(Object.assign({}, said, parsed, own));
  client.options.parsers[timestamptz] = isoTime;
  return client;
}

function tlsOf(sslmode: Sslmode) {
  if (sslmode === "disable") return false;
  return sslmode === "verify-ca" ? { rejectUnauthorized: true, checkServerIdentity: () => undefined } : sslmode;
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
