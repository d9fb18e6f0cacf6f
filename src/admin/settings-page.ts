import { type Html, html } from "../html.ts";
import { places, type SettingName } from "../settings.ts";
import { field } from "./form-field.ts";
import type { Reader } from "./reader.ts";
import type { Texts } from "./texts/en.ts";

/** What was typed and cannot be taken, and what is wrong with it. */
export type Problems = Partial<Record<SettingName, { text: keyof Texts["settings"]["problems"]; typed: string }>>;

export type ShownSettings = {
  /** In force; empty: not set. */
  values: Readonly<Record<string, string>>;
  /** Those that the config file or the environment decides. */
  fixed: readonly SettingName[];
  problems: Problems;
};

/** What is never shown again once it is stored. */
export const isSecret = (name: SettingName) => name !== "public-url" && name !== "telegram-chat";

/**
 * Three forms, and no value of a secret. What removes one belongs to a form of its own: Enter in a field presses the first button of
 * the field's form.
 */
export function settingsPage(reader: Reader, shown: ShownSettings): Html {
  const { settings: words, common, nav } = reader.texts;
  const form = (action: string, names: readonly SettingName[], button: string) => {
    const isOpen = names.some((name) => !shown.fixed.includes(name));
    const fields = names.map((name) => setting(reader, name, shown));
    return html`<form method="post" autocomplete="off">${fields}${isOpen && html`<button class="main" name="action" value="${action}">${button}</button>`}</form>`;
  };
  return html`<h1>${words.title}</h1>
<section class="card wide"><h2>${words.steam}</h2><p class="hint">${words.steamHint}</p>${form("steam-key", ["steam-key"], words.saveKey)}</section>
<section class="card wide"><h2>${words.address}</h2><p class="hint">${words.addressHint}</p>${form("public-url", ["public-url"], common.save)}</section>
<section class="card wide"><h2>${nav.alerts}</h2><p class="hint">${words.alertsHint}</p>${form("alerts", ["discord-webhook", "telegram-token", "telegram-chat", "alerts-url"], common.save)}
<p class="hint"><a href="/admin/alerts/">${words.toAlerts}</a></p></section>
<form method="post" id="remove"></form>`;
}

function setting(reader: Reader, name: SettingName, { values, fixed, problems }: ShownSettings): Html {
  const { settings: words } = reader.texts;
  const value = values[name] ?? "";
  const label = words.labels[name];
  const isHidden = isSecret(name);
  if (fixed.includes(name))
    return html`<div class="field"><p class="label">${label}</p><p>${isHidden ? words.isSet : html`<code>${value}</code>`}</p><p class="hint">${words.fixed} <code>${places[name].name}</code></p></div>`;
  const problem = problems[name];
  return field({
    name,
    label,
    hint: words.hints[name],
    value: isHidden ? "" : (problem?.typed ?? value),
    problem: problem && words.problems[problem.text],
    attributes: html` autocomplete="off" spellcheck="false" autocapitalize="none" maxlength="1000"${isHidden && value !== "" && html` placeholder="${words.isSet}"`}`,
    more:
      value !== "" &&
      html`<button class="small" form="remove" name="remove" value="${name}" aria-label="${words.remove}: ${label}">${words.remove}</button>`,
  });
}
