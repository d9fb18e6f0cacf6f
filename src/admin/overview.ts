import type { Config } from "../config.ts";
import { connectionsIn } from "../connections/connections.ts";
import { isEmbedded } from "../database/open.ts";
import type { Way } from "../database/way.ts";
import { statisticsIn } from "../players/statistics.ts";
import type { Steam } from "../steam.ts";
import { activityIn } from "../watch/activity.ts";
import { warningsOf } from "../watch/warnings.ts";
import { overviewPage } from "./overview-page.ts";
import { type PageHandler, page } from "./page.ts";

const newestPlayers = 8;

export type OverviewDeps = {
  config: Config;
  database: Way;
  steam: Pick<Steam, "status">;
  now: () => Date;
};

/** The first page: how everything stands, at a glance. */
export function overviewRoutes({ config, database, steam, now }: OverviewDeps): Record<string, PageHandler> {
  const activity = activityIn(database);
  const statistics = statisticsIn(database, now);
  const connections = connectionsIn(database);

  return {
    "GET /admin/": async ({ reader }) => {
      const [totals, newest, counts, summaries, all] = await Promise.all([
        statistics.totals(),
        statistics.newest(newestPlayers),
        activity.hourly(),
        activity.summaries(),
        connections.list(),
      ]);
      const status = steam.status();
      const warnings = warningsOf({ config, connections: all, summaries, steam: status, now: now() });
      const body = overviewPage(reader, {
        totals,
        newest,
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
