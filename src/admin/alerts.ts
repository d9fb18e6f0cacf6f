import type { Config } from "../config.ts";
import type { Way } from "../database/way.ts";
import { Malformed } from "../parse.ts";
import { channelsOf } from "../watch/alert-channels.ts";
import { alertStoreIn } from "../watch/alert-store.ts";
import { sendTest } from "../watch/alert-test.ts";
import { alertsPage, type Tested } from "./alerts-page.ts";
import { formOf, type PageHandler, page, type Request } from "./page.ts";

export type AlertsPageDeps = { config: Pick<Config, "ALERTS" | "DJANGO">; database: Way };

const shownMessages = 100;

/** What the operator was told, what could not be told, and a test. */
export function alertRoutes({ config, database }: AlertsPageDeps): Record<string, PageHandler> {
  const store = alertStoreIn(database);

  async function show({ reader }: Request, tested: Tested = []) {
    const messages = await store.newest(shownMessages);
    const body = alertsPage(reader, { channels: channelsOf(config.ALERTS), messages, tested });
    return page(reader, { title: reader.texts.alerts.title, part: "alerts", body });
  }

  return {
    "GET /admin/alerts/": (request) => show(request),
    "POST /admin/alerts/": async (request) => {
      if ((await formOf(request)).get("action") !== "test") throw new Malformed("action", "one of this page");
      return show(request, await sendTest(config.ALERTS, config.DJANGO.LANGUAGE_CODE));
    },
  };
}
