import { atMost } from "../at-most.ts";
import type { Config } from "../config.ts";
import type { Way } from "../database/way.ts";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import type { Names } from "../names.ts";
import { gameId, integer, isSteamId, largestInteger, Malformed, oneOf, type Parser, type SteamId } from "../parse.ts";
import { daysIn, type Lately } from "../players/days.ts";
import { historyOf } from "../players/deliveries.ts";
import { playersListIn } from "../players/list.ts";
import {
  cursor,
  filterParsers,
  isPlayed,
  type Listing,
  type PlayerFilter,
  type PlayersPage,
  type Search,
  search,
  sort,
  sortedDays,
} from "../players/listing.ts";
import type { Playtime } from "../players/playtime.ts";
import type { Playtimes } from "../players/playtimes.ts";
import { removePlayer } from "../players/remove.ts";
import { exportPlayers } from "../players/table.ts";
import { type Total, totalsIn } from "../players/total.ts";
import type { Steam } from "../steam.ts";
import type { Activity } from "../watch/activity.ts";
import { firstDrawn } from "./days-chart.ts";
import { download, formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";
import { pageOfPlayer } from "./player-address.ts";
import { confirmRemoval, confirmTimes, type Draft, playerPage, type TypedTime } from "./player-page.ts";
import { addressOfList, type Choice, isOffered, keyOf, playersPage, usualSort } from "./players-page.ts";
import type { Texts } from "./texts/en.ts";

/** Steam takes at most so long to be reached; a person waits for the page. */
const askMs = 8_000;
const exportsAtOnce = 2;

export type PlayersDeps = {
  config: Pick<Config, "STEAM" | "HISTORY">;
  database: Way;
  playtimes: Playtimes;
  steam: Steam;
  names: Names;
  activity: Pick<Activity, "flush">;
  now: () => Date;
  log: Log;
};

/** Lists of players, and each player's own page. */
export function playerRoutes(deps: PlayersDeps): Record<string, PageHandler> {
  const { config, database, playtimes, steam, names, activity, now } = deps;
  const history = historyOf(config.HISTORY);
  const list = playersListIn(database, undefined, () => history.dayOf(now()));
  const total = totalsIn(database);
  const days = daysIn(database);
  const windows = Object.values(sortedDays).filter((count) => count <= history.keepDays);
  const exporting = atMost(exportsAtOnce);

  return {
    "GET /admin/players/": async (request) => {
      const { reader, query } = request;
      const words = reader.texts.players;
      const choice = choiceIn(query);
      const asked = askedFor(choice, windows);
      const show = async (
        found: (PlayersPage & { total: Total }) | undefined,
        problem?: { text: string; status: number },
      ) =>
        page(reader, {
          title: reader.texts.nav.players,
          part: "players",
          status: problem?.status ?? 200,
          notice: problem ? { kind: "problem", text: problem.text } : doneNotice(request),
          body: playersPage(reader, {
            choice,
            found,
            names: await names((found?.players ?? []).map(({ steamId }) => steamId)),
            windows,
            lately: await latelyOf(found?.players ?? []),
            canExport: "filter" in asked,
          }),
        });
      const fail = (text: string, status: number) => show(undefined, { text, status });

      if ("wrong" in asked) return fail(words.wrong[asked.wrong], 400);
      if ("name" in asked) {
        if (config.STEAM.KEY === "") return fail(words.profileNeedsKey, 400);
        const id = await steam.idOf(asked.name, performance.now() + askMs);
        if (id === undefined) return fail(words.profileUnasked, 503);
        if (id === "no-such-name") return fail(words.profileUnknown, 404);
        return seeOther(addressOfList(choice, { q: id, after: "", trail: "" }));
      }
      const found = await list(asked);
      if (found === "too-slow") return fail(words.tooSlow, 503);
      return found === "busy" ? fail(words.busy, 503) : show({ ...found, total: await total(asked.filter) });
    },

    "GET /admin/players.csv": async ({ call, reader, query }) => {
      const choice = choiceIn(query);
      const asked = askedFor(choice, windows);
      // The list says what is wrong.
      if (!("filter" in asked)) return seeOther(addressOfList(choice));
      const isForSpreadsheet = query.get("for") === "spreadsheet";
      const type = `text/csv; charset=${isForSpreadsheet ? "utf-16le" : "utf-8"}`;
      const name = `players-${reader.now.toISOString().slice(0, 10)}.csv`;
      // Nothing is written in answer to it.
      if (call.method === "HEAD") return download(name, type, async () => {});
      // Taken before the answer begins: a download that has begun can no longer say that others hold all places.
      const leave = exporting.take();
      if (!leave) return seeOther("/admin/players/?done=busy");
      const { filter, sort } = asked;
      // A table holds all players, not only those with days.
      const order = isPlayed(sort) ? undefined : sort;
      return download(name, type, (to) =>
        exportPlayers(database, to, { filter, sort: order, isForSpreadsheet }).finally(leave),
      );
    },

    "GET /admin/players/:steamId/": (request) => {
      const id = idIn(request);
      if (request.query.get("confirm") !== "delete") return show(request, id);
      const { reader } = request;
      return page(reader, { title: id, part: "players", body: confirmRemoval(reader, id) });
    },

    "POST /admin/players/:steamId/": async (request) => {
      const id = idIn(request);
      const form = await formOf(request);
      const action = oneOf(["ask", "correct", "delete"])(form.get("action"), "action");
      if (action === "delete") {
        // What was noted a moment ago, and is not yet written, names the player too.
        await activity.flush();
        await removePlayer(database, id);
        await request.changed("a player deleted", id);
        return seeOther("/admin/players/?done=deleted");
      }
      return action === "ask" ? ask(request, id, form) : correct(request, id, form);
    },
  };

  /** By `keyOf` a player and game. */
  async function latelyOf(players: readonly Playtime[]): Promise<ReadonlyMap<string, Lately>> {
    const all = new Map<string, Lately>();
    if (windows.length === 0) return all;
    const today = history.dayOf(now());
    const ofGame = async (gameId: number) => {
      const steamIds = players.filter((player) => player.gameId === gameId).map(({ steamId }) => steamId);
      const found = await days.lately({ steamIds, gameId, windows, today });
      for (const [index, lately] of found.entries())
        if (lately) all.set(keyOf({ steamId: steamIds[index] ?? "", gameId }), lately);
    };
    await Promise.all([...new Set(players.map(({ gameId }) => gameId))].map(ofGame));
    return all;
  }

  async function show(request: Request, steamId: SteamId, draft?: Draft) {
    const { reader, query } = request;
    const [rows, edited] = await Promise.all([playtimes.ofPlayer(steamId), playtimes.editsOf(steamId)]);
    const name = rows.length > 0 ? (await names([steamId])).get(steamId) : undefined;
    const today = history.dayOf(now());
    const played =
      history.keepDays > 0 && rows.length > 0 ? await days.ofPlayer(steamId, firstDrawn(today), today) : undefined;
    const asked = rows.find((row) => String(row.gameId) === query.get("game"));
    const notice =
      query.get("done") === "asked" && asked
        ? {
            kind: "done" as const,
            text: reader.texts.players.asked(asked.gameId, reader.texts.status[asked.steamStatus]),
          }
        : doneNotice(request);
    return page(reader, {
      title: steamId,
      part: "players",
      notice: draft ? { kind: "problem", text: reader.texts.players.notTaken } : notice,
      status: draft ? 400 : rows.length === 0 ? 404 : 200,
      body: playerPage(reader, { steamId, name, rows, edited, today, played, draft, list: listIn(query) }),
    });
  }

  async function ask(request: Request, steamId: SteamId, form: URLSearchParams) {
    const typed = form.get("game") ?? "";
    const game = parsed(gameId, typed);
    if (game === undefined) return show(request, steamId, { ask: typed });
    const own = pageOfPlayer(steamId, listIn(request.query));
    const done = (code: string) => seeOther(`${own}${own.includes("?") ? "&" : "?"}done=${code}`);
    if (config.STEAM.KEY === "") return done("no-key");
    const isAnswered = await steam.ask({ steamId, gameId: game, refresh: true, dropAtMs: performance.now() + askMs });
    return done(isAnswered ? `asked&game=${game}` : "not-asked");
  }

  /** Shows what would be changed; what is confirmed then is done. */
  async function correct(request: Request, steamId: SteamId, form: URLSearchParams) {
    const game = gameId(form.get("game"), "game");
    const row = (await playtimes.ofPlayer(steamId)).find((one) => one.gameId === game);
    const own = pageOfPlayer(steamId, listIn(request.query));
    const done = (code: string) => seeOther(`${own}${own.includes("?") ? "&" : "?"}done=${code}`);
    if (!row) return done("gone");
    const typed = typedTimes(form);
    const steamSeconds = enteredTime(typed.steam, form.get("steam-was"));
    const bmSeconds = enteredTime(typed.battlemetrics, form.get("battlemetrics-was"));
    if (steamSeconds === "wrong" || bmSeconds === "wrong")
      return show(request, steamId, {
        gameId: game,
        ...typed,
        wrong: { steam: steamSeconds === "wrong", battlemetrics: bmSeconds === "wrong" },
      });
    if (steamSeconds === undefined && bmSeconds === undefined) return done("same");
    if (form.get("confirmed") !== "yes") {
      const { reader } = request;
      const body = confirmTimes(reader, { steamId, row, steamSeconds, bmSeconds, typed, was: wasIn(form), page: own });
      return page(reader, { title: steamId, part: "players", body });
    }
    const outcome = await playtimes.correct({ steamId, gameId: game, steamSeconds, bmSeconds, at: now() });
    if (outcome === "corrected") await request.changed(`a time of game ${game} edited`, steamId);
    return done(outcome);
  }
}

const wasIn = (form: URLSearchParams) => ({
  steam: form.get("steam-was") ?? "",
  battlemetrics: form.get("battlemetrics-was") ?? "",
});

function typedTimes(form: URLSearchParams): { steam: TypedTime; battlemetrics: TypedTime } {
  const of = (name: string) => ({ hours: form.get(`${name}-hours`) ?? "", minutes: form.get(`${name}-minutes`) ?? "" });
  return { steam: of("steam"), battlemetrics: of("battlemetrics") };
}

const wholeNumber = integer({ min: 0, max: largestInteger });

/**
 * In seconds; null: unknown; undefined: as it was, since beside the form deliveries go on. `was`: the seconds that the form
 * began with, of which a rest below a minute is no change.
 */
export function enteredTime({ hours, minutes }: TypedTime, was: string | null): number | null | undefined | "wrong" {
  const before = was === null || was === "" ? null : wholeNumber(was, "was");
  const entered = [hours, minutes].map((text) => text.replace(/\s/g, ""));
  if (entered.every((text) => text === "")) return before === null ? undefined : null;
  if (!entered.every((text) => /^[0-9]{0,7}$/.test(text))) return "wrong";
  const [wholeHours = 0, wholeMinutes = 0] = entered.map(Number);
  const seconds = wholeHours * 3_600 + wholeMinutes * 60;
  if (wholeMinutes > 59 && wholeHours > 0) return "wrong";
  if (seconds > largestInteger) return "wrong";
  return before !== null && seconds === Math.floor(before / 60) * 60 ? undefined : seconds;
}

/** The list from which a player's page was opened, as its address has it. */
function listIn(query: URLSearchParams): string {
  return addressOfList(choiceIn(new URLSearchParams((query.get("list") ?? "").slice(0, 1_000))));
}

function choiceIn(query: URLSearchParams): Choice {
  const of = (name: keyof Choice) => (query.get(name) ?? "").trim().slice(0, 2_000);
  return {
    q: of("q"),
    game: of("game"),
    steam: of("steam"),
    battlemetrics: of("battlemetrics"),
    status: of("status"),
    sort: of("sort"),
    after: of("after"),
    trail: of("trail"),
  };
}

type Meant = Listing | { name: string } | { wrong: keyof Texts["players"]["wrong"] };

/** What the parameters of a list mean. */
function askedFor(choice: Choice, windows: readonly number[]): Meant {
  const read = <T>(name: keyof Choice, parse: Parser<T>) =>
    choice[name] === "" ? undefined : parse(choice[name], name);
  if (/battlemetrics\.com\/\S*players\/[0-9]/i.test(choice.q)) return { wrong: "battlemetrics" };
  try {
    const searched: Search | undefined = read("q", search);
    if (searched && "name" in searched) return searched;
    const filter: PlayerFilter = {
      idPrefix: searched?.idPrefix,
      game: read("game", filterParsers.game),
      steam: read("steam", filterParsers.steam),
      battlemetrics: read("battlemetrics", filterParsers.battlemetrics),
      status: read("status", filterParsers.status),
    };
    const order = read("sort", sort) ?? usualSort(searched !== undefined);
    if (!isOffered(order.by, windows)) return { wrong: "choice" };
    return { filter, sort: order, after: read("after", cursor(order)) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const { place } = error;
    return { wrong: place === "q" ? "search" : place === "game" || place === "after" ? place : "choice" };
  }
}

function idIn({ call: { param } }: Request): SteamId {
  if (!isSteamId(param)) throw new Refusal("not-found");
  return param;
}

/** The notice about what was just done. */
function doneNotice({ reader, query }: Request) {
  const { done, notAsked, noKey, busy } = reader.texts.players;
  const code = query.get("done") ?? "";
  if (code === "busy") return { kind: "problem" as const, text: busy };
  if (code === "not-asked") return { kind: "problem" as const, text: notAsked };
  if (code === "no-key") return { kind: "problem" as const, text: noKey };
  return Object.hasOwn(done, code) ? { kind: "done" as const, text: done[code as keyof typeof done] } : undefined;
}

function parsed<T>(parse: Parser<T>, text: string): T | undefined {
  try {
    return parse(text, "");
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
