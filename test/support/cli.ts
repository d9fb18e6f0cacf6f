import { spawn } from "node:child_process";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { runCli } from "../../src/cli/run.ts";
import { nodeArgs } from "./program.ts";

export type Ran = { code: number | null; out: string; err: string };

type CliOptions = { input?: string; env: Record<string, string>; terminal?: boolean };

/** One command of the CLI, in this process; `args` are split at blanks. */
export async function cli(args: string, { input = "", env }: Pick<CliOptions, "input" | "env">): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const output = new PassThrough();
  const written = text(output);
  const code = await runCli(args.split(" "), {
    env: { ...ownConfig, ...env },
    print: (line) => out.push(line),
    warn: (line) => err.push(line),
    ask: undefined,
    readInput: async () => input,
    input: Readable.from([Buffer.from(input)]),
    output,
  });
  output.end();
  return { code, out: (await written) + out.join("\n"), err: err.join("\n") };
}

/** Whatever an operator has in the usual place must not matter here. */
const ownConfig = { PLAYTIME_CONFIG: "configs/playtime/config-example.toml" };

/** The same as a process of its own; `args` are split at blanks. `terminal`: with one, made by script(1). */
export function cliProcess(args: string, { input = "", env, terminal = false }: CliOptions): Promise<Ran> {
  const command = [process.execPath, ...nodeArgs("src/cli.ts"), ...args.split(" ")];
  const [program = "", ...words] = terminal ? ["script", "-qefc", command.join(" "), "/dev/null"] : command;
  const child = spawn(program, words, {
    env: { PATH: process.env["PATH"], ...ownConfig, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let isTyped = false;
  const ran: Ran = { code: null, out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (part) => {
    ran.out += part;
    // On a terminal an answer is typed when it is asked for; readline moves the cursor behind the question.
    if (!terminal || isTyped || !/: \P{L}*G?$/u.test(ran.out)) return;
    isTyped = true;
    child.stdin.write(input);
  });
  child.stderr.setEncoding("utf8").on("data", (part) => {
    ran.err += part;
  });
  if (!terminal) child.stdin.end(input);
  child.stdin.on("error", () => {});
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...ran, code }));
  });
}
