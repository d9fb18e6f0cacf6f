import { remarksOf } from "../database/address.ts";
import type { Sql } from "../database/connect.ts";
import { reasonOf } from "../database/open.ts";
import { createServer } from "../database/server.ts";
import { importDjango, type Tally } from "../django/import.ts";
import { holdsDjango } from "../django/source.ts";
import { errorCode } from "../error-code.ts";
import { createLog } from "../log.ts";
import { type Command, CommandProblem, type Context, stringOption, table } from "./command.ts";
import { progressBar } from "./progress.ts";

export const importDjangoCommands: Record<string, Command> = {
  "import-django": {
    args: "",
    summary: "copy everything from the Django service",
    details: [
      "--from -        read its address, postgres://user:password@host:5432/name, from standard input. Do not write the",
      "                address itself into the command (--from URL): other users of the machine can see it there, and it",
      "                stays in the shell's history. Without --from the command looks for the tables in its own database.",
      "--dry-run       change nothing, only show what would happen",
    ],
    options: { from: { type: "string" }, "dry-run": { type: "boolean" } },
    updatesSchema: true,
    run,
  },
};

async function run(context: Context): Promise<void> {
  const given = stringOption(context.options, "from");
  const url = given === "-" ? (await context.readInput()).trim() : given;
  if (url === undefined) {
    const database = await context.open();
    return database.alone((source) => importFrom(source, context, here));
  }
  const source = await inWords(() => sourceAt(url, context));
  try {
    await importFrom(source, context, "The database that --from names holds no tables of the Django service.");
  } finally {
    await source.end({ timeout: 2 });
  }
}

const here =
  "The configured database holds no tables of the Django service. Give the address of the right one: import-django --from - (then paste postgres://user:password@host:5432/name, and press Enter and Ctrl-D)";

async function importFrom(source: Sql, context: Context, wordsForNone: string): Promise<void> {
  if (!(await holdsTables(source))) throw new CommandProblem(wordsForNone);
  const into = await context.open();
  const dryRun = context.options["dry-run"] === true;
  const skipped = skippedRows(context);
  const tally = await importDjango({
    from: source,
    into,
    dryRun,
    onProgress: progressBar(context.draw, "players"),
    onRemark: context.warn,
    onSkipped: skipped.add,
  }).catch((error) => {
    context.draw?.("\n");
    if (errorCode(error) === "") throw error;
    throw new CommandProblem(
      `The import stopped: ${reasonOf(error)}. What was copied stays; run the command again to copy the rest.`,
    );
  });
  skipped.end();
  if (!dryRun) await context.changed("the data of the Django service imported");
  context.print(tallyTable(tally));
  context.print(
    dryRun ? "\nThis was a dry run: nothing was changed." : "\nA running service knows it within 5 seconds.",
  );
}

/** A terminal shows a few; a file, to which standard error may go, takes more. */
const skippedMost = { onTerminal: 20, elsewhere: 10_000 };

/** A line for each row that is not copied, at the end. */
function skippedRows({ draw, warn }: Pick<Context, "draw" | "warn">) {
  const most = draw ? skippedMost.onTerminal : skippedMost.elsewhere;
  const kept: string[] = [];
  let count = 0;
  return {
    add: (lines: string[]): void => {
      count += lines.length;
      kept.push(...lines.slice(0, most - kept.length));
    },
    end: (): void => {
      for (const line of kept) warn(line);
      const more = count - kept.length;
      if (more === 0) return;
      const advice = draw ? " To keep the whole list, run the command again with 2> skipped.txt behind it." : "";
      warn(`… ${more.toLocaleString("en")} more.${advice}`);
    },
  };
}

/** A client of the other server. Throws Malformed, with nothing of the address in it, which holds a password. */
function sourceAt(url: string, { warn }: Context): Promise<Sql> {
  const address = { url, place: "--from" };
  for (const remark of remarksOf(address)) warn(remark);
  return createServer(address, createLog({ level: "error", readable: true, write: warn })).client({});
}

async function holdsTables(source: Sql): Promise<boolean> {
  return inWords(() => holdsDjango(source));
}

async function inWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (errorCode(error) === "") throw error;
    throw new CommandProblem(
      `The database of the Django service: ${reasonOf(error)}. Does that server run, and are user and password right?`,
    );
  }
}

function tallyTable(tally: Tally): string {
  const names: Record<keyof Tally, string> = {
    battlemetrics: "battlemetrics connections",
    script: "script connections",
    players: "players",
  };
  const kinds: (keyof Tally)[] = ["battlemetrics", "script", "players"];
  const rows = kinds.flatMap((kind) => {
    const counts = [...tally[kind]].sort(([a, countA], [b, countB]) => rank(a) - rank(b) || countB - countA);
    return (counts.length > 0 ? counts : [["none in the Django service", 0] as const]).map(([words, count]) => [
      names[kind],
      count.toLocaleString("en").padStart(9),
      words,
    ]);
  });
  return table(["WHAT", "    COUNT", "RESULT"], rows);
}

const rank = (words: string) => ["imported", "left", "skipped"].findIndex((start) => words.startsWith(start));
