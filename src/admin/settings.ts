import type { Config } from "../config.ts";
import { Malformed, oneOf } from "../parse.ts";
import { places, type SettingName, type Settings, settingNames } from "../settings.ts";
import { tryKey } from "../steam.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";
import { isSecret, type Problems, settingsPage } from "./settings-page.ts";

export type SettingsPageDeps = {
  /** The one in force. */
  config: Config;
  settings: Settings;
};

const own = "/admin/settings/";
const alertNames = ["discord-webhook", "telegram-token", "telegram-chat", "alerts-url"] as const;

/** The Steam key, the public address and the alerts, where the config leaves them open. */
export function settingsRoutes({ config, settings }: SettingsPageDeps): Record<string, PageHandler> {
  function show({ reader, query }: Request, problems: Problems = {}) {
    const words = reader.texts.settings;
    const done = query.get("done") ?? "";
    const said: Record<string, string> = words.done;
    const text = Object.hasOwn(said, done) ? said[done] : undefined;
    const isRefused = Object.keys(problems).length > 0;
    const kind = isRefused || done === "key-unknown" ? "problem" : "done";
    return page(reader, {
      title: words.title,
      part: "settings",
      status: isRefused ? 400 : 200,
      ...(isRefused
        ? { notice: { kind, text: words.notTaken } }
        : text === undefined
          ? {}
          : { notice: { kind, text } }),
      body: settingsPage(reader, {
        values: Object.fromEntries(settingNames.map((name) => [name, places[name].in(config)])),
        fixed: settingNames.filter(settings.isFixed),
        problems,
      }),
    });
  }

  /** What was typed and is not in force; an empty field of a secret leaves it as it is. */
  const typedIn = (form: URLSearchParams, names: readonly SettingName[]) =>
    names
      .filter((name) => !settings.isFixed(name))
      .map((name) => ({ name, value: (form.get(name) ?? "").trim() }))
      .filter(({ name, value }) => value !== places[name].in(config) && !(isSecret(name) && value === ""));

  function problemsOf(typed: ReturnType<typeof typedIn>): Problems {
    const problems: Problems = {};
    for (const { name, value } of typed) {
      try {
        places[name].parse(value, name);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        problems[name] = { text: name, typed: value };
      }
    }
    return problems;
  }

  /** Stores all that was typed, or nothing. */
  async function save(request: Request, form: URLSearchParams, names: readonly SettingName[], done: string) {
    const typed = typedIn(form, names);
    const problems = problemsOf(typed);
    if (Object.keys(problems).length > 0) return show(request, problems);
    for (const { name, value } of typed) {
      await settings.save(name, value);
      await request.changed(`${places[name].name} ${value === "" ? "removed" : "set"}`);
    }
    return seeOther(done);
  }

  /** A key that Steam refuses is not stored. */
  async function saveKey(request: Request, form: URLSearchParams) {
    const names = ["steam-key"] as const;
    const key = (form.get("steam-key") ?? "").trim();
    const refused = (text: "no-key" | "key-refused") => show(request, { "steam-key": { text, typed: "" } });
    if (key === "") return refused("no-key");
    const problems = problemsOf(typedIn(form, names));
    if (Object.keys(problems).length > 0) return show(request, problems);
    const { API_URL, TIMEOUT } = config.STEAM;
    const { outcome } = await tryKey({ key, apiUrl: API_URL, timeoutMs: TIMEOUT * 1_000 });
    return outcome === "refused" ? refused("key-refused") : save(request, form, names, `${own}?done=key-${outcome}`);
  }

  return {
    "GET /admin/settings/": (request) => show(request),
    "POST /admin/settings/": async (request) => {
      const form = await formOf(request);
      const removed = form.get("remove");
      if (removed !== null) {
        const name = oneOf(settingNames)(removed, "remove");
        if (!settings.isFixed(name)) {
          await settings.save(name, "");
          await request.changed(`${places[name].name} removed`);
        }
        return seeOther(`${own}?done=removed`);
      }
      switch (oneOf(["steam-key", "public-url", "alerts"])(form.get("action"), "action")) {
        case "steam-key":
          return saveKey(request, form);
        case "public-url":
          return save(request, form, ["public-url"], backFrom(form));
        case "alerts":
          return save(request, form, alertNames, `${own}?done=alerts`);
      }
    },
  };
}

/** The set-up page of a connection has this field too. */
function backFrom(form: URLSearchParams): string {
  const from = form.get("from") ?? "";
  return /^\/admin\/connections\/[a-z]+\/set-up\/[\w%.~!*'()-]+\/$/.test(from) ? from : `${own}?done=public-url`;
}
