import { type Day, day, daysBefore } from "../calendar.ts";
import type { Config } from "../config.ts";
import type { Way } from "../database/way.ts";
import type { Names } from "../names.ts";
import { gameId, integer, Malformed } from "../parse.ts";
import { daysIn, windowsKept } from "../players/days.ts";
import { historyOf } from "../players/deliveries.ts";
import { type PageHandler, page } from "./page.ts";
import { type Span, type TopChoice, topPage } from "./top-page.ts";

const listed = 100;

export type TopDeps = { config: Pick<Config, "HISTORY">; database: Way; names: Names; now: () => Date };

/** Who played most. */
export function topRoutes({ config, database, names, now }: TopDeps): Record<string, PageHandler> {
  const history = historyOf(config.HISTORY);
  const days = daysIn(database);
  const offered = windowsKept([7, 30, 90], history.keepDays);

  return {
    "GET /admin/top/": async ({ reader, query }) => {
      const words = reader.texts.top;
      const of = (name: keyof TopChoice) => (query.get(name) ?? "").trim();
      const choice = { days: of("days"), from: of("from"), to: of("to"), game: of("game") };
      const title = words.title;
      if (history.keepDays === 0)
        return page(reader, { title, part: "players", body: topPage(reader, { choice, offered, games: [] }) });
      const games = await days.games();
      const today = history.dayOf(now());
      const asked = askedFor(choice, { today, keepDays: history.keepDays, games });
      if ("wrong" in asked)
        return page(reader, {
          title,
          part: "players",
          status: 400,
          notice: { kind: "problem", text: words.wrong[asked.wrong](history.keepDays) },
          body: topPage(reader, { choice, offered, games }),
        });
      const { game, span } = asked;
      const players =
        game === undefined
          ? []
          : await days.top({ gameId: game, days: span.count, today: span.to, limit: listed, exclude: [] });
      const found = { game, span, players, names: await names(players.map(({ steamId }) => steamId)) };
      return page(reader, { title, part: "players", body: topPage(reader, { choice, offered, games, found }) });
    },
  };
}

type Kept = { today: Day; keepDays: number; games: readonly number[] };

function askedFor(choice: TopChoice, { today, keepDays, games }: Kept) {
  try {
    const game = choice.game === "" ? games[0] : gameId(choice.game, "game");
    return { game, span: spanOf(choice, today, keepDays) };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { wrong: error.place === "game" ? ("game" as const) : ("days" as const) };
  }
}

/** Two dates win over a number of days. A missing one is today, or the first day that is kept. */
function spanOf(choice: TopChoice, today: Day, keepDays: number): Span {
  const first = daysBefore(today, keepDays - 1);
  if (choice.from !== "" || choice.to !== "") {
    const from = choice.from === "" ? first : day(choice.from, "from");
    const to = choice.to === "" ? today : day(choice.to, "to");
    const count = (Date.parse(to) - Date.parse(from)) / 86_400_000 + 1;
    return { from, to, count: integer({ min: 1, max: keepDays })(count, "from") };
  }
  const count = choice.days === "" ? Math.min(30, keepDays) : integer({ min: 1, max: keepDays })(choice.days, "days");
  return { from: daysBefore(today, count - 1), to: today, count };
}
