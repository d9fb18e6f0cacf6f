import { daysBefore } from "../calendar.ts";
import type { Config } from "../config.ts";
import { connectionsIn } from "../connections/connections.ts";
import { isEmbedded } from "../database/open.ts";
import type { Way } from "../database/way.ts";
import type { Names } from "../names.ts";
import { onceAMinute } from "../once-a-minute.ts";
import { daysIn } from "../players/days.ts";
import { historyOf } from "../players/deliveries.ts";
import { statisticsIn } from "../players/statistics.ts";
import type { Steam } from "../steam.ts";
import { activityIn } from "../watch/read.ts";
import { rangeOf, startOf } from "../watch/spans.ts";
import { warningsOf } from "../watch/warnings.ts";
import { overviewDays } from "./days-chart.ts";
import { overviewPage } from "./overview-page.ts";
import { type PageHandler, page } from "./page.ts";

const newestPlayers = 8;

export type OverviewDeps = {
  config: Config;
  database: Way;
  steam: Pick<Steam, "status">;
  names: Names;
  now: () => Date;
};

/** The first page: the state of everything at a glance. */
export function overviewRoutes({ config, database, steam, names, now }: OverviewDeps): Record<string, PageHandler> {
  const activity = activityIn(database);
  const statistics = statisticsIn(database, now);
  const connections = connectionsIn(database);

  const history = historyOf(config.HISTORY);
  const days = daysIn(database);
  /** A page that stays open is loaded often. */
  const lastDays = onceAMinute(now, async () => {
    const today = history.dayOf(now());
    return { today, played: await days.ofAll(daysBefore(today, overviewDays - 1), today) };
  });
  async function newestWithNames() {
    const newest = await statistics.newest(newestPlayers);
    return { newest, names: await names(newest.map(({ steamId }) => steamId)) };
  }

  return {
    "GET /admin/": async ({ reader, query }) => {
      const range = rangeOf(query.get("range"));
      const [totals, newest, counts, summaries, all, played] = await Promise.all([
        statistics.totals(),
        newestWithNames(),
        activity.hourly(startOf(range, now())),
        activity.summaries(),
        connections.list(),
        history.keepDays > 0 ? lastDays() : undefined,
      ]);
      const status = steam.status();
      const warnings = warningsOf({ config, connections: all, summaries, steam: status, now: now() });
      const body = overviewPage(reader, {
        totals,
        ...newest,
        played,
        range,
        counts,
        strangers: summaries.filter(({ path }) => path === ""),
        steam: status,
        hasKey: config.STEAM.KEY !== "",
        warnings,
        isEmbedded: isEmbedded(config),
      });
      return page(reader, { title: reader.texts.nav.overview, part: "overview", warnings: warnings.length, body });
    },
  };
}
