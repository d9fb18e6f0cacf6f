import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { heapFlags } from "../support/heap-flags.ts";
import { loader } from "../support/program.ts";

export type Running = { url: string; pid: number; stop: () => Promise<void> };

const startMs = 60_000;
const root = fileURLToPath(new URL("../..", import.meta.url));
const children = new Set<Running>();
let isOver = false;

/**
 * Starts a server and waits until it says its address. `group`: it gets a process group of its own, which is signalled
 * as a whole (npm and what it starts). Throws with its last words when it ends before.
 */
export async function start(
  command: string,
  args: string[],
  { env = {}, cwd = root, group = false }: StartOptions = {},
) {
  if (isOver) throw new Error("The bench is being stopped.");
  const child = spawn(command, args, { cwd, env: { ...cleanEnv(), ...env }, stdio: "pipe", detached: group });
  const ended = once(child, "close");
  const words: string[] = [];
  const keep = (line: string) => {
    if (words.push(line) > 20) words.shift();
  };
  createInterface({ input: child.stderr }).on("line", keep);
  const address = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      keep(line);
      const port = /http:\/\/[\w.]+:(\d+)/.exec(line)?.[1];
      if (port) resolve(`http://127.0.0.1:${port}`);
    });
  });
  const pid = child.pid ?? 0;
  const running: Running = {
    url: "",
    pid,
    stop: async () => {
      children.delete(running);
      if (child.exitCode === null && child.signalCode === null) process.kill(group ? -pid : pid, "SIGTERM");
      await ended;
    },
  };
  children.add(running);
  const late = AbortSignal.timeout(startMs);
  running.url = await Promise.race([address, ended.then(() => ""), once(late, "abort").then(() => "")]);
  if (running.url) return running;
  await running.stop();
  throw new Error(`${command} ${args.join(" ")} did not start:\n${words.join("\n")}`);
}

type StartOptions = { env?: NodeJS.ProcessEnv; cwd?: string; group?: boolean };

/** A server of this folder, which ends with us. */
export const startHelper = (name: string, args: string[] = []) =>
  start(process.execPath, ["--import", loader, fileURLToPath(new URL(name, import.meta.url)), ...args]);

/** What `npm run build` has made in a checkout, run as it ships. */
export function startService(env: NodeJS.ProcessEnv, { checkout = root, flags = [] as string[] } = {}) {
  return start(process.execPath, [...heapFlags, ...flags, "dist/main.js"], {
    cwd: checkout,
    env: { ...usualSettings, ...env },
  });
}

export const usualSettings = { PLAYTIME_SERVER_HOST: "127.0.0.1", PLAYTIME_SERVER_PORT: "0" };

export async function build(checkout = root): Promise<void> {
  await promisify(execFile)("npm", ["run", "build"], { cwd: checkout });
}

/** Stops what was started; nothing can be started any more. */
export async function stopAll(): Promise<void> {
  isOver = true;
  await Promise.all([...children].map(({ stop }) => stop()));
}

/** Without settings of the service that this machine may have. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("PLAYTIME_") && name !== "DATABASE_URL"),
  );
}
