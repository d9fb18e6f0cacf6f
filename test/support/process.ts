import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { heapFlags } from "./heap-flags.ts";
import { nodeArgs } from "./program.ts";
import { noteSaid } from "./said.ts";
import type { LogLine } from "./service.ts";

/** The service as an operator runs it: a process of its own, on a free port of the loopback. */
export type ServiceProcess = {
  url: string;
  port: number;
  pid: number;
  child: ChildProcess;
  /** What it wrote so far, on both outputs. */
  text: () => string;
  /** The lines of its log. */
  lines: () => LogLine[];
  /** Fulfilled when it has ended: the exit code, or the signal that ended it. */
  ended: Promise<number | string | null>;
  /** Sends a signal and waits for the end. */
  end: (signal?: NodeJS.Signals) => Promise<number | string | null>;
};

type ProcessOptions = {
  /** Settings as environment variables; where the database is must be among them. */
  env: Record<string, string>;
  /** How Node runs it; by default as nodeArgs says, with the heap flags of `npm start`. */
  command?: string[];
  readyMs?: number;
  /** The most files that it may have open, as `ulimit -n` sets it. */
  openFiles?: number;
};

const usualCommand = [...heapFlags, ...nodeArgs("src/main.ts")];

/** Starts it and waits until it is ready; throws what it wrote when it ends before. */
export async function startProcess({ env, command = usualCommand, readyMs = 60_000, openFiles }: ProcessOptions) {
  const limited = openFiles === undefined ? [] : ["sh", "-c", `ulimit -n ${openFiles} && exec "$0" "$@"`];
  const [program = process.execPath, ...args] = [...limited, process.execPath, ...command];
  const child = spawn(program, args, {
    env: {
      PATH: process.env["PATH"],
      // Whatever an operator has in the usual place must not matter here.
      PLAYTIME_CONFIG: "configs/playtime/config-example.toml",
      PLAYTIME_SERVER_HOST: "127.0.0.1",
      PLAYTIME_SERVER_PORT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Nobody is to outlive the tests.
  const killIt = () => child.kill("SIGKILL");
  process.once("exit", killIt);
  const ended = once(child, "exit").then(([code, signal]) => {
    process.removeListener("exit", killIt);
    noteSaid(written);
    return (code ?? signal) as number | string | null;
  });

  let written = "";
  const onData = (chunk: Buffer) => {
    written += chunk;
  };
  child.stdout.on("data", onData);
  child.stderr.on("data", onData);
  const lines = () => written.split("\n").flatMap(parsed);

  const ready = await waitForLine();
  const url = String(ready["listening"]);
  const started: ServiceProcess = {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    child,
    text: () => written,
    lines,
    ended,
    end: (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
  return started;

  async function waitForLine(): Promise<LogLine> {
    const find = () => lines().find(({ message }) => message === "ready");
    for (const tooLate = performance.now() + readyMs; ; ) {
      const hasEnded = await Promise.race([ended.then(() => true), sleep(10, false)]);
      const found = find();
      if (found) return found;
      if (hasEnded) throw new Error(`The service ended before it was ready: ${written}`);
      if (performance.now() < tooLate) continue;
      killIt();
      throw new Error(`The service was not ready within ${readyMs} ms: ${written}`);
    }
  }
}

function parsed(line: string): LogLine[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return []; // the last line, half written, or words on standard error
  }
}

/** What it takes of the machine's memory now; only on Linux. */
export async function residentMegabytes({ pid }: Pick<ServiceProcess, "pid">): Promise<number> {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"));
  return Math.round(Number(found?.[1]) / 1024);
}
