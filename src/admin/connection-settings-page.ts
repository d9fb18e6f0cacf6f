import type { Connection } from "../connections/connections.ts";
import { type Html, html } from "../html.ts";
import type { Standing } from "../watch/health.ts";
import { confirmation } from "./confirmation-page.ts";
import {
  connectionField,
  connectionHead,
  connectionsPage,
  type Filled,
  gameField,
  pageOf,
  pathField,
  settingsOf,
} from "./connection-parts.ts";
import { moment, type Reader } from "./reader.ts";

/** For how many hours an old secret may be accepted beside the new one. */
export const keptHours = ["1", "24", "168", "0"] as const;

export type ShownConnectionSettings = { standing: Standing; filled?: Filled | undefined };

/** Path and game, the secret, and the end of a connection. */
export function connectionSettingsPage(reader: Reader, shown: ShownConnectionSettings): Html {
  const { connections: words } = reader.texts;
  const { connection } = shown.standing;
  return html`${connectionHead(reader, shown.standing, "settings")}
<section class="card wide"><h2>${words.settings}</h2>${settingsForm(reader, shown)}</section>
<section class="card wide"><h2>${words.rotate}</h2>${rotation(reader, shown)}</section>
<p><a class="button danger" href="${pageOf(connection)}?confirm=delete">${words.remove}</a></p>`;
}

function settingsForm(reader: Reader, { standing: { connection }, filled }: ShownConnectionSettings): Html {
  const { connections: words, common, health } = reader.texts;
  const own = filled && "path" in filled.values ? filled : undefined;
  const { fixedGameId, expectHours } = connection;
  const stored = { path: connection.path, game: String(fixedGameId ?? ""), expect: String(expectHours ?? "") };
  const values = { ...stored, ...own?.values };
  return html`<form method="post" action="${settingsOf(connection)}" autocomplete="off">
${pathField(reader, { hint: words.settingsHint, value: values.path, filled: own })}
${gameField(reader, { hint: words.gameHint, value: values.game, filled: own })}
${connection.kind === "battlemetrics" && connectionField(reader, { name: "expect", label: health.expect, hint: health.expectHint, value: values.expect, filled: own, attributes: html` inputmode="numeric"` })}
<button name="action" value="change">${common.save}</button></form>`;
}

function rotation(reader: Reader, { standing: { connection }, filled }: ShownConnectionSettings): Html {
  const { connections: words, common } = reader.texts;
  const own = filled && "keep" in filled.values ? filled : undefined;
  const hoursWords = {
    "1": common.hoursLong(1),
    "24": common.hoursLong(24),
    "168": common.days(7),
    "0": words.notAtAll,
  };
  const { keep = "24", which } = own?.values ?? {};
  const isNewest = which === "newest";
  const isKept = connection.oldSecretUntil !== null && Date.parse(connection.oldSecretUntil) > reader.now.getTime();
  return html`<p class="hint">${words.rotateHint}</p>
${
  isKept &&
  html`<form method="post" action="${settingsOf(connection)}" class="notice done row"><span>${words.oldUntil} ${moment(reader, connection.oldSecretUntil)}.</span>
<button name="action" value="drop-old-secret">${words.drop}</button></form>`
}
<form method="post" action="${settingsOf(connection)}" autocomplete="off">
<div class="pair">
${connectionField(reader, { name: "secret", label: words.newSecret, hint: words.newSecretHint, value: "", filled: own, attributes: html` spellcheck="false" autocapitalize="none"` })}
<div class="field"><label for="keep">${words.keepOld}</label><select id="keep" name="keep">${keptHours.map((hours) => html`<option value="${hours}"${hours === keep && html` selected`}>${hoursWords[hours]}</option>`)}</select></div>
</div>
${isKept && html`<fieldset class="notice problem" aria-label="${words.twice}"><p>${words.twice}</p><label class="choice"><input type="radio" id="keep-oldest" name="which" value="oldest"${!isNewest && html` checked`}> ${words.keepOldest}</label><label class="choice"><input type="radio" id="keep-newest" name="which" value="newest"${isNewest && html` checked`}> ${words.keepNewest}</label></fieldset>`}
<button name="action" value="rotate">${words.setSecret}</button></form>`;
}

/** Asked before a connection is deleted. */
export function confirmRemoval(reader: Reader, connection: Connection): Html {
  const { connections: words, kinds } = reader.texts;
  const { path, kind } = connection;
  return confirmation(reader, {
    above: kinds[kind],
    title: html`<bdi>${path}</bdi>`,
    words: words.removeQuestion,
    page: pageOf(connection),
  });
}

/** Asked before it is switched off: BattleMetrics stops a webhook after errors. */
export function confirmSwitchOff(reader: Reader, connection: Connection, isFromList: boolean): Html {
  const { connections: words, kinds, health } = reader.texts;
  const { path, kind } = connection;
  return confirmation(reader, {
    above: kinds[kind],
    title: html`<bdi>${path}</bdi>`,
    words: health.switchOffQuestion[kind],
    page: pageOf(connection),
    action: { value: "disable", text: words.switchOff },
    ...(isFromList ? { from: { name: "list", page: connectionsPage } } : {}),
    ...(kind === "battlemetrics" && !connection.isPaused ? { instead: { value: "pause", text: health.pause } } : {}),
  });
}
