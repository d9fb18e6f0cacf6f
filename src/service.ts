import { join } from "node:path";
import { type App, createApp } from "./app.ts";
import { keepBackups } from "./backup/schedule.ts";
import type { Config } from "./config.ts";
import { type Opened, openDatabase } from "./database/open.ts";
import { awaitsImport } from "./django/source.ts";
import { serve } from "./http/server.ts";
import type { Log } from "./log.ts";
import { openFilesLimit } from "./open-files.ts";
import { historyOf } from "./players/deliveries.ts";
import { removeOldDaysByAndBy } from "./players/old-days.ts";
import { createAlerts } from "./watch/alerts.ts";
import { conditionsIn } from "./watch/conditions.ts";
import { lookForFuture } from "./watch/future.ts";

export type Service = {
  port: number;
  database: Opened;
  /** The config, completed by what was set in the panel. */
  config: Config;
  /** The path at which the panel's first password is set, as long as it has none. */
  firstVisit: string | undefined;
  /** Requests under way finish (10 s at most), then the database is closed. */
  stop: () => Promise<void>;
};

/** The whole service: database → schema → app → listen. Throws DatabaseProblem and the errors of listening. */
export async function startService({ config, log, onGone, settings }: ServiceOptions): Promise<Service> {
  const opened = await openDatabase(config, log, { ...(onGone ? { onGone } : {}), ...(settings ? { settings } : {}) });
  let begun: App | undefined;
  try {
    let port = 0;
    const app = await createApp({ config, database: opened.database, port: () => port, log });
    begun = app;
    await remindOfImport(opened, log);
    void lookForFuture(opened.database.aside, log);
    const { HOST: host, PORT } = config.SERVER;
    const server = await serve({ route: app.route, host, port: PORT, openFiles: openFilesLimit(), log });
    port = server.port;
    const backups = keepBackups({
      database: opened.database.aside,
      folder: join(config.SERVER.DATA_DIR, "backups"),
      everyHours: config.BACKUP.EVERY_HOURS,
      keep: config.BACKUP.KEEP,
      log,
    });
    const oldDays = removeOldDaysByAndBy({ database: opened.database.aside, history: historyOf(config.HISTORY), log });
    const alerts = createAlerts({
      settings: () => app.config.ALERTS,
      language: config.DJANGO.LANGUAGE_CODE,
      panelUrl: () => panelUrlOf(app.config),
      database: opened.database,
      conditions: conditionsIn({
        database: opened.database.aside,
        steam: app.steamStatus,
        backupProblem: backups.problem,
        dataDir: config.SERVER.DATA_DIR,
        now: () => new Date(),
      }),
      log,
    });
    return {
      port: server.port,
      database: opened,
      config: app.config,
      firstVisit: app.firstVisit,
      stop: async () => {
        await alerts.stop();
        await backups.stop();
        await oldDays.stop();
        app.endWaits();
        await server.stop();
        await app.stop();
        await opened.close();
      },
    };
  } catch (error) {
    await begun?.stop();
    await opened.close();
    throw error;
  }
}

/** Empty where nobody else could open it. */
function panelUrlOf({ ADMIN, SERVER }: Config): string {
  return ADMIN.ENABLED && SERVER.PUBLIC_URL !== "" ? `${SERVER.PUBLIC_URL.replace(/\/+$/, "")}/admin/` : "";
}

/** Only a reminder: whatever hinders it, a table that may not be read or a lock, the service runs. */
async function remindOfImport({ database }: Opened, log: Log): Promise<void> {
  try {
    if (await database.aside.run(awaitsImport)) log.warn(importWords);
  } catch (error) {
    log.debug("it is not known whether there is something to import", { error });
  }
}

const importWords =
  "This database holds the tables of the Django service, and ours are empty. To bring its connections and players over: npm run cli -- import-django";

export type ServiceOptions = { config: Config; log: Log; onGone?: () => void; settings?: Record<string, string> };
