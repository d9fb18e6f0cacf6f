import { createFirstVisit, type FirstVisit } from "./admin/first-visit.ts";
import type { PanelDeps } from "./admin/panel.ts";
import { signInsIn } from "./admin/sessions.ts";
import { changesIn } from "./changes.ts";
import type { Config } from "./config.ts";
import { openDirectory } from "./connections/directory.ts";
import type { Database } from "./database/connect.ts";
import { everyTwoSeconds } from "./every-two-seconds.ts";
import type { Call, Handler } from "./http/call.ts";
import { Refusal } from "./http/refusal.ts";
import { router } from "./http/router.ts";
import { createTurns } from "./http/turns.ts";
import type { Log } from "./log.ts";
import { createNames } from "./names.ts";
import { toNearAddress } from "./near-address.ts";
import { daysIn } from "./players/days.ts";
import { historyOf } from "./players/deliveries.ts";
import { namesIn } from "./players/names.ts";
import { playtimesIn } from "./players/playtimes.ts";
import { query } from "./query.ts";
import { settingsIn } from "./settings.ts";
import { createSteam } from "./steam.ts";
import { top } from "./top.ts";
import { version } from "./version.ts";
import { createActivity } from "./watch/activity.ts";
import { channelsOf } from "./watch/alert-channels.ts";
import { createMetrics } from "./watch/metrics.ts";
import { observed } from "./watch/observed.ts";
import { activityIn } from "./watch/read.ts";
import { webhook } from "./webhook.ts";

/** Every address of the service. */
export async function createApp({ config: given, database, port, log, now = () => new Date() }: AppDeps) {
  const settings = settingsIn(given, database.aside);
  // What cannot be read now is read in two seconds: it is no reason not to start.
  await settings.refresh().catch((error) => log.debug("the settings of the panel could not be read", { error }));
  const config = settings.inForce;
  const stopFollowing = everyTwoSeconds([settings.refresh, changesIn(database.aside, log)], log);
  const directory = await openDirectory(database, log);
  const metrics = config.METRICS.TOKEN === "" ? undefined : createMetrics();
  const history = historyOf(config.HISTORY);
  const playtimes = playtimesIn(database, { onBatch: metrics?.onBatch, history });
  const days = daysIn(database);
  const steam = createSteam({
    key: () => config.STEAM.KEY,
    apiUrl: config.STEAM.API_URL,
    timeoutMs: config.STEAM.TIMEOUT * 1_000,
    callsPerSecond: config.STEAM.CALLS_PER_SECOND,
    callsPerDay: config.STEAM.CALLS_PER_DAY,
    callsToday: await activityIn(database.aside)
      .steamCallsToday()
      .catch(() => 0),
    playtimes,
    now,
    log,
  });
  const names = createNames({
    stored: namesIn(database.aside),
    steam,
    isAsked: () => config.STEAM.KEY !== "" && config.STEAM.NAMES,
    now,
    log,
  });
  const activity = createActivity({
    database: database.aside,
    steam: { ended: () => steam.status().ended, share: steam.share },
    log,
    now,
  });
  const hasPanel = config.ADMIN.ENABLED;
  const isWatched = hasPanel || channelsOf(config.ALERTS).length > 0;
  const watchers = [isWatched ? activity.record : undefined, metrics?.onEnd].filter((watcher) => watcher !== undefined);
  const shared = { directory, playtimes, now, hmacEnabled: config.HMAC.ENABLE };

  const route = router(
    {
      "POST /set-playtime/bm/:path/": observed(
        "battlemetrics",
        webhook({ ...shared, toleranceSeconds: config.HMAC.TIMESTAMP_DEVIATION }),
        watchers,
      ),
      "POST /get-playtime/:path/": observed(
        "script",
        query({
          ...shared,
          days,
          history,
          steam,
          deadlineMs: config.STEAM.DEADLINE * 1_000 - marginMs,
          recheckMs: config.STEAM.RECHECK_HOURS * 3_600_000,
        }),
        watchers,
      ),
      "POST /top-playtime/:path/": observed(
        "script",
        top({ ...shared, days: daysIn(database.aside), history, names }),
        watchers,
      ),
      "GET /healthz": () => json(200, { status: "ok", version }),
      "GET /readyz": ready(database),
      ...(metrics ? { "GET /metrics": metrics.page(config.METRICS.TOKEN, { directory, steam, database }) } : {}),
    },
    toNearAddress(watchers),
  );
  const aside = { database: database.aside, playtimes: playtimesIn(database.aside, { history }) };
  const firstVisit = await firstVisitOf(config, database);
  const stopping = new AbortController();
  const shown = { config, settings, directory, steam, names, activity };
  const panel = hasPanel && panelHandler({ ...aside, ...shown, firstVisit, stopping: stopping.signal, port, now, log });
  return {
    route: (call: Call) => {
      if (panel && /^\/admin(?:\/|$)/.test(call.path)) return panel;
      return panel && isVisitOfBrowser(call) ? toPanel : route(call);
    },
    /** The config, completed by what was set in the panel. */
    config,
    firstVisit: firstVisit?.path,
    steamStatus: steam.status,
    /** Answers what waits for its turn, which else would hold up a stop. */
    endWaits: () => stopping.abort(),
    stop: async () => {
      stopFollowing();
      directory.stop();
      metrics?.stop();
      await activity.stop();
    },
  };
}

export type App = Awaited<ReturnType<typeof createApp>>;

export type AppDeps = {
  config: Config;
  database: Database;
  /** The port on which we listen, once we do. */
  port: () => number;
  log: Log;
  now?: () => Date;
};

/** A person who types the address of the service. Programs get what they always got. */
function isVisitOfBrowser({ method, path, headers }: Call): boolean {
  return method === "GET" && path === "/" && /\btext\/html\b/i.test(headers.accept ?? "");
}

const toPanel: Handler = () => ({
  status: 303,
  headers: { location: "/admin/", "cache-control": "no-store" },
  body: "",
});

/** As long as the panel has no password, its first visitor sets one. */
async function firstVisitOf({ ADMIN }: Config, { aside }: Database): Promise<FirstVisit | undefined> {
  if (!ADMIN.ENABLED || ADMIN.PASSWORD !== "") return undefined;
  // A database that goes away just now ends no start: the command line sets a password too.
  const hash = await signInsIn(aside)
    .passwordHash()
    .catch(() => "unknown");
  return hash === undefined ? createFirstVisit() : undefined;
}

/**
 * The panel is loaded when somebody asks for it: a service that nobody looks at need not hold it in memory. Strangers can ask
 * for its pages too, so these have their turn, and are refused when many wait.
 */
function panelHandler(deps: PanelDeps): Handler {
  let panel: Promise<Handler> | undefined;
  const turns = createTurns();
  return async (call) => {
    if (turns.waiting() >= mostPagesWaiting) throw new Refusal("overloaded");
    await new Promise<void>(turns.take);
    panel ??= import("./admin/panel.ts").then(({ createPanel }) => createPanel(deps));
    return (await panel)(call);
  };
}

const mostPagesWaiting = 300;
/** What is left of a query's deadline for reading and writing the answer. */
const marginMs = 200;

function ready(database: Database): Handler {
  return async () =>
    (await database.answers()) ? json(200, { status: "ok" }) : json(503, { status: "database-away" });
}

function json(status: number, value: unknown) {
  return { status, body: JSON.stringify(value) };
}
