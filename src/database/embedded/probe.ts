import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../../error-code.ts";
import type { SocketAddress } from "../address.ts";
import { createClient } from "../connect.ts";

/** The user and the database to connect to: initdb creates both. */
export const embeddedUser = "playtime";
export const embeddedDatabase = "postgres";

/** How the database behind a socket of ours is reached. */
export const embeddedAddress = (socketDir: string): SocketAddress => ({
  socketDir,
  database: embeddedDatabase,
  user: embeddedUser,
});

/** A setting of the database that a command runs for itself: it ends soon. */
export const ofCommand = { "playtime.holder": "command" };

type State = "answers" | "starting" | "silent";

/**
 * How the database behind a socket stands, asked on a connection of its own: "answers" also where it refuses us, as when it
 * has no connection left; "silent" when nothing came in time, or nobody listens.
 */
export async function probe(socketDir: string, limitMs: number, { commandsCount = true } = {}): Promise<State> {
  const client = createClient(embeddedAddress(socketDir), 1);
  const asked = client<{ holder: string | null }[]>`select current_setting('playtime.holder', true) as holder`.then(
    ([row]): State => (row?.holder === "command" && !commandsCount ? "silent" : "answers"),
    stateIn,
  );
  try {
    return await Promise.race([asked, sleep(limitMs, "silent" as const, { ref: false })]);
  } finally {
    client.end({ timeout: 0 }).catch(() => {});
  }
}

function stateIn(error: unknown): State {
  if (!(error instanceof Error) || error.name !== "PostgresError") return "silent";
  if (errorCode(error) !== "57P03") return "answers";
  return /shutting down/.test(error.message) ? "silent" : "starting";
}
