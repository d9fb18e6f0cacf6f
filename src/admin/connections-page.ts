import { addressOf, type Connection, type Kind } from "../connections/connections.ts";
import { placeholder, scriptExamples, squadJsBlock, webhookFields } from "../connections/how-to-use.ts";
import type { Tried } from "../connections/sample.ts";
import { type Html, html } from "../html.ts";
import type { SteamId } from "../parse.ts";
import type { Standing } from "../watch/health.ts";
import type { AcceptedRequest, RefusedRequests, Summary } from "../watch/read.ts";
import { keptRequests } from "../watch/write.ts";
import { confirmation } from "./confirmation-page.ts";
import { playerCell, playerInLine } from "./player-cell.ts";
import { ago, moment, number, type Reader } from "./reader.ts";
import { adviceOn, cureOf, refusalWords, stateWords } from "./state-words.ts";
import type { Texts } from "./texts/en.ts";

const squad = "393380";

/** For how many hours an old secret may be accepted beside the new one. */
export const keptHours = ["1", "24", "168", "0"] as const;

/** A form that was sent, as it was typed, and by field what is wrong. */
export type Filled = {
  values: Record<string, string>;
  problems: Record<string, keyof Texts["connections"]["problems"]>;
};

/** Where the panel shows a connection. */
export function pageOf({ kind, path }: Pick<Connection, "kind" | "path">): string {
  return `/admin/connections/${kind}/${encodeURIComponent(path)}/`;
}

/** All connections, a row each. */
export function connectionList(reader: Reader, standings: readonly Standing[]): Html {
  const { connections: words, common, kinds } = reader.texts;
  const rows = standings.map((standing) => {
    const { connection, summary } = standing;
    const { kind, path, fixedGameId } = connection;
    return html`<tr>
<td data-label="${words.connection}" class="text"><span><a href="${pageOf(connection)}">${path}</a><small>${kinds[kind]}</small></span></td>
<td data-label="${words.state}" class="text">${stateMark(reader, standing)}</td>
<td data-label="${words.game}">${fixedGameId ?? common.any}</td>
<td data-label="${words.lastAccepted}">${ago(reader, summary?.acceptedAt ?? null)}</td>
<td data-label="${words.lastRefused}" class="text"><span>${ago(reader, summary?.refusedAt ?? null)}${summary?.refusedCode && html`<small>${refusalWords(reader.texts, summary.refusedCode)}</small>`}</span></td>
<td data-label="${words.ofDay}" class="number">${dayCounts(reader, summary)}</td>
<td data-label="${reader.texts.health.switch}">${switchForm(reader, connection, true)}</td></tr>`;
  });
  return html`<div class="head"><h1>${words.title}</h1><div class="row">
<a class="button main" href="/admin/connections/new/battlemetrics/">${words.add.battlemetrics}</a>
<a class="button" href="/admin/connections/new/script/">${words.add.script}</a></div></div>
<div class="card" data-live="connections">${
    standings.length === 0
      ? html`<p class="empty">${words.none}</p>`
      : html`<table class="stack"><thead><tr><th>${words.connection}</th><th>${words.state}</th><th>${words.game}</th><th>${words.lastAccepted}</th><th>${words.lastRefused}</th><th class="number">${words.ofDay}</th><th>${reader.texts.health.switch}</th></tr></thead><tbody>${rows}</tbody></table>`
  }</div>`;
}

function dayCounts(reader: Reader, summary: Summary | undefined): Html {
  const { overview } = reader.texts;
  const { accepted, ignored, paused, refused } = summary ?? { accepted: 0, ignored: 0, paused: 0, refused: 0 };
  return html`<span>${number(reader, accepted)} ${overview.accepted}${ignored > 0 && html`<small>${number(reader, ignored)} ${overview.ignored}</small>`}${paused > 0 && html`<small>${number(reader, paused)} ${reader.texts.health.states.paused}</small>`}${refused > 0 && html`<small class="warning">${number(reader, refused)} ${overview.refused}</small>`}</span>`;
}

function switchForm({ texts }: Reader, connection: Connection, isInList: boolean): Html {
  const { connections: words, health } = texts;
  const { enabled, isPaused, kind, path } = connection;
  // Before it is switched off, another page asks.
  if (enabled && isInList)
    return html`<a class="button small" href="${pageOf(connection)}?confirm=disable" aria-label="${words.switchOff}: ${path}">${words.switchOff}</a>`;
  return html`<form method="post" action="${pageOf(connection)}" class="row">
${isInList && html`<input type="hidden" name="from" value="list">`}
${!isInList && kind === "battlemetrics" && html`<button class="small" name="action" value="${isPaused ? "resume" : "pause"}">${isPaused ? health.resume : health.pause}</button>`}
${
  enabled
    ? html`<a class="button small" href="${pageOf(connection)}?confirm=disable">${words.switchOff}</a>`
    : html`<button class="small" name="action" value="enable" aria-label="${words.switchOn}: ${path}">${words.switchOn}</button>`
}</form>`;
}

