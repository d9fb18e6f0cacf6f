import { steamId } from "../parse.ts";
import { type Playtime, playtimesIn } from "../playtimes.ts";
import { type Command, CommandProblem, type Context, table } from "./command.ts";

export const playerCommands: Record<string, Command> = {
  "players show": { args: "<steamId>", summary: "what is known of a player", printsData: true, run: show },
};

async function show(context: Context): Promise<void> {
  const player = steamId(context.positionals[0], "the Steam ID");
  const rows = await playtimesIn(await context.open()).ofPlayer(player);
  if (context.options["json"]) return context.print(JSON.stringify(rows, null, 2));
  if (rows.length === 0) throw new CommandProblem(`Nothing is known of ${player} yet.`);
  const head = ["GAME", "STEAM", "STEAM STATUS", "STEAM CHECKED", "BATTLEMETRICS", "SIGNED", "CREATED", "UPDATED"];
  context.print(table(head, rows.map(cells)));
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
