import { isIPv6 } from "node:net";
import { Malformed } from "../parse.ts";

/** A parsed database address: where the database is and how to sign in. */
export type Target = {
  /** At least one. */
  hosts: Host[];
  database: string;
  user: string;
  password: string;
  sslmode: Sslmode;
  /** Whether statements stay prepared: some poolers cannot do that. */
  prepare: boolean;
  /** Parameters for the start of a database connection, besides those that we always send. */
  startup: Record<string, string>;
};

/** A name, an address, or the folder of a unix socket. */
export type Host = { host: string; port: number };

export const sslmodes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type Sslmode = (typeof sslmodes)[number];

export const isSocket = ({ host }: Host) => host.startsWith("/");

/**
 * Hosts with commas between them, such as `db`, `db:5432`, `10.0.0.1`, `[::1]:5432`, `::1` or `/var/run/postgresql`. `ports`:
 * one for all, or one each with commas. Throws Malformed.
 */
export function parseHosts(text: string, ports: string, place: string): Host[] {
  const wrong = () =>
    new Malformed(place, "names or addresses, with a port from 1 to 65535 or without, such as db:5432 or [::1]:5432");
  const portOf = ports.split(",");
  return text.split(",").map((given, index) => {
    const one = given.trim();
    const [, host = one, ownPort] =
      one.startsWith("/") || isIPv6(one)
        ? []
        : (/^([^:/[\]\s]+|\[[^\]]+\])(?::([0-9]+))?$/.exec(one) ?? [undefined, ""]);
    const name = host.replace(/^\[(.*)\]$/, "$1");
    const port = Number(ownPort ?? portOf[index] ?? portOf[0]);
    const isHost = name !== "" && (host === name || isIPv6(name));
    if (!isHost || !Number.isInteger(port) || port < 1 || port > 65_535) throw wrong();
    return { host: name, port };
  });
}
