import { UsageProblem } from "../arguments.ts";
import { daysBefore } from "../calendar.ts";
import type { Database } from "../database/connect.ts";
import { type IdList, idsIn } from "../id-list.ts";
import { gameId, integer, Malformed, type SteamId } from "../parse.ts";
import { daysIn, mostWindows, windowsKept } from "../players/days.ts";
import { type History, historyOf } from "../players/deliveries.ts";
import { type Listed, leastActiveFirst, listCsv } from "../players/least-active.ts";
import { namesIn } from "../players/names.ts";
import { type Command, CommandProblem, type Context, stringOption, table } from "./command.ts";
import { withInput } from "./files.ts";

const game = { game: { type: "string" } } as const;

export const activityCommands: Record<string, Command> = {
  "players top": {
    args: "",
    summary: "who played most in the last days",
    details: [
      "--days N        how many days count, with today (default 30)",
      "--game N        only this game; needed if several games are stored",
      "--limit N       how many players, 1 to 1000 (default 20)",
    ],
    options: { days: { type: "string" }, limit: { type: "string" }, ...game },
    printsJson: true,
    run: top,
  },
  "players activity": {
    args: "[id...]",
    summary: "how long the players of a list played lately, least active first",
    details: [
      "IDs may be 7656…, STEAM_0:1:…, [U:1:…] or addresses of profiles.",
      "--ids FILE      a file with one ID on each line; text after # or // is ignored; - is standard input",
      `--days N,M      the last days to show, with today, up to ${mostWindows} numbers (default 7,30)`,
      "--game N        only this game; needed if several games are stored",
      "--csv           print a table (CSV), in seconds",
    ],
    options: { ids: { type: "string" }, days: { type: "string" }, csv: { type: "boolean" }, ...game },
    printsJson: true,
    run: activity,
  },
};

async function top(context: Context): Promise<void> {
  const { options, print } = context;
  const history = keptDays(context);
  const [days = 0] = windowsIn(stringOption(options, "days") ?? String(Math.min(30, history.keepDays)), history, 1);
  const limit = integer({ min: 1, max: 1_000 })(stringOption(options, "limit") ?? "20", "--limit");
  const database = await context.open();
  const ofGame = await gameIn(context, database);
  const today = history.dayOf(new Date());
  const players = await daysIn(database).top({ gameId: ofGame, days, today, limit, exclude: [] });
  const names = await namesOf(
    database,
    players.map(({ steamId }) => steamId),
  );
  if (options["json"])
    return print(
      JSON.stringify(
        players.map((one) => ({ ...one, name: names.get(one.steamId) ?? null })),
        null,
        2,
      ),
    );
  if (players.length === 0) throw new CommandProblem(`No time is known for game ${ofGame} (${lastDays(days)}).`);
  const rows = players.map(({ steamId, seconds, lastSeen }, index) => [
    String(index + 1),
    steamId,
    hours(seconds),
    lastSeen ?? "never",
    names.get(steamId) ?? "",
  ]);
  print(table(["", "STEAM ID", lastDays(days).toUpperCase(), "LAST SEEN", "NAME"], rows));
}

async function activity(context: Context): Promise<void> {
  const { options, print, warn } = context;
  if (options["json"] && options["csv"]) throw new UsageProblem("Choose one of --json and --csv.");
  const history = keptDays(context);
  const usual = windowsKept([7, 30], history.keepDays).join(",");
  const windows = windowsIn(stringOption(options, "days") ?? usual, history, mostWindows);
  const { steamIds, unread } = await listIn(context);
  const database = await context.open();
  const ofGame = await gameIn(context, database);
  const players = leastActiveFirst(await latelyOf(database, steamIds, { gameId: ofGame, windows, history }), windows);
  const names = await namesOf(database, steamIds);
  if (options["json"])
    print(
      JSON.stringify(
        players.map((one) => plain(one, windows, names)),
        null,
        2,
      ),
    );
  else if (options["csv"]) print(listCsv(players, windows));
  else {
    const seen = players.filter(({ lately }) => lately !== undefined);
    const head = ["STEAM ID", ...windows.map((days) => lastDays(days).toUpperCase()), "LAST SEEN", "NAME"];
    if (seen.length > 0)
      print(
        table(
          head,
          seen.map(({ steamId, lately }) => [
            steamId,
            ...(lately?.seconds ?? []).map(hours),
            lately?.lastSeen ?? "",
            names.get(steamId) ?? "",
          ]),
        ),
      );
    const others = players.filter(({ lately }) => lately === undefined).map(({ steamId }) => steamId);
    if (others.length > 0)
      print(
        `${seen.length > 0 ? "\n" : ""}BattleMetrics has sent nothing yet about:\n${others.map((id) => `  ${id}`).join("\n")}`,
      );
  }
  for (const { line, text } of unread) warn(`line ${line}: no Steam ID in "${text}"`);
}

