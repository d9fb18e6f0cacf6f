import type { FileHandle } from "node:fs/promises";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Day, daysBefore } from "../calendar.ts";
import type { Database, Sql } from "../database/connect.ts";
import { arrayOf, newestOfEach } from "../database/rows.ts";
import { connectionLost, fetchRows, inTransaction } from "../database/transaction.ts";
import { bytesOf } from "../file.ts";
import { gameId, isSteamId, largestInteger, Malformed, type Parser, type SteamId, seconds, steamId } from "../parse.ts";
import { type CsvRow, readCsv } from "./csv.ts";
import { type ImportedPlayer, type Replaced, statusOf, writePlayers } from "./import.ts";
import { allMatching, orderBy } from "./list.ts";
import type { PlayerFilter, PlaytimeSort } from "./listing.ts";
import { type Playtime, playtimeColumns, selectedPlaytime } from "./playtime.ts";

type OnProgress = (done: number, total: number) => void;

/** The columns of the table, in its order. */
const columns: Record<string, (player: Playtime) => string | number | null> = {
  ...Object.fromEntries(
    Object.entries(playtimeColumns).map(([name, { column }]) => [column, (player) => player[name as keyof Playtime]]),
  ),
  steam_hours: (player) => hours(player.steamSeconds),
  bm_hours: (player) => hours(player.bmSeconds),
};

export type ExportOptions = {
  filter: PlayerFilter;
  /** Undefined: in no order, which is the fastest. */
  sort?: PlaytimeSort | undefined;
  /** The seconds of so many last days, `today` in, in a column each behind the others. */
  recent?: { windows: readonly number[]; today: Day } | undefined;
  /** In the form that spreadsheets open without changing a value, see below. */
  isForSpreadsheet?: boolean;
  onProgress?: OnProgress;
};

/**
 * Writes the chosen players as a table, as they are at one moment: CSV, or what spreadsheets open without changing a value.
 * Returns how many players there are.
 */
export function exportPlayers(database: Pick<Database, "alone">, to: Writable, options: ExportOptions) {
  const { filter } = options;
  return inTransaction(database, "snapshot", async (sql) => {
    const [counted] = await sql<{ rows: string }[]>`
      select count(*) as rows from playtimes where ${allMatching(sql, filter)}`;
    if (!counted) throw connectionLost();
    const total = Number(counted.rows);
    await pipeline(tableOf(sql, total, options), to);
    return total;
  });
}

async function* tableOf(
  sql: Sql,
  total: number,
  { filter, sort, recent = { windows: [], today: "" }, isForSpreadsheet = false, onProgress = () => {} }: ExportOptions,
): AsyncGenerator<string | Buffer> {
  const write = isForSpreadsheet ? spreadsheetLines : csvLines;
  const { windows, today } = recent;
  yield write([[...Object.keys(columns), ...windows.map((days) => `seconds_${days}_days`)]], true);
  const cells = Object.values(columns);
  let done = 0;
  await sql`
    declare rows no scroll cursor for
    select ${selectedPlaytime(sql)}, ${secondsOfDays(sql, windows, today)} as recent
    from playtimes where ${allMatching(sql, filter)} ${sort ? orderBy(sql, sort) : sql``}`;
  for await (const players of fetchRows<Playtime & { recent: string | null }>(sql, total)) {
    yield write(
      players.map((player) => {
        const seconds = player.recent?.split(",").map(Number) ?? windows.map(() => "");
        return [...cells.map((cell) => cell(player) ?? ""), ...seconds];
      }),
    );
    done += players.length;
    onProgress(done, total);
  }
}

/** As text with commas between; null for a player of whom BattleMetrics told nothing, and where none is asked for. */
function secondsOfDays(sql: Sql, windows: readonly number[], today: Day) {
  if (windows.length === 0) return sql`null`;
  const firsts = arrayOf(windows, (days) => daysBefore(today, days - 1));
  return sql`case when seen_at is not null then (
    select string_agg(coalesce((
      select sum(seconds) from playtime_days as played
      where (played.steam_id, played.game_id) = (playtimes.steam_id, playtimes.game_id)
        and day between first_day and ${today}::date), 0)::text, ',' order by place)
    from unnest(${firsts}::date[]) with ordinality as asked (first_day, place)) end`;
}

type Cell = string | number;

/** No value of a player needs quotes. */
const csvLines = (rows: Cell[][]) => rows.map((row) => `${row.join(",")}\n`).join("");

