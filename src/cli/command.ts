import type { Readable, Writable } from "node:stream";
import type { ParseArgsConfig } from "node:util";
import { UsageProblem } from "../arguments.ts";
import type { Config } from "../config.ts";
import type { Way } from "../database/way.ts";
import { visible } from "../visible.ts";

/** One command of the operator. */
export type Command = {
  /** Its positional arguments, as the help shows them: "<kind> <path>". */
  args: string;
  summary: string;
  /** Lines of the help below the usage, one an option or a remark. */
  details?: string[];
  options?: NonNullable<ParseArgsConfig["options"]>;
  /** Whether it brings the schema of a database up to date, as a start of the service does. */
  updatesSchema?: boolean;
  /** Whether it prints JSON of its own with --json; of any other, what it prints becomes a message. */
  printsJson?: boolean;
  run: (context: Context) => Promise<void>;
};

export type Context = {
  positionals: string[];
  options: Options;
  config: Config;
  /** The config, completed by what was set in the panel. */
  inForce: () => Promise<Config>;
  /** Tells the log of the running services what was changed, in a few words and without a secret; `subject`: of what. */
  changed: (what: string, subject?: string) => Promise<void>;
  /** Opened on first use; also beside a running service. */
  open: () => Promise<Way>;
  print: (line: string) => void;
  /** For remarks that are not data: to standard error. */
  warn: (line: string) => void;
  /** Draws on the terminal as it is, without a line's end; undefined without one. */
  draw?: ((text: string) => void) | undefined;
  /** Asks on the terminal, and shows no letter of a hidden answer; undefined without one. Throws CommandProblem at Ctrl-C and Ctrl-D. */
  ask: ((question: string, options?: { isHidden?: boolean }) => Promise<string>) | undefined;
  /** All of standard input, without the last line's end. */
  readInput: () => Promise<string>;
  /** Standard input and output, for data of any size. */
  input: Readable;
  output: Writable;
  env: NodeJS.ProcessEnv;
};

export type Options = Record<string, string | boolean | (string | boolean)[] | undefined>;

/** It cannot be done: exit code 1, with these words. */
export class CommandProblem extends Error {
  override name = "CommandProblem";
}

/** Goes on after --yes, or when the answer on the terminal is yes; throws CommandProblem with `words` after any other. */
export async function confirm({ options, ask }: Context, question: string, words: string): Promise<void> {
  if (options["yes"] === true) return;
  if (!ask) throw new UsageProblem("There is no terminal to ask on: add --yes.");
  const reply = await ask(`${question} Type yes: `);
  if (reply.trim().toLowerCase() !== "yes") throw new CommandProblem(words);
}

/** Columns as wide as their widest cell. */
export function table(head: string[], rows: string[][]): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => (row[column] ?? "").length)));
  return [head, ...cells]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function stringOption(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}