function keptDays({ config }: Context): History {
  const history = historyOf(config.HISTORY);
  if (history.keepDays === 0) throw new CommandProblem("Daily times are switched off: [HISTORY] KEEP_DAYS is 0.");
  return history;
}

/** Such as "7,30". */
export function windowsIn(text: string, { keepDays }: Pick<History, "keepDays">, most: number): number[] {
  const windows = text.split(",").map((days) => integer({ min: 1, max: keepDays })(days, "--days"));
  if (windows.length > most || new Set(windows).size < windows.length)
    throw new Malformed(
      "--days",
      most === 1 ? "one number" : `1 to ${most} different numbers with commas between, such as 7,30`,
    );
  return windows;
}

const mostIds = 10_000;

async function listIn(context: Context): Promise<IdList> {
  const file = stringOption(context.options, "ids");
  const { positionals } = context;
  if ((file === undefined) === (positionals.length === 0))
    throw new UsageProblem("Give either Steam IDs, or a file with --ids.");
  const text =
    file === undefined
      ? positionals.join("\n")
      : file === "-"
        ? await context.readInput()
        : await withInput(file, context, (handle) => handle.readFile("utf8"));
  const list = idsIn(text);
  if (file === undefined && list.unread[0]) throw new Malformed(`"${list.unread[0].text}"`, "a Steam ID");
  if (list.steamIds.length === 0) throw new CommandProblem("There is no Steam ID in the list.");
  if (list.steamIds.length > mostIds) throw new CommandProblem(`The list is too long: at most ${mostIds} Steam IDs.`);
  return list;
}

/** The one that is named, or the only one that is stored. */
async function gameIn({ options }: Context, database: Pick<Database, "run">): Promise<number> {
  const named = stringOption(options, "game");
  if (named !== undefined) return gameId(named, "--game");
  const games = await daysIn(database).games();
  if (games.length > 1) throw new UsageProblem(`Several games are stored: add --game with one of ${games.join(", ")}.`);
  if (games[0] === undefined)
    throw new CommandProblem("There are no daily times yet. They are known from a player's second delivery on.");
  return games[0];
}

type Chosen = { gameId: number; windows: number[]; history: History };

async function latelyOf(
  database: Pick<Database, "run">,
  steamIds: SteamId[],
  { gameId, windows, history }: Chosen,
): Promise<Listed[]> {
  const { lately } = daysIn(database);
  const today = history.dayOf(new Date());
  const players: Listed[] = [];
  for (let start = 0; start < steamIds.length; start += 500) {
    const some = steamIds.slice(start, start + 500);
    const found = await lately({ steamIds: some, gameId, windows, today });
    players.push(...some.map((steamId, index) => ({ steamId, lately: found[index] })));
  }
  return players;
}

/** Those that Steam told the service; a command asks nothing. */
async function namesOf(database: Pick<Database, "run">, steamIds: SteamId[]): Promise<Map<SteamId, string>> {
  const known = steamIds.length > 0 ? await namesIn(database).of(steamIds) : [];
  return new Map(known.flatMap(({ steamId, name }) => (name === null ? [] : [[steamId, name] as const])));
}

function plain({ steamId, lately }: Listed, windows: number[], names: ReadonlyMap<SteamId, string>) {
  const recent = lately && Object.fromEntries(windows.map((days, index) => [days, lately.seconds[index]]));
  return { steamId, name: names.get(steamId) ?? null, recent: recent ?? null, lastSeen: lately?.lastSeen ?? null };
}

const lastDays = (days: number) => (days === 1 ? "today" : `last ${days} days`);
const hours = (seconds: number) => `${(seconds / 3_600).toFixed(1)} h`;

const bars = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** A player's last 30 days as one line, the oldest first: a bar a day, as high as the longest of them allows. */
export async function barsOf(context: Context, database: Pick<Database, "run">, steamId: SteamId, gameId: number) {
  const today = historyOf(context.config.HISTORY).dayOf(new Date());
  const from = daysBefore(today, 29);
  const found = (await daysIn(database).ofPlayer(steamId, from, today)).filter((one) => one.gameId === gameId);
  const seconds = Array.from({ length: 30 }, (_, index) => {
    const day = daysBefore(today, 29 - index);
    return found.find((one) => one.day === day)?.seconds ?? 0;
  });
  const most = Math.max(...seconds);
  const line = seconds.map((one) => (one === 0 ? "·" : (bars[Math.ceil((one / most) * bars.length) - 1] ?? "")));
  const sum = seconds.reduce((all, one) => all + one, 0);
  return {
    days: found.map(({ day, seconds }) => ({ day, seconds })),
    line: line.join(""),
    sum: hours(sum),
    from,
    today,
  };
}
