import { atMost } from "../at-most.ts";
import { Malformed, type Parser } from "../parse.ts";
import { daysIn, type Lately } from "../players/days.ts";
import { historyOf } from "../players/deliveries.ts";
import { isServedByIndex, playersListIn } from "../players/list.ts";
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
import { exportPlayers } from "../players/table.ts";
import { type Total, totalsIn } from "../players/total.ts";
import { download, type PageHandler, page, seeOther } from "./page.ts";
import { askMs, doneNotice, type PlayerDeps, playerRoutes } from "./player.ts";
import { addressOfList, type Choice, choiceIn } from "./players-choice.ts";
import { isOffered, keyOf, playersPage, usualSort } from "./players-page.ts";
import type { Texts } from "./texts/en.ts";

const exportsAtOnce = 2;

/** Lists of players, and each player's own page. */
export function playersRoutes(deps: PlayerDeps): Record<string, PageHandler> {
  const { config, database, steam, names, now } = deps;
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
            // Others read the whole table: not again and again for a page that stays open.
            isLive: "filter" in asked && isServedByIndex(asked),
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
      const [found, count] = await Promise.all([list(asked), total(asked.filter)]);
      if (found === "too-slow") return fail(words.tooSlow, 503);
      return found === "busy" ? fail(words.busy, 503) : show({ ...found, total: count });
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

    ...playerRoutes(deps),
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
