import { setTimeout as sleep } from "node:timers/promises";
import { settings as all, type Config } from "./config.ts";
import type { Database } from "./database/connect.ts";
import type { Log } from "./log.ts";
import { configPasswordName, passwordName } from "./panel-settings.ts";
import { Malformed, type Parser } from "./parse.ts";

type Place = {
  /** As the config file calls it. */
  name: string;
  in: (config: Config) => string;
  put: (config: Config, value: string) => void;
  parse: Parser<string>;
};

/** The settings that can be made in the panel too, by their row in `panel_settings`. What the config says wins. */
export const places = {
  "public-url": {
    name: "[SERVER] PUBLIC_URL",
    in: ({ SERVER }) => SERVER.PUBLIC_URL,
    put: ({ SERVER }, value) => Object.assign(SERVER, { PUBLIC_URL: value }),
    parse: all.SERVER.PUBLIC_URL.parse,
  },
  "steam-key": {
    name: "[STEAM] KEY",
    in: ({ STEAM }) => STEAM.KEY,
    put: ({ STEAM }, value) => Object.assign(STEAM, { KEY: value }),
    parse: all.STEAM.KEY.parse,
  },
  "discord-webhook": {
    name: "[ALERTS] DISCORD_WEBHOOK",
    in: ({ ALERTS }) => ALERTS.DISCORD_WEBHOOK,
    put: ({ ALERTS }, value) => Object.assign(ALERTS, { DISCORD_WEBHOOK: value }),
    parse: all.ALERTS.DISCORD_WEBHOOK.parse,
  },
  "telegram-token": {
    name: "[ALERTS] TELEGRAM_TOKEN",
    in: ({ ALERTS }) => ALERTS.TELEGRAM_TOKEN,
    put: ({ ALERTS }, value) => Object.assign(ALERTS, { TELEGRAM_TOKEN: value }),
    parse: all.ALERTS.TELEGRAM_TOKEN.parse,
  },
  "telegram-chat": {
    name: "[ALERTS] TELEGRAM_CHAT",
    in: ({ ALERTS }) => ALERTS.TELEGRAM_CHAT,
    put: ({ ALERTS }, value) => Object.assign(ALERTS, { TELEGRAM_CHAT: value }),
    parse: all.ALERTS.TELEGRAM_CHAT.parse,
  },
  "alerts-url": {
    name: "[ALERTS] URL",
    in: ({ ALERTS }) => ALERTS.URL,
    put: ({ ALERTS }, value) => Object.assign(ALERTS, { URL: value }),
    parse: all.ALERTS.URL.parse,
  },
} as const satisfies Record<string, Place>;

export type SettingName = keyof typeof places;
export const settingNames = Object.keys(places) as SettingName[];

export type Settings = {
  /** The config, completed by what was set in the panel. It changes while the service runs: read it when it is needed. */
  inForce: Config;
  /** Whether the config file or the environment decides. */
  isFixed: (name: SettingName) => boolean;
  /** Stores a value, or removes it when it is empty; in force at once. Throws Malformed. */
  save: (name: SettingName, value: string) => Promise<void>;
  /** Reads again what other services may have stored. */
  refresh: () => Promise<void>;
};

/** What is in force on this database, once `refresh` has read it. While the database is away, what was read last stays. */
export function settingsIn(config: Config, database: Pick<Database, "run">): Settings {
  const inForce = {
    ...config,
    SERVER: { ...config.SERVER },
    STEAM: { ...config.STEAM },
    ALERTS: { ...config.ALERTS },
  };
  const isFixed = (name: SettingName) => places[name].in(config) !== "";

  async function refresh(): Promise<void> {
    const rows = await database.run(
      (sql) => sql<{ name: string; value: string }[]>`
        select name, value from panel_settings where name not in (${passwordName}, ${configPasswordName})`,
    );
    const stored = new Map(rows.map(({ name, value }) => [name, value]));
    for (const name of settingNames) if (!isFixed(name)) places[name].put(inForce, usable(name, stored.get(name)));
  }

  return {
    inForce,
    isFixed,
    refresh,
    save: async (name, value) => {
      const parsed = places[name].parse(value.trim(), name);
      await database.run((sql) =>
        parsed === ""
          ? sql`delete from panel_settings where name = ${name}`
          : sql`
            insert into panel_settings (name, value) values (${name}, ${parsed})
            on conflict (name) do update set value = excluded.value`,
      );
      await refresh();
    },
  };
}

/** A backup that was changed by hand may hold anything. */
function usable(name: SettingName, value = ""): string {
  try {
    return places[name].parse(value, name);
  } catch (error) {
    if (error instanceof Malformed) return "";
    throw error;
  }
}

const everyMs = 2_000;

/** Does each piece of work every two seconds, until the returned function is called. A failure is tried again. */
export function everyTwoSeconds(works: readonly (() => Promise<void>)[], log: Log): () => void {
  const stopping = new AbortController();
  void (async () => {
    while (!stopping.signal.aborted) {
      for (const work of works)
        await work().catch((error) => log.debug("what others changed could not be read", { error }));
      await sleep(everyMs, undefined, { ref: false, signal: stopping.signal }).catch(() => {});
    }
  })();
  return () => stopping.abort();
}
