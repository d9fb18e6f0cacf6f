import { BackupProblem } from "../backup/read.ts";
import { checkBackup, notEmpty, restoreBackup } from "../backup/restore.ts";
import { countRows, holdsRows, storedPassword } from "../backup/tables.ts";
import { type Header, writeBackup } from "../backup/write.ts";
import { type Command, CommandProblem, type Context, confirm } from "./command.ts";
import { withInput, writeOutput } from "./files.ts";
import { progressBar } from "./progress.ts";

export const backupCommands: Record<string, Command> = {
  backup: {
    args: "<file>",
    summary: "write all connections (with secrets) and players to one file",
    details: [
      "The file must be new, and only its owner can read it; - writes to standard output. The service may run.",
    ],
    run: backup,
  },
  restore: {
    args: "<file>",
    summary: "restore a backup into the database",
    details: [
      "The file is checked first. If something fails, nothing is changed. With - it is read from standard input.",
      "--replace       remove all connections and players in the database first",
      "--yes           do not ask",
    ],
    options: { replace: { type: "boolean" }, yes: { type: "boolean" } },
    updatesSchema: true,
    run: restore,
  },
};

async function backup(context: Context): Promise<void> {
  const [name = ""] = context.positionals;
  const database = await context.open();
  const onProgress = progressBar(context.draw, "rows");
  const rows = await inWords(context, () =>
    writeOutput(name, context, (to) => writeBackup({ database, to, onProgress }), { command: "backup", isText: false }),
  );
  const print = name === "-" ? context.warn : context.print;
  print(`Written: ${amounts(rows)}. The file holds the secrets: keep it where nobody else can read it.`);
}

function restore(context: Context): Promise<void> {
  const [name = ""] = context.positionals;
  return inWords(context, () =>
    withInput(name, context, async (file) => {
      const header = await checkBackup(file, progressBar(context.draw, "rows checked"));
      const database = await context.open();
      const here = await database.alone(countRows);
      const isEmpty = !(await database.alone(holdsRows));
      const replace = context.options["replace"] === true;
      if (!isEmpty && !replace) throw new BackupProblem(notEmpty);
      if (!isEmpty) await askWhetherToReplace(here, header, context);
      const passwordBefore = await database.run(storedPassword);
      const changes = await restoreBackup({
        database,
        file,
        replace,
        onProgress: progressBar(context.draw, "rows restored"),
      });
      for (const { kind, from, to } of changes)
        context.warn(
          `The ${kind} connection ${JSON.stringify(from)} is now "${to}": see connections show ${kind} ${to}`,
        );
      await context.changed("a backup restored");
      context.print(`Restored: ${amounts(header.rows)}. A running service knows it within 5 seconds.`);
      const words = passwordWords(passwordBefore, await database.run(storedPassword), context);
      if (words !== undefined) context.print(words);
    }),
  );
}

async function askWhetherToReplace(here: Record<string, number>, header: Header, context: Context): Promise<void> {
  await confirm(
    context,
    `The database holds ${amounts(here)}. Delete them all, and restore the backup of ${header.madeAt} with ${amounts(header.rows)}?`,
    "Nothing was changed.",
  );
}

/** Which password opens the panel from now on; undefined: there is none, nor was there. */
function passwordWords(before: string | undefined, after: string | undefined, { config }: Context): string | undefined {
  if (config.ADMIN.PASSWORD !== "")
    return "The password of the panel is still the one of the config, [ADMIN] PASSWORD.";
  if (after === undefined) return undefined;
  if (after === before) return "The password of the panel is the same as before.";
  return "The password of the panel is now the one of the backup.";
}

function amounts({ connections = 0, playtimes = 0, playtime_days: days = 0 }: Record<string, number>): string {
  const amount = (count: number, one: string) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
  const times = amount(playtimes, "player time");
  const rest = days > 0 ? `, ${times} and ${amount(days, "daily time")}` : ` and ${times}`;
  return amount(connections, "connection") + rest;
}

/** What is wrong with a file is the operator's problem; said on a line of its own below a bar. */
async function inWords<T>(context: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    context.draw?.("\n");
    if (error instanceof BackupProblem) throw new CommandProblem(error.message);
    throw error;
  }
}
