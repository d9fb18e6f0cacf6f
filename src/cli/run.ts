import { readArguments, UsageProblem } from "../arguments.ts";
import { commandLine, noteChange } from "../changes.ts";
import { ConfigProblem, readConfig } from "../config.ts";
import { type Opened, openDatabase } from "../database/open.ts";
import { DatabaseProblem } from "../database/problem.ts";
import { Refusal } from "../http/refusal.ts";
import { createLog } from "../log.ts";
import { Malformed } from "../parse.ts";
import { program } from "../program.ts";
import { settingsIn } from "../settings.ts";
import { version } from "../version.ts";
import { visibleLines } from "../visible.ts";
import { activityCommands } from "./activity.ts";
import { adminCommands } from "./admin.ts";
import { alertCommands } from "./alerts.ts";
import { backupCommands } from "./backup.ts";
import { type Command, CommandProblem, type Context, stringOption } from "./command.ts";
import { connectionCommands } from "./connections.ts";
import { importCsvCommands } from "./import-csv.ts";
import { importDjangoCommands } from "./import-django.ts";
import { playerCommands } from "./players.ts";
import { statsCommands } from "./stats.ts";
import { tryCommands } from "./try.ts";

export const commands: Record<string, Command> = {
  ...connectionCommands,
  ...playerCommands,
  ...activityCommands,
  ...tryCommands,
  ...statsCommands,
  ...adminCommands,
  ...alertCommands,
  ...importDjangoCommands,
  ...importCsvCommands,
  ...backupCommands,
};

/** Where a command reads and writes. */
export type Io = Pick<Context, "print" | "warn" | "draw" | "ask" | "readInput" | "input" | "output" | "env">;

/** One of the operator's commands. Returns the exit code: 0 done, 1 not possible, 2 a wrong call. */
export async function runCli(args: string[], given: Io): Promise<number> {
  const io = plainly(given);
  const [name, rest] = commandIn(args);
  const command = commands[name];
  if (!command) return withoutCommand(args, io);
  if (asksForHelp(rest)) {
    io.print(helpOf(name, command));
    return 0;
  }
  let opened: Promise<Opened> | undefined;
  try {
    const { values: options, positionals } = readArguments({
      args: rest,
      allowPositionals: true,
      options: { ...command.options, config: { type: "string" }, json: { type: "boolean" } },
    });
    checkCount(command, positionals);
    const config = await readConfig({ file: stringOption(options, "config"), env: io.env });
    const log = createLog({ level: "warn", readable: true, write: (line) => io.warn(line.trimEnd()) });
    const open = async () => {
      opened ??= openDatabase(config, log, { besideService: true, keepSchema: command.updatesSchema !== true });
      return (await opened).database.aside;
    };
    const lines: string[] = [];
    const asMessage = options["json"] === true && !command.printsJson;
    const print = asMessage ? (line: string) => void lines.push(line) : io.print;
    const inForce = async () => {
      const settings = settingsIn(config, await open());
      await settings.refresh();
      return settings.inForce;
    };
    const changed = async (what: string, subject = "") =>
      noteChange(await open(), { what, subject, origin: commandLine });
    await command.run({ ...io, print, positionals, options, config, inForce, changed, open });
    if (lines.length > 0) io.print(JSON.stringify({ message: lines.join("\n") }));
    return 0;
  } catch (error) {
    return failed(error, `Usage: ${usageOf(name, command)}`, io);
  } finally {
    await (await opened?.catch(() => undefined))?.close();
  }
}

/** What is shown may hold a stranger's text: nothing in it can play tricks on a terminal. */
function plainly(io: Io): Io {
  const { ask } = io;
  return {
    ...io,
    print: (line) => io.print(visibleLines(line)),
    warn: (line) => io.warn(visibleLines(line)),
    ask: ask && ((question, options) => ask(visibleLines(question), options)),
  };
}

const asksForHelp = (args: string[]) => args.includes("--help") || args.includes("-h");

/** The longest command that the words begin with, and the words behind it. */
function commandIn(args: string[]): [name: string, rest: string[]] {
  const two = args.slice(0, 2).join(" ");
  return Object.hasOwn(commands, two) ? [two, args.slice(2)] : [args[0] ?? "", args.slice(1)];
}

function withoutCommand(args: string[], { print, warn }: Io): number {
  const [group = ""] = args;
  if (group === "--version") {
    print(version);
    return 0;
  }
  const inGroup = Object.entries(commands).filter(([name]) => name.startsWith(`${group} `));
  const lines = (inGroup.length > 0 ? inGroup : Object.entries(commands)).map(([name, command]) =>
    lineOf(name, command),
  );
  const usage = `Usage: ${program} <command> [--config FILE]`;
  const help = [usage, "", ...lines, "", `Help for one: ${program} <command> --help`].join("\n");
  if (args.length === 0 || asksForHelp(args) || group === "help") {
    print(help);
    return 0;
  }
  warn(`There is no command "${args.slice(0, 2).join(" ")}".\n\n${help}`);
  return 2;
}

const lineOf = (name: string, { args, summary }: Command) => `  ${`${name} ${args}`.padEnd(48)} ${summary}`;
const usageOf = (name: string, { args, options = {} }: Command) =>
  `${program} ${name}${args && ` ${args}`}${Object.keys(options).length > 0 ? " [options]" : ""}`;

function helpOf(name: string, command: Command): string {
  const details = [...(command.details ?? []), "--json          print JSON", "--config FILE   another config file"];
  return [`${usageOf(name, command)}: ${command.summary}`, "", ...details.map((line) => `  ${line}`)].join("\n");
}

function checkCount({ args }: Command, positionals: string[]): void {
  const most = args === "" ? 0 : args.endsWith("...]") ? Number.POSITIVE_INFINITY : args.split(" ").length;
  const least = args === "" ? 0 : args.split(" ").length - args.split("[").length + 1;
  if (positionals.length < least || positionals.length > most)
    throw new UsageProblem(
      `Expected ${most === 0 ? "no arguments" : args}, found ${positionals.length === 0 ? "none" : positionals.join(" ")}.`,
    );
}

function failed(error: unknown, usage: string, { warn }: Io): number {
  if (!(error instanceof Error)) throw error;
  const isWrongCall = error instanceof UsageProblem || error instanceof Malformed;
  const isExpected = [CommandProblem, ConfigProblem, DatabaseProblem, Refusal].some((kind) => error instanceof kind);
  const words = isWrongCall ? `${error.message}\n${usage}` : isExpected ? error.message : error.stack;
  warn(String(words));
  return isWrongCall ? 2 : 1;
}
