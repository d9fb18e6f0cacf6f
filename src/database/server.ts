import { errorCode } from "../error-code.ts";
import type { Log } from "../log.ts";
import { type Address, targetOf } from "./address.ts";
import { type ClientOptions, createClient, type Sql } from "./client.ts";
import { createHosts } from "./hosts.ts";
import { isSocket } from "./target.ts";

/** Makes connections to a database. */
export type Server = {
  /** One connection, opened when it is used, to the host that can be written. With several hosts, throws the reason when none of them can. */
  client: (options: Omit<ClientOptions, "host">) => Promise<Sql>;
  /** Call it when a connection was lost: the next one may go to another host. */
  lost: () => void;
  /** Whether a connection was refused because it asked for a limit on statements; later ones go without it. */
  refusedLimit: (error: unknown) => boolean;
  /** Whether a connection can be lost without notice. On a unix socket it cannot. */
  mayHang: boolean;
};

export function createServer(address: Address, log: Log): Server {
  const { hosts } = targetOf(address);
  const among = createHosts(address, hosts, log);
  let isLimited = true;
  return {
    client: async ({ statementMs, plansAnew, ...options }) => {
      const host = await among.writable();
      const limit = isLimited ? { statementMs, ...(plansAnew === undefined ? {} : { plansAnew }) } : {};
      return createClient(address, 1, { ...options, host, ...limit });
    },
    lost: among.forget,
    refusedLimit: (error) => {
      const isRefused = errorCode(error) === "08P01" && /statement_timeout/.test(String(error));
      if (isRefused && isLimited) log.warn(limitWords);
      if (isRefused) isLimited = false;
      return isRefused;
    },
    mayHang: !hosts.some(isSocket),
  };
}

const limitWords =
  "The pooler before the database does not pass on the limit of time for statements. Set it at the server: ALTER ROLE <the user> SET statement_timeout = '2s'";
