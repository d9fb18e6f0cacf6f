import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { errorCode } from "../../error-code.ts";
import { DatabaseProblem } from "../problem.ts";
import { createCause } from "./cause.ts";
import { descendantsOf } from "./descendants.ts";

/** The account that a command of the database runs as. Empty: our own. */
export type Account = { uid?: number; gid?: number };

export type Guarded = {
  /** The last lines that it wrote. */
  lines: readonly string[];
  /** What went wrong by its own words, without a full stop; "" if it said nothing. */
  cause: () => string;
  /** Why it ended. */
  reason: () => string;
  /** Fulfilled with the exit code when the command, all its children and the guard have ended. */
  gone: Promise<number | null>;
  /** Asks it to end, and kills it after 10 seconds (no data is lost by that: the write-ahead log has it). */
  stop: (patienceMs?: number) => void;
};

/**
 * A process of Postgres keeps up to 1 MB for its next statement, instead of 128 KB. What a batch of queries of 100 players needs
 * was given back to the system and taken again, page by page, for each statement: half of what it costs Postgres.
 * https://www.gnu.org/software/libc/manual/html_node/Memory-Allocation-Tunables.html
 */
export const memory = { MALLOC_TRIM_THRESHOLD_: "1048576" };

// The whole environment of a command. Nothing comes from the caller's: PGDATA, PGPORT or LC_MESSAGES would do harm.
const environment = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC", ...memory };

/**
 * A shell holds the other end of our pipe and reads it. The read ends when we close our end or die, however suddenly,
 * and then the command is told to end. SIGTERM comes before SIGINT (to Postgres: a fast shutdown), because a shell
 * starts its background jobs with SIGINT ignored, until they handle it. The shell closes its standard error, so that
 * we see by the end of that pipe that the command has ended.
 */
const guard = `
"$@" </dev/null >&2 &
trap '' HUP INT TERM
exec 2>/dev/null
read -r end
kill -TERM $!
kill -INT $!
wait $!`;

/** Runs a command that never outlives us. `onLine` gets each line of its output. */
export function guarded(command: string[], account: Account, onLine: (line: string) => void = () => {}): Guarded {
  const child = spawn("/bin/sh", ["-c", guard, "guard", ...command], {
    ...account,
    cwd: "/",
    // A stale lock file may name our process id, as is common in a container. This lets Postgres see that we are no server.
    env: { ...environment, PG_GRANDPARENT_PID: String(process.pid) },
    detached: true, // in a group of its own, so that Ctrl-C on a terminal reaches only us
    stdio: ["pipe", "ignore", "pipe"],
  });
  child.on("error", () => {});
  const group = child.pid;
  if (group === undefined) throw new DatabaseProblem("The database could not be started, because /bin/sh could not.");

  const signalGroup = (signal: NodeJS.Signals) => {
    try {
      process.kill(-group, signal);
    } catch {} // nobody is left
  };
  const lines: string[] = [];
  const cause = createCause();
  createInterface({ input: child.stderr }).on("line", (line) => {
    if (lines.push(line) > 20) lines.shift();
    cause.read(line);
    onLine(line);
  });
  child.stdin.on("error", () => {});
  child.stderr.once("end", () => child.stdin.destroy());
  // The guard was killed but its command was not: the guard's process group still exists.
  child.once("exit", () => {
    if (child.stderr.readableEnded) return;
    signalGroup("SIGTERM");
    signalGroup("SIGINT");
  });
  let force: NodeJS.Timeout | undefined;
  let exitCode: number | null = null;
  const gone = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      clearTimeout(force);
      exitCode = code;
      resolve(code);
    });
  });
  const stop = (patienceMs = 10_000) => {
    child.stdin.destroy();
    force ??= setTimeout(() => {
      // Each process of a Postgres is in a group of its own, and one that is frozen does not see its parent go.
      const all = descendantsOf(group);
      signalGroup("SIGKILL");
      all.forEach(kill);
    }, patienceMs).unref();
  };
  const reason = () =>
    cause.words() || signalWords(exitCode) || lines.findLast((line) => !/^LOG:/.test(line)) || "it said nothing";
  return { lines, cause: cause.words, reason, gone, stop };
}

/** A shell's exit code tells which signal ended its command. */
function signalWords(exitCode: number | null): string {
  if (exitCode === 128 + 9) return "it was killed (signal 9), as happens when the machine has no memory left";
  return exitCode !== null && exitCode > 128 ? `it was ended by signal ${exitCode - 128}` : "";
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {} // it has ended
}

/** Runs a short command and returns what it wrote; undefined when it fails. */
export async function runAs(account: Account, file: string, args: string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(file, args, { ...account, cwd: "/", env: environment })).stdout;
  } catch (error) {
    // EINVAL: the root of `unshare -r`, or of some containers, knows no other user at all.
    if (!["EPERM", "EINVAL"].includes(errorCode(error))) return undefined;
    throw new DatabaseProblem(
      `Postgres does not run as root, and this root may not become another user (uid ${account.uid}): start the service as an ` +
        "ordinary user, or name a running server in [POSTGRES] HOST or DATABASE_URL.",
    );
  }
}
