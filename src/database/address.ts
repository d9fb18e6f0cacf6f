import { isSocket, parseHosts, sslmodes, type Target } from "./target.ts";
import { parseUrl } from "./url.ts";

/** Where a database is, as somebody says it. */
export type Address = UrlAddress | ServerAddress | SocketAddress;

export type UrlAddress = {
  url: string;
  /** Where it is given, for messages; default: DATABASE_URL. */
  place?: string;
  /** Statements stay prepared only if the address says so too. */
  prepare?: boolean;
};

export type ServerAddress = {
  /** Names, addresses or folders of unix sockets, with commas between them; each may bring its own port. */
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  sslmode: string;
  prepare?: boolean;
};

/** The folder of a unix socket, whatever letters its name has; nobody asks for a password there. */
export type SocketAddress = { socketDir: string; database: string; user: string };

/** Throws Malformed, with nothing of the password in it. */
export function targetOf(address: Address): Target {
  if ("url" in address) {
    const { target } = parsed(address);
    return { ...target, prepare: target.prepare && address.prepare !== false };
  }
  if ("socketDir" in address) {
    const { socketDir, ...who } = address;
    const hosts = [{ host: socketDir, port: usualPort }];
    return { hosts, ...who, password: "", sslmode: "disable", prepare: true, startup: {} };
  }
  const { host, port, database, user, password, sslmode, prepare = true } = address;
  return {
    hosts: parseHosts(host, String(port), "[POSTGRES] HOST"),
    database,
    user,
    password,
    sslmode: sslmodes.find((mode) => mode === sslmode) ?? "disable",
    prepare,
    startup: {},
  };
}

/** Sentences for the operator about what the address holds and does nothing. Throws Malformed as `targetOf` does. */
export function remarksOf(address: Address): string[] {
  return "url" in address ? parsed(address).remarks : [];
}

const parsed = ({ url, place = "DATABASE_URL" }: UrlAddress) => parseUrl(url, place);

const usualPort = 5432;

/** Hosts, ports and the database, without user and password. */
export function describe(address: Address): string {
  const { hosts, database } = targetOf(address);
  const isUrl = "url" in address;
  const names = hosts.map((one) => {
    if (isSocket(one)) return one.host;
    const name = one.host.includes(":") ? `[${one.host}]` : one.host;
    return isUrl && one.port === usualPort ? name : `${name}:${one.port}`;
  });
  const separator = isUrl && !hosts.some(isSocket) ? "/" : ", database ";
  return `PostgreSQL at ${names.join(",")}${separator}${database}`;
}
