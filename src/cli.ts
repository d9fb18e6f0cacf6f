import { createInterface } from "node:readline/promises";
import { text as readAll } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { type Command, CommandProblem, type Options, UsageProblem } from "./cli/command.ts";
import { connectionCommands } from "./cli/connections.ts";
import { playerCommands } from "./cli/players.ts";
import { tryCommands } from "./cli/try.ts";
import { ConfigProblem, readConfig } from "./config.ts";
import { type Opened, openDatabase } from "./database/open.ts";
import { DatabaseProblem } from "./database/problem.ts";
import { Refusal } from "./http/refusal.ts";
import { createLog } from "./log.ts";
import { Malformed } from "./parse.ts";
import { version } from "./version.ts";

const commands: Record<string, Command> = { ...connectionCommands, ...playerCommands, ...tryCommands };

/** The operator's commands. Exit codes: 0 done, 1 not possible, 2 a wrong call. */
async function main(args: string[]): Promise<number> {
  const [name, rest] = commandIn(args);
  const command = commands[name];
  if (!command) return withoutCommand(args);
  if (rest.includes("--help")) return say(helpOf(name, command));
  let opened: Promise<Opened> | undefined;
  try {
    const { values, positionals } = parseArgs({
      args: rest,
      allowPositionals: true,
      options: {
        ...command.options,
        config: { type: "string" },
        ...(command.printsData ? { json: { type: "boolean" } } : {}),
      },
    });
    const options: Options = values;
    checkCount(command, positionals);
    const config = await readConfig({
      file: typeof options["config"] === "string" ? options["config"] : undefined,
      env: process.env,
    });
    const log = createLog({ level: "warn", readable: true, write: (line) => process.stderr.write(line) });
    await command.run({
      positionals,
      options,
      config,
      open: async () => {
        opened ??= openDatabase(config, log, { besideService: true });
        return (await opened).database;
      },
      print: say,
      warn: (line) => process.stderr.write(`${line}\n`),
      ask: process.stdin.isTTY && process.stdout.isTTY ? ask : undefined,
      readInput: async () => (await readAll(process.stdin)).replace(/\r?\n$/, ""),
    });
    return 0;
  } catch (error) {
    return failed(error, `Usage: ${usageOf(name, command)}`);
  } finally {
    await (await opened?.catch(() => undefined))?.close();
  }
}

/** The longest command that the words begin with, and the words behind it. */
function commandIn(args: string[]): [name: string, rest: string[]] {
  const two = args.slice(0, 2).join(" ");
  return Object.hasOwn(commands, two) ? [two, args.slice(2)] : [args[0] ?? "", args.slice(1)];
}

function withoutCommand(args: string[]): number {
  if (args[0] === "--version") return say(version);
  const [group = ""] = args;
  const inGroup = Object.keys(commands).filter((name) => name.startsWith(`${group} `));
  const isHelp = args.length === 0 || args.includes("--help") || group === "help";
  const lines = (inGroup.length > 0 ? inGroup : Object.keys(commands)).map(
    (name) => commands[name] && lineOf(name, commands[name]),
  );
  const help = [
    "Usage: npm run cli -- <command> [--config FILE]",
    "",
    ...lines,
    "",
    "Help for one: npm run cli -- <command> --help",
  ].join("\n");
  if (isHelp) return say(help);
  process.stderr.write(`There is no command "${args.slice(0, 2).join(" ")}".\n\n${help}\n`);
  return 2;
}

const lineOf = (name: string, { args, summary }: Command) => `  ${`${name} ${args}`.padEnd(48)} ${summary}`;
const usageOf = (name: string, { args, options = {} }: Command) =>
  `npm run cli -- ${name}${args && ` ${args}`}${Object.keys(options).length > 0 ? " [options]" : ""}`;

function helpOf(name: string, command: Command): string {
  const details = [
    ...(command.details ?? []),
    ...(command.printsData ? ["--json          print JSON"] : []),
    "--config FILE   another config file",
  ];
  return [`${usageOf(name, command)}: ${command.summary}`, "", ...details.map((line) => `  ${line}`)].join("\n");
}

function checkCount({ args }: Command, positionals: string[]): void {
  const expected = args === "" ? 0 : args.split(" ").length;
  if (positionals.length !== expected)
    throw new UsageProblem(
      `Expected ${expected === 0 ? "no arguments" : args}, found ${positionals.length === 0 ? "none" : positionals.join(" ")}.`,
    );
}

function say(line: string): number {
  process.stdout.write(`${line}\n`);
  return 0;
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

function failed(error: unknown, usage: string): number {
  if (!(error instanceof Error)) throw error;
  const isParseArgs = "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  const isWrongCall = isParseArgs || error instanceof UsageProblem || error instanceof Malformed;
  const isExpected = [CommandProblem, ConfigProblem, DatabaseProblem, Refusal].some((kind) => error instanceof kind);
  const words = isWrongCall ? `${error.message}\n${usage}` : isExpected ? error.message : error.stack;
  process.stderr.write(`${words}\n`);
  return isWrongCall ? 2 : 1;
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
