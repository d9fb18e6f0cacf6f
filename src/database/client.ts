import postgres from "postgres";
import { type Address, targetOf } from "./address.ts";
import { type Host, isSocket, type Sslmode } from "./target.ts";

export type Sql = postgres.Sql;

/** A connection that is not made after this time is given up. */
export const connectMs = 3_000;

export type ClientOptions = {
  /** The host to use when the address has several; default: the first. */
  host?: Host;
  /** After how long the server ends a statement; 0: never; undefined: the server's own setting. */
  statementMs?: number | undefined;
  /** Plan a prepared statement anew for its values each time. */
  plansAnew?: boolean;
  /** Told when a connection has ended, for whatever reason. */
  onclose?: () => void;
};

/**
 * A postgres.js client that opens at most `max` connections, and only when it is used. Times come back as ISO 8601 text in
 * UTC with milliseconds. Throws Malformed for an address that makes no sense.
 */
export function createClient(address: Address, max: number, options: ClientOptions = {}): Sql {
  const { statementMs, plansAnew = false, onclose = () => {} } = options;
  const { hosts, database, user, password, sslmode, prepare, startup } = targetOf(address);
  const host = options.host ?? hosts[0] ?? { host: "localhost", port: 5432 };
  // A pooler may refuse these. As text: the driver would leave out the number 0.
  const refusable: Record<string, string> = {
    ...(statementMs === undefined ? {} : { statement_timeout: String(statementMs) }),
    ...(plansAnew ? { plan_cache_mode: "force_custom_plan" } : {}),
  };
  // The driver takes whatever is missing here from PG… environment variables.
  const said = {
    host: host.host,
    port: host.port,
    path: isSocket(host) ? `${host.host}/.s.PGSQL.${host.port}` : undefined,
    database,
    user,
    // As a function: for an empty password the driver would look elsewhere.
    password: () => password,
    ssl: tlsOf(sslmode),
    sslnegotiation: null,
    max,
    connect_timeout: connectMs / 1_000,
    idle_timeout: 0,
    // The driver's default of 30 to 60 minutes would end a longer backup.
    max_lifetime: null,
    max_pipeline: 100,
    keep_alive: 60,
    prepare,
    debug: false,
    // Array types are not needed: arrays go as text.
    fetch_types: false,
    publications: "alltables",
    // The driver's own pause grows to 20 s; ours must hardly delay the return of the database.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, 0.5),
    onnotice: () => {},
    onclose,
    target_session_attrs: "primary" as const,
    connection: { application_name: "playtime-service", TimeZone: "UTC", DateStyle: "ISO", ...startup, ...refusable },
  };
  const { options: parsed } = postgres(said);
  // The driver takes options that are parsed already as they are. Only so can it be said that any server will do, and can a host
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
 * times as text; making and printing a Date for each took a third of the time of a query for 100 players.
 */
export function isoTime(text: string): string {
  // Nearly every time has three digits or more, so one slice is enough; fewer strings are less work for the garbage collector.
  if (text.length >= "2026-01-02 03:04:05.678+00".length) return `${text.slice(0, 10)}T${text.slice(11, 23)}Z`;
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${text.slice(20, -3).padEnd(3, "0")}Z`;
}
