import { isSocket, parseHosts, sslmodes, type Target } from "./target.ts";
import { parseUrl } from "./url.ts";

/** Where a database is, as the operator wrote it. */
export type Address = UrlAddress | ServerAddress | SocketAddress;

export type UrlAddress = {
  url: string;
  /** The name of the setting, for messages; default: DATABASE_URL. */
  place?: string;
  /** Statements stay prepared only if the address also allows it. */
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

/** The folder of a unix socket; its name may hold any characters. No password is needed there. */
export type SocketAddress = { socketDir: string; database: string; user: string };

/** Throws Malformed, whose message never holds the password. */
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

/** Sentences for the operator about parts of the address that have no effect. Throws Malformed as `targetOf` does. */
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
