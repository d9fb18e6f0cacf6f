import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../error-code.ts";
import type { Log } from "../log.ts";
import type { Address } from "./address.ts";
import { readOnly, readOnlyServer } from "./check.ts";
import { connectMs, createClient } from "./client.ts";
import { type Host, isSocket } from "./target.ts";

/** Which of several hosts accepts writes. */
export type Hosts = {
  /** The host that accepts writes. All are asked at the same time, so a silent one delays nothing. Throws the reason when there is none. */
  writable: () => Promise<Host>;
  /** Forgets the answer: the next `writable` asks again. */
  forget: () => void;
};

export function createHosts(address: Address, hosts: Host[], log: Log): Hosts {
  const [only] = hosts;
  if (hosts.length === 1 && only) return { writable: async () => only, forget: () => {} };
  let found: Host | undefined;
  let asking: Promise<Host> | undefined;
  let last = "";

  async function ask(): Promise<Host> {
    const enough = new AbortController();
    const asked = hosts.map((host) => isWritable(address, host, enough.signal));
    try {
      found = await Promise.any(asked);
      const name = nameOf(found);
      if (name !== last) log.info("found the database host that can be written to", { host: name });
      last = name;
      return found;
    } catch (error) {
      throw error instanceof AggregateError ? reasonAmong(error.errors) : error;
    } finally {
      asking = undefined;
      enough.abort();
    }
  }

  return {
    writable: async () => {
      if (found) return found;
      asking ??= ask();
      return asking;
    },
    forget: () => {
      found = undefined;
    },
  };
}

const nameOf = (host: Host) => (isSocket(host) ? host.host : `${host.host}:${host.port}`);

async function isWritable(address: Address, host: Host, enough: AbortSignal): Promise<Host> {
  const client = createClient(address, 1, { host });
  const late = sleep(connectMs, undefined, { signal: enough, ref: false }).then(
    () => Promise.reject(Object.assign(new Error(`no answer from ${nameOf(host)}`), { code: "CONNECT_TIMEOUT" })),
    // Another host was quicker: this one's failure does not matter.
    () => new Promise<never>(() => {}),
  );
  try {
    const answer = client<
      { isWritable: boolean }[]
    >`select current_setting('transaction_read_only') = 'off' as "isWritable"`;
    const [row] = await Promise.race([answer, late]);
    if (row?.isWritable !== true) throw readOnlyServer();
    return host;
  } finally {
    client.end({ timeout: 0 }).catch(() => {});
  }
}

/** The error to report: first one that waiting does not solve, then that a host answers but is read-only. */
function reasonAmong(errors: unknown[]): unknown {
  const rank = (error: unknown) => {
    const code = errorCode(error);
    if (code === readOnly) return 1;
    return /^(28|3D|42)/.test(code) ? 0 : 2;
  };
  return [...errors].sort((a, b) => rank(a) - rank(b))[0];
}
