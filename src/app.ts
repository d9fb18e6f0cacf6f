import type { Config } from "./config.ts";
import { openDirectory } from "./connections.ts";
import type { Database } from "./database/connect.ts";
import type { Handler } from "./http/call.ts";
import { router } from "./http/router.ts";
import type { Log } from "./log.ts";
import { createMetrics, unmeasured } from "./metrics.ts";
import { playtimesIn } from "./playtimes.ts";
import { query } from "./query.ts";
import { createSteam } from "./steam.ts";
import { version } from "./version.ts";
import { webhook } from "./webhook.ts";

/** Every address of the service. */
export async function createApp({ config, database, log, now = () => new Date() }: AppDeps) {
  const directory = await openDirectory(database, log);
  const metrics = config.METRICS.TOKEN === "" ? undefined : createMetrics();
  const { measured, onBatch } = metrics ?? unmeasured;
  const playtimes = playtimesIn(database, onBatch);
  const steam = createSteam({
    key: config.STEAM.KEY,
    apiUrl: config.STEAM.API_URL,
    timeoutMs: config.STEAM.TIMEOUT * 1_000,
    callsPerSecond: config.STEAM.CALLS_PER_SECOND,
    callsPerDay: config.STEAM.CALLS_PER_DAY,
    playtimes,
    now,
    log,
  });
  const shared = { directory, playtimes, now, hmacEnabled: config.HMAC.ENABLE };

  const route = router({
    "POST /set-playtime/bm/:path/": measured(
      "battlemetrics",
      webhook({ ...shared, toleranceSeconds: config.HMAC.TIMESTAMP_DEVIATION }),
    ),
    "POST /get-playtime/:path/": measured(
      "script",
      query({
        ...shared,
        steam,
        deadlineMs: config.STEAM.DEADLINE * 1_000 - marginMs,
        recheckMs: config.STEAM.RECHECK_HOURS * 3_600_000,
      }),
    ),
    "GET /healthz": () => json(200, { status: "ok", version }),
    "GET /readyz": ready(database),
    ...(metrics ? { "GET /metrics": metrics.page(config.METRICS.TOKEN, { directory, steam, database }) } : {}),
  });
  return {
    route,
    stop: () => {
      directory.stop();
      metrics?.stop();
    },
  };
}

export type AppDeps = { config: Config; database: Database; log: Log; now?: () => Date };

/** What is left of a query's deadline for reading and writing the answer. */
const marginMs = 200;

function ready(database: Database): Handler {
  return async () =>
    (await database.answers()) ? json(200, { status: "ok" }) : json(503, { status: "database-away" });
}

function json(status: number, value: unknown) {
  return { status, body: JSON.stringify(value) };
}
