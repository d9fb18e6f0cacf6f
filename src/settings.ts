import { settings as all, type Config } from "./config.ts";
import type { Database } from "./database/connect.ts";
import { configPasswordName, passwordName } from "./panel-settings.ts";
import { Malformed, type Parser } from "./parse.ts";

/** A setting of a section that can be made in the panel too. */
function place<Key extends string>(
  section: "SERVER" | "STEAM" | "ALERTS",
  key: Key,
  parse: Parser<string>,
  of: (config: Config) => Record<Key, string>,
) {
  return {
    /** As the config file calls it. */
    name: `[${section}] ${key}`,
    parse,
    in: (config: Config) => of(config)[key],
    put: (config: Config, value: string) => void Object.assign(of(config), { [key]: value }),
  };
}

const { SERVER, STEAM, ALERTS } = all;

/** The settings that can be made in the panel too, by their row in `panel_settings`. What the config says wins. */
export const places = {
  "public-url": place("SERVER", "PUBLIC_URL", SERVER.PUBLIC_URL.parse, (config) => config.SERVER),
  "steam-key": place("STEAM", "KEY", STEAM.KEY.parse, (config) => config.STEAM),
  "discord-webhook": place("ALERTS", "DISCORD_WEBHOOK", ALERTS.DISCORD_WEBHOOK.parse, (config) => config.ALERTS),
  "telegram-token": place("ALERTS", "TELEGRAM_TOKEN", ALERTS.TELEGRAM_TOKEN.parse, (config) => config.ALERTS),
  "telegram-chat": place("ALERTS", "TELEGRAM_CHAT", ALERTS.TELEGRAM_CHAT.parse, (config) => config.ALERTS),
  "alerts-url": place("ALERTS", "URL", ALERTS.URL.parse, (config) => config.ALERTS),
};

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
