import type { Config } from "../config.ts";
import type { Way } from "../database/way.ts";
import { Refusal } from "../http/refusal.ts";
import type { Names } from "../names.ts";
import { gameId, integer, isSteamId, largestInteger, Malformed, oneOf, type Parser, type SteamId } from "../parse.ts";
import { daysIn } from "../players/days.ts";
import { historyOf } from "../players/deliveries.ts";
import type { Playtimes } from "../players/playtimes.ts";
import { removePlayer } from "../players/remove.ts";
import type { Steam } from "../steam.ts";
import type { Activity } from "../watch/activity.ts";
import { firstDrawn } from "./days-chart.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";
import { pageOfPlayer } from "./player-address.ts";
import { confirmRemoval, confirmTimes, type Draft, playerPage, type TypedTime } from "./player-page.ts";
import { addressOfList, choiceIn } from "./players-choice.ts";
import { gameTitle } from "./reader.ts";

/** Steam takes at most so long to be reached; a person waits for the page. */
export const askMs = 8_000;

export type PlayerDeps = {
  config: Pick<Config, "STEAM" | "HISTORY">;
  database: Way;
  playtimes: Playtimes;
  steam: Steam;
  names: Names;
  activity: Pick<Activity, "flush">;
  now: () => Date;
};

/** A player's own page, and what its forms do. */
export function playerRoutes(deps: PlayerDeps): Record<string, PageHandler> {
  const { config, database, playtimes, steam, names, activity, now } = deps;
  const history = historyOf(config.HISTORY);
  const days = daysIn(database);

  return {
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
            text: reader.texts.players.asked(gameTitle(reader, asked.gameId), reader.texts.status[asked.steamStatus]),
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
    const { done } = backTo(request, steamId);
    if (config.STEAM.KEY === "") return done("no-key");
    const isAnswered = await steam.ask({ steamId, gameId: game, refresh: true, dropAtMs: performance.now() + askMs });
    return done(isAnswered ? `asked&game=${game}` : "not-asked");
  }

  /** Shows what would be changed; what is confirmed then is done. */
  async function correct(request: Request, steamId: SteamId, form: URLSearchParams) {
    const game = gameId(form.get("game"), "game");
    const row = (await playtimes.ofPlayer(steamId)).find((one) => one.gameId === game);
    const { own, done } = backTo(request, steamId);
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

/** The page of the player with the list that it leads back to, and the answer that leads there and says what was done. */
function backTo({ query }: Request, steamId: SteamId) {
  const own = pageOfPlayer(steamId, listIn(query));
  return { own, done: (code: string) => seeOther(`${own}${own.includes("?") ? "&" : "?"}done=${code}`) };
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

function idIn({ call: { param } }: Request): SteamId {
  if (!isSteamId(param)) throw new Refusal("not-found");
  return param;
}

function parsed<T>(parse: Parser<T>, text: string): T | undefined {
  try {
    return parse(text, "");
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

/** The notice about what was just done. */
export function doneNotice({ reader, query }: Request) {
  const { done, notAsked, noKey, busy } = reader.texts.players;
  const code = query.get("done") ?? "";
  if (code === "busy") return { kind: "problem" as const, text: busy };
  if (code === "not-asked") return { kind: "problem" as const, text: notAsked };
  if (code === "no-key") return { kind: "problem" as const, text: noKey };
  return Object.hasOwn(done, code) ? { kind: "done" as const, text: done[code as keyof typeof done] } : undefined;
}