/** A shape and a colour beside the words. */
function stateMark({ texts }: Reader, standing: Standing): Html {
  return html`<span class="state ${standing.state}">${stateWords(texts, standing)}</span>`;
}

/** How it stands, and what to do. */
function standingCard(reader: Reader, standing: Standing): Html {
  const { connections: words, health } = reader.texts;
  const { summary } = standing;
  const advice = adviceOn(reader.texts, standing, reader.now);
  return html`<section class="card standing" data-live="state" aria-label="${words.state}"><p class="now">${stateMark(reader, standing)}</p>
${advice !== "" && html`<p>${advice}</p>`}
<p class="hint">${words.lastAccepted}: ${ago(reader, summary?.acceptedAt ?? null)}. ${summary?.refusedAt != null && html`${health.lastRefused}: ${ago(reader, summary.refusedAt)}.`}</p></section>`;
}

/** The form for a new one. */
export function connectionForm(reader: Reader, kind: Kind, filled?: Filled): Html {
  const { connections: words, common } = reader.texts;
  const values = { path: "", game: squad, secret: "", ...filled?.values };
  return html`<div class="narrow wide card"><h1>${words.add[kind]}</h1>
<form method="post" autocomplete="off">
${field(reader, { name: "path", label: words.path, hint: words.pathHint, value: values.path, filled, attributes: html` required maxlength="255" autocapitalize="none" spellcheck="false"` })}
${field(reader, { name: "game", label: words.game, hint: words.gameHint, value: values.game, filled, attributes: html` inputmode="numeric"` })}
${field(reader, { name: "secret", label: words.secret, hint: words.secretHint[kind], value: values.secret, filled, attributes: html` spellcheck="false" autocapitalize="none"` })}
<div class="row">${
    kind === "battlemetrics"
      ? html`<button class="main">${words.saveWithSecret}</button><button name="make" value="yes">${words.makeSecret}</button>`
      : html`<button class="main">${words.create}</button>`
  }<a class="button plain" href="/admin/connections/">${common.cancel}</a></div>
</form></div>`;
}

type Field = {
  name: string;
  label: string;
  hint?: string;
  value: string;
  filled: Filled | undefined;
  attributes?: Html;
};

function field({ texts }: Reader, { name, label, hint, value, filled, attributes }: Field): Html {
  const problem = filled?.problems[name];
  const described = [hint && `${name}-hint`, problem && `${name}-problem`].filter((id) => id);
  return html`<div class="field${problem ? " wrong" : ""}"><label for="${name}">${label}</label>
<input id="${name}" name="${name}" value="${value}"${attributes}${described.length > 0 && html` aria-describedby="${described.join(" ")}"`}${problem && html` aria-invalid="true"`}>
${problem && html`<p class="problem" id="${name}-problem">${texts.connections.problems[problem]}</p>`}
${hint && html`<p class="hint" id="${name}-hint">${hint}</p>`}</div>`;
}

export type Shown = {
  standing: Standing;
  accepted: readonly AcceptedRequest[];
  refused: readonly RefusedRequests[];
  /** Of the players in both. */
  names: ReadonlyMap<SteamId, string>;
  /** How senders reach us. */
  base: string;
  isRevealed: boolean;
  tried?: Tried | "no-answer";
  filled?: Filled;
};

/** One connection: what to paste where, its secret, its log. */
export function connectionPage(reader: Reader, shown: Shown): Html {
  const { connections: words, kinds } = reader.texts;
  const { connection } = shown.standing;
  return html`<div class="head"><div><p class="above">${kinds[connection.kind]}</p><h1><bdi>${connection.path}</bdi></h1></div>${switchForm(reader, connection, false)}</div>
${standingCard(reader, shown.standing)}
<section class="card"><h2>${words.setUp[connection.kind]}</h2>${setUp(reader, shown)}</section>
<div class="pair">
<section class="card"><h2>${words.tryIt}</h2><p class="hint">${words.tryHint}</p>
<form method="post" action="${pageOf(connection)}"><button name="action" value="try">${words.tryButton}</button></form>
${shown.tried && tried(reader, shown.tried)}</section>
<section class="card"><h2>${words.settings}</h2>${settingsForm(reader, shown)}</section>
</div>
<section class="card"><h2>${words.rotate}</h2>${rotation(reader, shown)}</section>
<div data-live="log">
<section class="card"><h2>${words.accepted}</h2><p class="hint">${words.kept(keptRequests)}</p>${acceptedTable(reader, shown.accepted, shown.names)}</section>
<section class="card"><h2>${words.refused}</h2>${refusedTable(reader, shown.refused, shown.names)}</section>
</div>
<p><a class="button danger" href="${pageOf(connection)}?confirm=delete">${words.remove}</a></p>`;
}

