import { userInfo } from "node:os";
import { Malformed } from "../parse.ts";
import { type Host, parseHosts, type Sslmode, type Target } from "./target.ts";

/**
 * An address of a database as libpq and hosting providers write it: postgres://user:password@host:5432/name?sslmode=require.
 * Also with the program `psql` before it and quotes around, or the name of a driver behind postgresql (as Python has it).
 * Letters with a meaning in addresses are taken in passwords too, as long as it is clear what is meant. Remarks are
 * sentences about what was accepted without effect. Throws Malformed, with nothing of the password in it.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parseUrl(url: string, place: string): { target: Target; remarks: string[] } {
  const plain = url.trim().replace(/^(?:psql\s+)?(["']?)(.*)\1$/i, "$2");
  const [, rest] = /^postgres(?:ql)?(?:\+\w+)?:\/\/(\S*)$/i.exec(plain) ?? [];
  if (rest === undefined) throw new Malformed(place, `an address such as ${example}`);
  const { user, password, hosts, database, given } = read(rest, place);
  const named = (...names: string[]) => names.map((name) => given.get(name)).find((value) => value !== undefined);
  checkNames(given, place);
  const owner = named("user") ?? (user || ownName());
  const unused = [...given.keys()].filter((name) => ignored.has(name));
  return {
    target: {
      hosts: hostsOf(named("host", "hostaddr") ?? hosts, named("port") ?? "5432", place),
      database: named("dbname") ?? (database || owner),
      user: owner,
      password: named("password") ?? password,
      sslmode: sslmodeOf(named("sslmode", "ssl"), named("sslrootcert"), place),
      prepare:
        named("prepare") !== "false" && named("prepared_statements") !== "false" && named("pgbouncer") !== "true",
      startup: Object.fromEntries(
        ["options", "application_name"].flatMap((name) => {
          const value = given.get(name);
          return value ? [[name, value]] : [];
        }),
      ),
    },
    remarks: unused.length > 0 ? [`${place}: ${unused.join(", ")}: without effect here.`] : [],
  };
}

const example = "postgres://user:password@host:5432/database";

/** Parameters of other programs and of libpq that change nothing for us. */
const ignored = new Set(
  (
    "channel_binding connect_timeout connection_limit pool_timeout pool_size pool_min pool_max pool max min pool_recycle " +
    "max_overflow socket_timeout idle_timeout statement_cache_size prepare_threshold preparethreshold tcpkeepalive " +
    "keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout gssencmode sslcompression sslsni " +
    "sslnegotiation fallback_application_name client_encoding encoding charset serverversion load_balance_hosts supa " +
    "uselibpqcompat conn_max_age conn_health_checks workaround reaping_frequency target_session_attrs"
  ).split(" "),
);

const understood = new Set(
  (
    "host hostaddr port dbname user password sslmode ssl sslrootcert options application_name prepare " +
    "prepared_statements pgbouncer schema currentschema search_path"
  ).split(" "),
);

type UrlParts = {
  user: string;
  password: string;
  hosts: string;
  database: string;
  /** The parameters, by their names in lower case. */
  given: Map<string, string>;
};

/**
 * As the rules for addresses say; or, if there is just one way to understand it, with letters in user and password that
 * should be written otherwise.
 */
