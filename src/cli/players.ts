import { steamId } from "../parse.ts";
import { exportPlayers } from "../players-table.ts";
import { type Playtime, playtimesIn } from "../playtimes.ts";
import { type Command, CommandProblem, type Context, table } from "./command.ts";
import { writeOutput } from "./files.ts";
import { progressBar } from "./progress.ts";

export const playerCommands: Record<string, Command> = {
  "players show": { args: "<steamId>", summary: "what is known of a player", printsData: true, run: show },
  "players export": {
    args: "[file]",
    summary: "all players as a table (CSV)",
    details: ["The file is new and only its owner may read it; without one the table goes to standard output."],
    run: exportAll,
  },
};

async function show(context: Context): Promise<void> {
  const player = steamId(context.positionals[0], "the Steam ID");
  const rows = await playtimesIn(await context.open()).ofPlayer(player);
  if (context.options["json"]) return context.print(JSON.stringify(rows, null, 2));
  if (rows.length === 0) throw new CommandProblem(`Nothing is known of ${player} yet.`);
  const head = ["GAME", "STEAM", "STEAM STATUS", "STEAM CHECKED", "BATTLEMETRICS", "SIGNED", "CREATED", "UPDATED"];
  context.print(table(head, rows.map(cells)));
}

async function exportAll(context: Context): Promise<void> {
  const [name = "-"] = context.positionals;
  const database = await context.open();
  const onProgress = progressBar(context.draw, "players");
  const count = await writeOutput(name, context, (to) => exportPlayers(database, to, onProgress));
  if (name !== "-") context.print(`Written: ${count.toLocaleString("en")} players.`);
}

function cells(row: Playtime): string[] {
  return [
    String(row.gameId),
    hours(row.steamSeconds),
    row.steamStatus,
    row.steamCheckedAt ?? "never",
    hours(row.bmSeconds),
    row.bmSignedAt ?? "never",
    row.createdAt,
    row.updatedAt,
  ];
}

function hours(seconds: number | null): string {
  return seconds === null ? "unknown" : `${(seconds / 3_600).toFixed(1)} h (${seconds} s)`;
}