function setUp(reader: Reader, { standing: { connection }, base, isRevealed }: Shown): Html {
  const { connections: words } = reader.texts;
  const { kind, secret } = connection;
  const secretValue = secret === null ? undefined : isRevealed ? secret : words.hidden;
  const secretRow = html`<dt>${kind === "battlemetrics" ? "Shared secret" : words.secret}</dt><dd>${
    secretValue === undefined
      ? html`<p class="warning">${words.noSecret}</p>`
      : html`${value(secretValue, isRevealed)}<a class="hint" href="?${isRevealed ? "" : "secret=shown"}">${isRevealed ? words.hide : words.reveal}</a>`
  }</dd>`;
  const note = base.includes(placeholder) && html`<p class="hint">${words.placeholder}</p>`;
  if (kind === "battlemetrics") {
    const { url, contentType, body } = webhookFields(connection, base);
    // As the form on BattleMetrics calls them; it is in English only.
    return html`<p class="hint">${words.setUpHint}</p><dl class="values"><dt>URL</dt><dd>${value(url)}${note}</dd>${secretRow}<dt>Content type</dt><dd>${value(contentType)}</dd><dt>Body</dt><dd>${value(body)}<p class="hint">${words.bodyHint}</p></dd></dl>`;
  }
  const examples = scriptExamples(connection, base, (isRevealed && secret) || "YOUR-SECRET");
  return html`<dl class="values"><dt>${words.address}</dt><dd>${value(base + addressOf(connection))}${note}</dd>${secretRow}</dl>
<p class="hint">${words.example}</p>
${(["javascript", "python", "curl"] as const).map(
  (language) =>
    html`<details><summary>${{ javascript: "JavaScript", python: "Python", curl: "curl" }[language]}</summary><div class="value"><pre data-copyable>${examples[language]}</pre></div></details>`,
)}
<details><summary>SquadJS: config.json</summary><p class="hint">${words.squadJs}</p><div class="value"><pre data-copyable>${squadJsBlock(connection, base, isRevealed && secret !== null ? secret : undefined, reader.language)}</pre></div></details>`;
}

/** Something to paste elsewhere. */
function value(text: string, isCopyable = true): Html {
  return html`<div class="value"><code${isCopyable && html` data-copyable`}>${text}</code></div>`;
}

function tried(reader: Reader, outcome: Tried | "no-answer"): Html {
  const { connections: words } = reader.texts;
  if (outcome === "no-answer") return html`<p class="notice problem" role="alert">${words.tryNone}</p>`;
  const { body, status, text } = outcome;
  const isTaken = status === 200;
  return html`<p class="notice ${isTaken ? "done" : "problem"}" role="${isTaken ? "status" : "alert"}">${isTaken ? words.tryGood : words.tryBad}</p>
<dl class="values"><dt>${words.trySent}</dt><dd><code>${body}</code></dd><dt>${words.tryAnswer}</dt><dd><code>${status} ${text}</code></dd></dl>`;
}

function settingsForm(reader: Reader, { standing: { connection }, filled }: Shown): Html {
  const { connections: words, common, health } = reader.texts;
  const own = filled && "path" in filled.values ? filled : undefined;
  const { fixedGameId, expectHours } = connection;
  const stored = { path: connection.path, game: String(fixedGameId ?? ""), expect: String(expectHours ?? "") };
  const values = { ...stored, ...own?.values };
  return html`<form method="post" action="${pageOf(connection)}" autocomplete="off">
${field(reader, { name: "path", label: words.path, hint: words.settingsHint, value: values.path, filled: own, attributes: html` required maxlength="255" autocapitalize="none" spellcheck="false"` })}
${field(reader, { name: "game", label: words.game, hint: words.gameHint, value: values.game, filled: own, attributes: html` inputmode="numeric"` })}
${connection.kind === "battlemetrics" && field(reader, { name: "expect", label: health.expect, hint: health.expectHint, value: values.expect, filled: own, attributes: html` inputmode="numeric"` })}
<button name="action" value="change">${common.save}</button></form>`;
}

