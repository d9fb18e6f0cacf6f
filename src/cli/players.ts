import { type Parser, steamId } from "../parse.ts";
import { mostWindows } from "../players/days.ts";
import { historyOf } from "../players/deliveries.ts";
import { filterParsers, type PlayerFilter } from "../players/listing.ts";
import { namesIn } from "../players/names.ts";
import { type Playtime, steamStatuses } from "../players/playtime.ts";
import { playtimesIn } from "../players/playtimes.ts";
import { removePlayer } from "../players/remove.ts";
import { exportPlayers } from "../players/table.ts";
import { visible } from "../visible.ts";
import { barsOf, windowsIn } from "./activity.ts";
import { type Command, CommandProblem, type Context, confirm, stringOption, table } from "./command.ts";
import { writeOutput } from "./files.ts";
import { progressBar } from "./progress.ts";

export const playerCommands: Record<string, Command> = {
  "players show": { args: "<steamId>", summary: "show what is known about a player", printsJson: true, run: show },
  "players export": {
    args: "[file]",
    summary: "write players to a table (CSV)",
    details: [
      "The file must be new, and only its owner can read it; without one the table goes to standard output.",
      "--game N        only this game",
      "--steam X       only players whose Steam time is known, or unknown",
      "--battlemetrics X  only players whose BattleMetrics time is known, or unknown",
      "--days N,M      add columns with the time of the last days, such as 7,30, in seconds",
      "--spreadsheet   in a form that Excel and others open without changing the Steam IDs; hours are rounded",
      `--status X      only with this answer of Steam: ${steamStatuses.join(", ")}`,
    ],
    options: {
      game: { type: "string" },
      steam: { type: "string" },
      battlemetrics: { type: "string" },
      status: { type: "string" },
      days: { type: "string" },
      spreadsheet: { type: "boolean" },
    },
    run: exportTable,
  },
  "players delete": {
    args: "<steamId>",
    summary: "delete all data of a player",
    details: ["--yes           do not ask"],
    options: { yes: { type: "boolean" } },
    run: remove,
  },
};

async function show(context: Context): Promise<void> {
  const player = steamId(context.positionals[0], "the Steam ID");
  const database = await context.open();
  const rows = await playtimesIn(database).ofPlayer(player);
  const [known] = await namesIn(database).of([player]);
  const name = known?.name ?? null;
  const recent = await Promise.all(rows.map(({ gameId }) => barsOf(context, database, player, gameId)));
  if (context.options["json"]) {
    const all = rows.map((row, index) => ({ ...row, name, days: recent[index]?.days ?? [] }));
    return context.print(JSON.stringify(all, null, 2));
  }
  if (rows.length === 0) throw new CommandProblem(`Nothing is known about ${player} yet.`);
  if (name !== null) context.print(`${visible(name)}\n`);
  const head = ["GAME", "STEAM", "STEAM STATUS", "STEAM CHECKED", "BATTLEMETRICS", "BM SIGNED", "CREATED", "UPDATED"];
  context.print(table([...head, "YOUR SERVERS", "LAST SEEN"], rows.map(cells)));
  for (const [index, { gameId }] of rows.entries()) {
    const { days = [], line, sum, from, today } = recent[index] ?? {};
    if (days.length > 0) context.print(`\nGame ${gameId}, the last 30 days (${from} to ${today}): ${sum}\n${line}`);
  }
}

async function exportTable(context: Context): Promise<void> {
  const [name = "-"] = context.positionals;
  const filter = filterIn(context);
  const days = stringOption(context.options, "days");
  const history = historyOf(context.config.HISTORY);
  const recent =
    days === undefined
      ? undefined
      : { windows: windowsIn(days, history, mostWindows), today: history.dayOf(new Date()) };
  const database = await context.open();
  const onProgress = progressBar(context.draw, "players");
  const isForSpreadsheet = context.options["spreadsheet"] === true;
  const count = await writeOutput(
    name,
    context,
    (to) => exportPlayers(database, to, { filter, recent, isForSpreadsheet, onProgress }),
    { command: "players export", isText: true },
  );
  if (name !== "-") context.print(`Written: ${count.toLocaleString("en")} ${count === 1 ? "player" : "players"}.`);
}

function filterIn({ options }: Context): PlayerFilter {
  const read = <T>(name: string, parse: Parser<T>) => {
    const given = stringOption(options, name);
    return given === undefined ? undefined : parse(given, `--${name}`);
  };
  return {
    game: read("game", filterParsers.game),
    steam: read("steam", filterParsers.steam),
    battlemetrics: read("battlemetrics", filterParsers.battlemetrics),
    status: read("status", filterParsers.status),
  };
}

async function remove(context: Context): Promise<void> {
  const player = steamId(context.positionals[0], "the Steam ID");
  const database = await context.open();
  const rows = await playtimesIn(database).ofPlayer(player);
  if (rows.length === 0) throw new CommandProblem(`Nothing is known about ${player}.`);
  const games = rows.map(({ gameId }) => gameId).join(", ");
  await confirm(context, `Delete all data of ${player} (game ${games})?`, "Nothing was deleted.");
  await removePlayer(database, player);
  await context.changed("a player deleted", player);
  context.print(`Deleted. If BattleMetrics or a script names ${player} again, a new record begins.`);
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
    hours(row.orgSeconds),
    row.seenAt ?? "never",
  ];
}

function hours(seconds: number | null): string {
  return seconds === null ? "unknown" : `${(seconds / 3_600).toFixed(1)} h (${seconds} s)`;
}
