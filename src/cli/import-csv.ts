import { gameId } from "../parse.ts";
import { type Checked, checkPlayers, importPlayers } from "../players/table.ts";
import { type Command, CommandProblem, type Context, stringOption, table } from "./command.ts";
import { withInput } from "./files.ts";
import { progressBar } from "./progress.ts";

export const importCsvCommands: Record<string, Command> = {
  "import-csv": {
    args: "<file>",
    summary: "read players' times from a table (CSV)",
    details: [
      "The first line names the columns, in any order: steam_id and game_id; steam_seconds (or steam_hours), bm_seconds (or",
      "bm_hours), created_at and updated_at are optional. - reads standard input. If one row is wrong, nothing is imported.",
      "--game N        the game of all rows (393380 for Squad), instead of a column",
    ],
    options: { game: { type: "string" } },
    updatesSchema: true,
    run,
  },
};

function run(context: Context): Promise<void> {
  const [name = ""] = context.positionals;
  const given = stringOption(context.options, "game");
  const options = { game: given === undefined ? undefined : gameId(given, "--game") };
  return withInput(name, context, async (file) => {
    const { players, unused, ...checked } = await checkPlayers(file, options);
    if (checked.problemCount > 0) throw new CommandProblem(refusal(checked));
    if (players === 0) throw new CommandProblem(noRows);
    if (unused.length > 0) context.warn(`These columns are ignored: ${unused.join(", ")}.`);
    const bar = progressBar(context.draw, "players");
    const { rows, unknown, older, signed } = await importPlayers(file, options, await context.open(), (done) =>
      bar(done, players),
    );
    await context.changed("players imported from a table");
    const counts = [
      [unknown, "imported"],
      [older, "imported; an older row was replaced"],
      [signed, "left unchanged: the row here has a time signed by BattleMetrics"],
      [
        rows - unknown - older - signed,
        "left unchanged: the database, or another row of the table, has a time that is as new",
      ],
    ] as const;
    const lines = counts.filter(([count]) => count > 0);
    context.print(
      table(
        ["  PLAYERS", "RESULT"],
        lines.map(([count, words]) => [count.toLocaleString("en").padStart(9), words]),
      ),
    );
  });
}

function refusal({
  problems,
  problemCount,
  isRounded,
}: Pick<Checked, "problems" | "problemCount" | "isRounded">): string {
  const more = problemCount - problems.length;
  return [
    ...problems,
    ...(more > 0 ? [`… ${more.toLocaleString("en")} more.`] : []),
    ...(isRounded ? [advice] : []),
    "Nothing was imported.",
  ].join("\n");
}

const noRows = "The table has a line with the names of the columns, and no rows below it. Nothing was imported.";

const advice =
  "Take the original table again. When you open it in a spreadsheet (Excel: Data, From Text/CSV), set the column steam_id to text.";