/**
 * UTF-16 with tabs: Excel shows it in columns in every language, where commas or semicolons fail in one half of the world.
 * An ID is a formula that gives text, since a number would lose its last digits. Hours are whole: `12.5` can become a date.
 */
function spreadsheetLines(rows: Cell[][], isHead = false): Buffer {
  const lines = rows.map((row) => `${row.map(spreadsheetCell).join("\t")}\r\n`).join("");
  return Buffer.from(`${isHead ? "\ufeff" : ""}${lines}`, "utf16le");
}

function spreadsheetCell(cell: Cell): string {
  if (typeof cell === "number") return String(Math.round(cell));
  return isSteamId(cell) ? `"=""${cell}"""` : cell;
}

/** With one decimal. */
const hours = (seconds: number | null) => (seconds === null ? null : Math.round(seconds / 360) / 10);

export type TableOptions = {
  /** The game of all rows, instead of a column. */
  game: number | undefined;
};

/** What a table holds: nothing of it may be taken when there are problems. */
export type Checked = {
  players: number;
  /** Sentences, the first of them. */
  problems: string[];
  problemCount: number;
  /** Steam IDs have lost digits. */
  isRounded: boolean;
  /** Columns that are not read. */
  unused: string[];
};

const problemsMost = 20;

/** Reads a table to its end without keeping anything. */
export async function checkPlayers(file: FileHandle, options: TableOptions): Promise<Checked> {
  const checked: Checked = { players: 0, problems: [], problemCount: 0, isRounded: false, unused: [] };
  const problem = (words: string) => {
    checked.problemCount += 1;
    if (checked.problems.length < problemsMost) checked.problems.push(words);
  };
  const endings = { ids: 0, zeros: 0 };
  try {
    for await (const { rows, unused } of playersIn(file, options, someTime)) {
      checked.unused = unused;
      for (const { player, words, isSurelyText, isRounded } of rows) {
        if (isRounded) checked.isRounded = true;
        if (words !== undefined) problem(words);
        if (!player) continue;
        checked.players += 1;
        if (isSurelyText) continue;
        endings.ids += 1;
        if (player.steamId.endsWith("00")) endings.zeros += 1;
      }
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    problem(`${error.message}.`);
  }
  // By chance it is one in a hundred.
  const { ids, zeros } = endings;
  if (zeros > 0 && (zeros === ids || (zeros > 1 && zeros * 4 >= ids))) {
    checked.isRounded = true;
    problem(`${zeros} of ${ids} Steam IDs end in 00: ${rounded} (IDs that truly end so are taken with ' before them.)`);
  }
  return checked;
}

/**
 * Takes the players of a table that was checked, as the import from the Django service does: never over a row with a time
 * that BattleMetrics signed, and never none over a time. Rows that name no time of their own count as of now.
 */
export function importPlayers(
  file: FileHandle,
  options: TableOptions,
  database: Pick<Database, "alone">,
  onProgress: (done: number) => void,
): Promise<Replaced & { rows: number }> {
  return database.alone((sql) => importRows(file, options, sql, onProgress));
}

async function importRows(
  file: FileHandle,
  options: TableOptions,
  sql: Sql,
  onProgress: (done: number) => void,
): Promise<Replaced & { rows: number }> {
  const [clock] = await sql<{ at: string }[]>`select now() - interval '1 ms' as at`;
  if (!clock) throw connectionLost();
  const total = { rows: 0, unknown: 0, signed: 0, older: 0 };
  for await (const { rows } of playersIn(file, options, clock.at)) {
    const players = newestOfEach(
      rows.flatMap(({ player }) => player ?? []),
      (a, b) => (a.updatedAt > b.updatedAt ? 1 : -1),
    );
    if (players.length === 0) continue;
    const found = await writePlayers(sql, players, false);
    total.rows += rows.length;
    total.unknown += found.unknown;
    total.signed += found.signed;
    total.older += found.older;
    onProgress(total.rows);
  }
  return total;
}

const someTime = new Date(0).toISOString();

type ReadRow = { player?: ImportedPlayer; words?: string; isSurelyText?: boolean; isRounded?: boolean };

/** The rows of a table below its header line, each a player or why it is none. Throws Malformed when it is no such table. */
async function* playersIn(
  file: FileHandle,
  { game }: TableOptions,
  otherwiseAt: string,
): AsyncGenerator<{ rows: ReadRow[]; unused: string[] }> {
  let header: string[] | undefined;
  let unused: string[] = [];
  for await (const batch of readCsv(bytesOf(file))) {
    if (!header && batch[0]) {
      header = headerOf(batch.shift(), game);
      unused = header.filter((name) => !readColumns.includes(name));
    }
    const names = header ?? [];
    yield { rows: batch.map((row) => read(row, names, game, otherwiseAt)), unused };
  }
  if (!header) throw new Malformed("the table", "a line with the names of the columns, and rows below");
}

const readColumns = [
  "steam_id",
  "game_id",
  "steam_seconds",
  "steam_hours",
  "bm_seconds",
  "bm_hours",
  "created_at",
  "updated_at",
];

function headerOf(row: CsvRow | undefined, game: number | undefined): string[] {
  const names = (row?.cells ?? []).map((cell) => cell.trim().toLowerCase());
  const needed = game === undefined ? ["steam_id", "game_id"] : ["steam_id"];
  for (const name of needed)
    if (!names.includes(name))
      throw new Malformed(
        "the first line",
        `the names of the columns, with ${name} among them${name === "game_id" ? " (or give --game)" : ""}`,
      );
  if (names.includes("hours"))
    throw new Malformed(
      "the first line",
      "without a column hours: name it steam_hours or bm_hours, whichever it holds",
    );
  for (const name of readColumns)
    if (names.indexOf(name) !== names.lastIndexOf(name)) throw new Malformed("the first line", `without ${name} twice`);
  return names;
}

function read({ line, cells }: CsvRow, names: string[], game: number | undefined, otherwiseAt: string): ReadRow {
  try {
    if (cells.length !== names.length) throw new Malformed("the row", `${names.length} cells, as the first line has`);
    const cell = (name: string) => cells[names.indexOf(name)]?.trim() ?? "";
    const given = <T>(name: string, parse: Parser<T>) => (cell(name) === "" ? null : parse(cell(name), name));
    const id = idOf(cell("steam_id"));
    // Hours are rounded: where a table has both, the seconds count.
    const timeOf = (whose: "steam" | "bm") =>
      names.includes(`${whose}_seconds`) ? given(`${whose}_seconds`, seconds) : given(`${whose}_hours`, secondsOfHours);
    const times = { steamSeconds: timeOf("steam"), bmSeconds: timeOf("bm") };
    const updatedAt = given("updated_at", time) ?? otherwiseAt;
    const player: ImportedPlayer = {
      steamId: id.steamId,
      gameId: game ?? gameId(cell("game_id"), "game_id"),
      ...times,
      steamStatus: statusOf(times),
      createdAt: given("created_at", time) ?? updatedAt,
      updatedAt,
    };
    return { player, isSurelyText: id.isSurelyText };
  } catch (error) {
    if (error instanceof RoundedId) return { words: `line ${line}: ${error.message}`, isRounded: true };
    if (error instanceof Malformed) return { words: `line ${line}: ${error.message}.` };
    throw error;
  }
}

class RoundedId extends Error {}

const rounded = "rounded by a spreadsheet, their last digits are lost.";

/** `'765…` and `="765…"` are how people keep a spreadsheet from taking an ID for a number. */
function idOf(cell: string): { steamId: SteamId; isSurelyText: boolean } {
  const text = /^(?:'|=")([0-9]*)"?$/.exec(cell)?.[1];
  // Nobody out of a thousand million has an ID with nine zeros.
  if (text === undefined && (/^[0-9][.,]?[0-9]*e\+?[0-9]+$/i.test(cell) || /^7[0-9]+0{9}$/.test(cell)))
    throw new RoundedId(`the Steam ID ${cell.slice(0, 30)} was rounded by a spreadsheet: its last digits are lost.`);
  return { steamId: steamId(text ?? cell, "steam_id"), isSurelyText: text !== undefined };
}

/** Hours as people and spreadsheets write them, with a point or a comma: as seconds. */
const secondsOfHours: Parser<number> = (value, place) => {
  const text = String(value).replace(",", ".");
  const inSeconds = /^[0-9]+(?:\.[0-9]*)?$/.test(text) ? Math.round(Number(text) * 3_600) : Number.NaN;
  if (!(inSeconds <= largestInteger)) throw new Malformed(place, "hours, such as 12 or 12.5");
  return inSeconds;
};

/** With any zone. */
const time: Parser<string> = (value, place) => {
  const text = String(value);
  const ms = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$/.test(text)
    ? Date.parse(text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"))
    : Number.NaN;
  if (Number.isNaN(ms)) throw new Malformed(place, "a time with its zone, such as 2026-01-02T03:04:05Z");
  return new Date(ms).toISOString();
};
