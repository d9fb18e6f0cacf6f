import type { Config } from "../config.ts";
import { Malformed, oneOf } from "../parse.ts";
import { places, type SettingName, type Settings, settingNames } from "../settings.ts";
import { tryKey } from "../steam.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";
import { isSecret, type Problem, settingsPage } from "./settings-page.ts";

export type SettingsPageDeps = {
  /** The one in force. */
  config: Config;
  settings: Settings;
};

const alertNames = ["discord-webhook", "telegram-token", "telegram-chat", "alerts-url"] as const;

/** The Steam key, the public address and the alerts, where the config leaves them open. */
export function settingsRoutes({ config, settings }: SettingsPageDeps): Record<string, PageHandler> {
  function show({ reader, query }: Request, problem?: Problem) {
    const words = reader.texts.settings;
    const done = query.get("done") ?? "";
    const said: Record<string, string> = words.done;
    const text = Object.hasOwn(said, done) ? said[done] : undefined;
    const isWarning = done === "key-unknown";
    const notice = problem
      ? ({ kind: "problem", text: words.problems[problem.text] } as const)
      : text !== undefined && ({ kind: isWarning ? "problem" : "done", text } as const);
    return page(reader, {
      title: words.title,
      part: "settings",
      status: problem ? 400 : 200,
      ...(notice ? { notice } : {}),
      body: settingsPage(reader, {
        values: Object.fromEntries(settingNames.map((name) => [name, places[name].in(config)])),
        fixed: settingNames.filter(settings.isFixed),
        problem,
      }),
    });
  }

  /** Stores what was typed; an empty field of a secret leaves it as it is. */
  async function save(request: Request, form: URLSearchParams, names: readonly SettingName[]) {
    const typed = names
      .filter((name) => !settings.isFixed(name))
      .map((name) => [name, (form.get(name) ?? "").trim()] as const)
      .filter(([name, value]) => value !== places[name].in(config) && !(isSecret(name) && value === ""));
    for (const [name, value] of typed) {
      try {
        places[name].parse(value, name);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        return show(request, { text: name, at: name, value });
      }
    }
    for (const [name, value] of typed) {
      await settings.save(name, value);
      await request.changed(`${places[name].name} ${value === "" ? "removed" : "set"}`);
    }
    return undefined;
  }

  /** A key that Steam refuses is not stored. */
  async function saveKey(request: Request, form: URLSearchParams) {
    const key = (form.get("steam-key") ?? "").trim();
    if (key === "") return show(request, { text: "no-key", at: "steam-key", value: "" });
    if (!/^[\x21-\x7e]*$/.test(key)) return show(request, { text: "steam-key", at: "steam-key", value: "" });
    const { API_URL, TIMEOUT } = config.STEAM;
    const { outcome } = await tryKey({ key, apiUrl: API_URL, timeoutMs: TIMEOUT * 1_000 });
    if (outcome === "refused") return show(request, { text: "key-refused", at: "steam-key", value: "" });
    const wrong = await save(request, form, ["steam-key"]);
    return wrong ?? seeOther(`/admin/settings/?done=key-${outcome}`);
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
        return seeOther("/admin/settings/?done=removed");
      }
      switch (oneOf(["steam-key", "public-url", "alerts"])(form.get("action"), "action")) {
        case "steam-key":
          return saveKey(request, form);
        case "public-url":
          return (await save(request, form, ["public-url"])) ?? seeOther(backFrom(form));
        case "alerts":
          return (await save(request, form, alertNames)) ?? seeOther("/admin/settings/?done=alerts");
      }
    },
  };
}

/** The set-up page of a connection has this field too. */
function backFrom(form: URLSearchParams): string {
  const from = form.get("from") ?? "";
  return /^\/admin\/connections\/[a-z]+\/set-up\/[\w%.~!*'()-]+\/$/.test(from)
    ? from
    : "/admin/settings/?done=public-url";
}