function rotation(reader: Reader, { standing: { connection }, isRevealed, filled }: Shown): Html {
  const { connections: words, common } = reader.texts;
  const own = filled && "keep" in filled.values ? filled : undefined;
  const hoursWords = {
    "1": common.hoursLong(1),
    "24": common.hoursLong(24),
    "168": common.days(7),
    "0": words.notAtAll,
  };
  const isKept = connection.oldSecretUntil !== null && Date.parse(connection.oldSecretUntil) > reader.now.getTime();
  return html`<p class="hint">${words.rotateHint}</p>
${
  isKept &&
  html`<form method="post" action="${pageOf(connection)}" class="notice done row"><span>${words.oldUntil} ${moment(reader, connection.oldSecretUntil)}.</span>
<button name="action" value="drop-old-secret">${words.drop}</button></form>
${isRevealed && html`<dl class="values"><dt>${words.oldSecret}</dt><dd><div class="value"><code>${connection.oldSecret ?? ""}</code></div></dd></dl>`}`
}
<form method="post" action="${pageOf(connection)}" autocomplete="off">
<div class="pair">
${field(reader, { name: "secret", label: words.newSecret, hint: words.newSecretHint, value: "", filled: own, attributes: html` spellcheck="false" autocapitalize="none"` })}
<div class="field"><label for="keep">${words.keepOld}</label><select id="keep" name="keep">${keptHours.map((hours) => html`<option value="${hours}"${hours === "24" && html` selected`}>${hoursWords[hours]}</option>`)}</select></div>
</div>
<button name="action" value="rotate">${words.setSecret}</button></form>`;
}

function acceptedTable(reader: Reader, requests: readonly AcceptedRequest[], names: Shown["names"]): Html {
  const { connections: words, overview, health } = reader.texts;
  if (requests.length === 0) return html`<p class="empty">${words.nothingAccepted}</p>`;
  return html`<table class="stack"><thead><tr><th>${words.time}</th><th>${words.outcome}</th><th>${words.player}</th><th class="number">${words.duration}</th><th>X-Request-ID</th></tr></thead><tbody>${requests.map(
    (one) =>
      html`<tr><td data-label="${words.time}">${moment(reader, one.at)}</td><td data-label="${words.outcome}">${one.isPaused ? health.states.paused : one.isIgnored ? overview.ignored : overview.accepted}</td><td data-label="${words.player}">${playerLink(reader, one, names)}</td><td data-label="${words.duration}" class="number">${milliseconds(reader, one.durationMs)}</td><td data-label="X-Request-ID" class="text"><small>${one.requestId ?? "–"}</small></td></tr>`,
  )}</tbody></table>`;
}

/** Those with the same reason are one row, the newest reason on top; each single one on demand. */
function refusedTable(reader: Reader, requests: readonly RefusedRequests[], names: Shown["names"]): Html {
  const { connections: words, health } = reader.texts;
  if (requests.length === 0) return html`<p class="empty">${words.nothingRefused}</p>`;
  const rows = [...new Set(requests.map(({ code }) => code))].map((code) => {
    const alike = requests.filter((one) => one.code === code);
    const count = alike.reduce((sum, one) => sum + one.count, 0);
    const details = alike.map(
      (one) =>
        html`<li>${moment(reader, one.at)} · ${number(reader, one.count)} × ${one.reason}<small>${one.steamId === null ? "–" : playerInLine(one.steamId, names)} · ${milliseconds(reader, one.durationMs)} · ${one.requestId ?? "–"}</small></li>`,
    );
    return html`<tr><td data-label="${words.time}">${moment(reader, alike[0]?.at ?? null)}</td><td data-label="${words.reason}" class="text"><span>${refusalWords(reader.texts, code)}<small><code>${code}</code> ${cureOf(reader.texts, code)}</small></span></td><td data-label="${words.times}" class="number">${number(reader, count)}</td></tr>
<tr class="details"><td colspan="3" class="text"><details><summary>${health.details}</summary><ul>${details}</ul></details></td></tr>`;
  });
  return html`<table class="stack refusals"><thead><tr><th>${words.time}</th><th>${words.reason}</th><th class="number">${words.times}</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function playerLink(
  { texts }: Reader,
  { steamId, players }: Pick<AcceptedRequest, "steamId" | "players">,
  names: Shown["names"],
): Html {
  if (steamId !== null) return playerCell(steamId, names);
  return html`${players > 0 ? texts.connections.players(players) : "–"}`;
}

function milliseconds(reader: Reader, value: number): string {
  return `${number(reader, value, value < 10 ? 1 : 0)} ${reader.texts.connections.ms}`;
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
export function confirmSwitchOff(reader: Reader, connection: Connection): Html {
  const { connections: words, kinds, health } = reader.texts;
  const { path, kind } = connection;
  return confirmation(reader, {
    above: kinds[kind],
    title: html`<bdi>${path}</bdi>`,
    words: health.switchOffQuestion[kind],
    page: pageOf(connection),
    action: { value: "disable", text: words.switchOff },
    ...(kind === "battlemetrics" && !connection.isPaused ? { instead: { value: "pause", text: health.pause } } : {}),
  });
}
