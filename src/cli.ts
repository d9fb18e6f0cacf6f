#!/usr/bin/env node
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text as readAll } from "node:stream/consumers";
import { CommandProblem } from "./cli/command.ts";
import { runCli } from "./cli/run.ts";
import { errorCode } from "./error-code.ts";

/** The operator's commands, on the process's own input and output. */
async function main(): Promise<number> {
  let lost: Error | undefined;
  process.stdout.on("error", (error) => {
    lost ??= error;
  });
  // Words on a stream that nobody can write to are lost; the exit code still tells.
  process.stderr.on("error", () => {});
  const code = await runCli(process.argv.slice(2), {
    env: process.env,
    print: (line) => process.stdout.write(`${line}\n`),
    warn: (line) => process.stderr.write(`${line}\n`),
    draw: process.stderr.isTTY ? (text) => process.stderr.write(text) : undefined,
    ask: process.stdin.isTTY && process.stdout.isTTY ? ask : undefined,
    input: process.stdin,
    output: process.stdout,
    readInput: async () => (await readAll(process.stdin)).replace(/\r?\n$/, ""),
  });
  // What is still on its way may fail too.
  await new Promise((resolve) => process.stdout.write("", resolve));
  // Whoever reads no further, such as head, has what it wants; and a command that failed has said why.
  if (code !== 0 || lost === undefined || errorCode(lost) === "EPIPE") return code;
  process.stderr.write(`Standard output cannot be written: ${lost.message}. The command itself was run.\n`);
  return 1;
}

/** Ctrl-C and Ctrl-D are no answer, not even an empty one: the command ends. */
async function ask(question: string, { isHidden = false } = {}): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // From here on the terminal itself shows no letter and sends no signal, so only now is anything asked.
  const output = isHidden ? nowhere : process.stdout;
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  if (isHidden) process.stdout.write(question);
  try {
    return await new Promise<string>((resolve, reject) => {
      const giveUp = () => reject(new CommandProblem("Nothing was changed."));
      terminal.once("SIGINT", giveUp);
      terminal.once("close", giveUp);
      terminal.question(isHidden ? "" : question).then(resolve, giveUp);
    });
  } catch (error) {
    if (!isHidden) process.stdout.write("\n");
    throw error;
  } finally {
    terminal.close();
    if (isHidden) process.stdout.write("\n");
  }
}

process.exitCode = await main();
