import type { Config } from "../config.ts";
import type { Way } from "../database/way.ts";
import { type IdList, idsIn } from "../id-list.ts";
import type { Names } from "../names.ts";
import { gameId, Malformed } from "../parse.ts";
import { daysIn, windowsKept } from "../players/days.ts";
import { historyOf } from "../players/deliveries.ts";
import { leastActiveFirst, listCsv } from "../players/least-active.ts";
import { type Activity, activityPage, addressOfActivity } from "./activity-page.ts";
import { download, formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";

const mostIds = 100;
/** How many lines without an ID the page names. */
const mostUnread = 10;

export type ListActivityDeps = { config: Pick<Config, "HISTORY">; database: Way; names: Names; now: () => Date };

/** How long the players of a pasted list played in the last days. The list is part of the address; nothing is stored. */
export function listActivityRoutes({ config, database, names, now }: ListActivityDeps): Record<string, PageHandler> {
  const history = historyOf(config.HISTORY);
  const days = daysIn(database);
  const windows = windowsKept([7, 30, 90], history.keepDays);

  /** What the players of a list did in a game; undefined game: no days are stored. */
  async function read({ steamIds }: IdList, game: number) {
    const today = history.dayOf(now());
    const lately = await days.lately({ steamIds, gameId: game, windows, today });
    return leastActiveFirst(
      steamIds.map((steamId, index) => ({ steamId, lately: lately[index] })),
      windows,
    );
  }

  async function show({ reader }: Request, text: string, game: string, mayFail = true) {
    const words = reader.texts.activity;
    const list = idsIn(text);
    const games = history.keepDays > 0 ? await days.games() : [];
    const shown: Activity = { text, game, games, windows, found: undefined };
    const answer = (problem: string | undefined, more: Partial<Activity> = {}) =>
      page(reader, {
        title: words.title,
        part: "players",
        status: problem === undefined ? 200 : 400,
        notice: problem === undefined ? undefined : { kind: "problem", text: problem },
        body: activityPage(reader, { ...shown, ...more }),
      });
    if (history.keepDays === 0) return answer(undefined);
    const chosen = gameOf(game, games);
    if (chosen === "wrong") return answer(reader.texts.players.wrong.game);
    if (list.steamIds.length > mostIds) return answer(words.tooMany(list.steamIds.length, mostIds));
    if (list.steamIds.length === 0) return answer(mayFail && text.trim() !== "" ? words.noIds : undefined);
    if (chosen === undefined) return answer(undefined);
    const players = await read(list, chosen);
    const found = {
      game: chosen,
      players,
      unread: list.unread.slice(0, mostUnread),
      names: await names(list.steamIds),
    };
    return answer(undefined, { found });
  }

  return {
    "GET /admin/activity/": (request) => show(request, request.query.get("ids") ?? "", request.query.get("game") ?? ""),

    // A pasted file would not fit an address; its IDs do.
    "POST /admin/activity/": async (request) => {
      const form = await formOf(request);
      const text = form.get("ids") ?? "";
      const game = (form.get("game") ?? "").trim();
      const { steamIds, unread } = idsIn(text);
      if (steamIds.length === 0 || steamIds.length > mostIds || gameOf(game, []) === "wrong")
        return show(request, text, game);
      const kept = [...steamIds, ...unread.slice(0, mostUnread).map((line) => line.text)];
      return seeOther(addressOfActivity(kept.join("\n"), game));
    },

    "GET /admin/activity.csv": async ({ query }) => {
      const text = query.get("ids") ?? "";
      const game = query.get("game") ?? "";
      const list = idsIn(text);
      const chosen = history.keepDays > 0 ? gameOf(game, game === "" ? await days.games() : []) : undefined;
      const isReadable = list.steamIds.length > 0 && list.steamIds.length <= mostIds;
      // The page says what is wrong.
      if (!isReadable || chosen === undefined || chosen === "wrong") return seeOther(addressOfActivity(text, game));
      const csv = listCsv(await read(list, chosen), windows);
      return download(`activity-${history.dayOf(now())}.csv`, "text/csv; charset=utf-8", async (to) =>
        to.end(`${csv}\n`),
      );
    },
  };
}

/** The game that is chosen, or the busiest one; undefined where there is none. */
function gameOf(chosen: string, games: readonly number[]): number | undefined | "wrong" {
  if (chosen === "") return games[0];
  try {
    return gameId(chosen, "game");
  } catch (error) {
    if (error instanceof Malformed) return "wrong";
    throw error;
  }
}
