#!/usr/bin/env node
import { createInterface } from "node:readline/promises";
import { text as readAll } from "node:stream/consumers";
import { runCli } from "./cli/run.ts";

/** The operator's commands, on the process's own input and output. */
process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  draw: process.stderr.isTTY ? (text) => process.stderr.write(text) : undefined,
  ask: process.stdin.isTTY && process.stdout.isTTY ? ask : undefined,
  input: process.stdin,
  output: process.stdout,
  readInput: async () => (await readAll(process.stdin)).replace(/\r?\n$/, ""),
});

/** Ctrl-D instead of an answer is the empty answer. */
async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const ended = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
    return await Promise.race([terminal.question(question), ended]);
  } finally {
    terminal.close();
  }
}