function read(rest: string, place: string): UrlParts {
  const places = [...rest.matchAll(/@/g)].map(({ index }) => index);
  const usualAt = /^[^/?#]*/.exec(rest)?.[0].lastIndexOf("@") ?? -1;
  const usual = usualAt >= 0 && reading(rest, usualAt, place);
  if (usual) return usual;
  const [only, ...others] = [-1, ...places].flatMap((at) => reading(rest, at, place) ?? []);
  if (!only || others.length > 0)
    throw new Malformed(
      place,
      `an address such as ${example}. In user and password write % as %25, # as %23, / as %2F, ? as %3F and @ as %40`,
    );
  return only;
}

/** Takes what stands before the `@` at that place as user and password; -1: there are none. Undefined when that makes no sense. */
function reading(rest: string, at: number, place: string): UrlParts | undefined {
  const [, hosts = "", database = "", query = ""] = /^([^/?#@]*)(?:\/([^/?#@]*))?(?:\?([^#]*))?$/.exec(
    rest.slice(at + 1),
  ) ?? [undefined, " "];
  const pairs = query.split("&").filter((pair) => pair !== "");
  const given = new Map<string, string>();
  for (const pair of pairs) {
    const [, name, value] = /^([a-z_]+)=(.*)$/i.exec(pair) ?? [];
    const decoded = decodedOrNot(value ?? "");
    if (name === undefined || decoded === undefined) return undefined;
    given.set(name.toLowerCase(), decoded);
  }
  // Where an "@" allows another reading, only names that are really used count as one.
  if (rest.includes("@", at + 1) && [...given.keys()].some((name) => !understood.has(name) && !ignored.has(name)))
    return undefined;
  const areHosts = hosts === "" || isHosts(hosts);
  const [, user = "", password = ""] = /^([^:]*)(?::(.*))?$/s.exec(rest.slice(0, Math.max(0, at))) ?? [];
  const decoded = [user, password, hosts, database].map(decodedOrNot);
  const [name, secret, servers, base] = decoded;
  if (!areHosts || name === undefined || secret === undefined || servers === undefined || base === undefined)
    return undefined;
  return { user: name, password: secret, hosts: servers, database: base, given };

  function isHosts(text: string): boolean {
    try {
      return hostsOf(decodedOrNot(text) ?? " ", "5432", place).length > 0;
    } catch {
      return false;
    }
  }
}

/** Decodes codes such as %40; text without any stays as it is. Undefined when only some of its % begin a code. */
function decodedOrNot(text: string): string | undefined {
  const percents = text.split("%").length - 1;
  const escapes = text.match(/%[0-9a-f]{2}/gi)?.length ?? 0;
  if (escapes === 0) return text;
  try {
    return escapes === percents ? decodeURIComponent(text) : undefined;
  } catch {
    return undefined;
  }
}

function hostsOf(hosts: string, ports: string, place: string): Host[] {
  return parseHosts(hosts === "" ? "localhost" : hosts, ports, `the host in ${place}`);
}

function checkNames(given: Map<string, string>, place: string): void {
  for (const [name, value] of given) {
    if (!understood.has(name) && !ignored.has(name))
      throw new Malformed(place, `without ${name}, which is not supported`);
    const isElsewhere = ["schema", "currentschema", "search_path"].includes(name) && value !== "public" && value !== "";
    if (isElsewhere)
      throw new Malformed(
        place,
        `without ${name}: to keep the tables in another schema than public, run ALTER ROLE <the user> SET search_path = <the schema>`,
      );
    if (name === "target_session_attrs" && !["any", "primary", "read-write"].includes(value))
      throw new Malformed(place, "with target_session_attrs=primary or without it: the service must be able to write");
  }
}

function sslmodeOf(mode: string | undefined, rootCertificate: string | undefined, place: string): Sslmode {
  if (rootCertificate !== undefined && rootCertificate !== "system")
    throw new Malformed(
      place,
      "without sslrootcert: name the file in the environment variable NODE_EXTRA_CA_CERTS, and write sslmode=verify-full",
    );
  if (rootCertificate === "system") return "verify-full";
  const known: Record<string, Sslmode> = {
    disable: "disable",
    false: "disable",
    "0": "disable",
    allow: "prefer",
    prefer: "prefer",
    require: "require",
    true: "require",
    "1": "require",
    "no-verify": "require",
    "verify-ca": "verify-ca",
    "verify-full": "verify-full",
  };
  const found = known[mode ?? "disable"];
  if (!found) throw new Malformed(place, "with sslmode=disable, prefer, require, verify-ca or verify-full");
  return found;
}

/** In containers an account may have no name. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return "postgres";
  }
}
