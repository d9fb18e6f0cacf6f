import { addressOf } from "../connections/connections.ts";
import { isPrivate, placeholder, scriptExamples, squadJsBlock, webhookFields } from "../connections/how-to-use.ts";
import type { Tried } from "../connections/sample.ts";
import { type Html, html } from "../html.ts";
import type { Standing } from "../watch/health.ts";
import { connectionHead, setUpOf, standingCard } from "./connection-parts.ts";
import type { Reader } from "./reader.ts";

export type ShownSetUp = {
  standing: Standing;
  /** How senders reach us, and whether the config decides that. */
  base: string;
  isBaseFixed: boolean;
  isRevealed: boolean;
  tried?: Tried | "no-answer" | undefined;
};

/** What to paste where, and a sample that tries it. Its answer stands on top. */
export function setUpPage(reader: Reader, shown: ShownSetUp): Html {
  const { connections: words } = reader.texts;
  const { connection } = shown.standing;
  return html`${connectionHead(reader, shown.standing, "setUp")}
${shown.tried && tried(reader, shown.tried)}
${standingCard(reader, shown.standing)}
${privateAddress(reader, shown)}
<section class="card"><h2>${words.setUp[connection.kind]}</h2>${values(reader, shown)}</section>
<section class="card"><h2>${words.tryIt}</h2><p class="hint">${words.tryHint}</p>
<form method="post" action="${setUpOf(connection)}"><button name="action" value="try">${words.tryButton}</button></form></section>`;
}

/** BattleMetrics cannot reach an address of a home or of this machine alone. */
function privateAddress(reader: Reader, { standing: { connection }, base, isBaseFixed }: ShownSetUp): Html | undefined {
  const { connections: words, settings, common } = reader.texts;
  if (connection.kind !== "battlemetrics" || !isPrivate(base)) return undefined;
  return html`<section class="notice problem" aria-label="${settings.address}"><p><code>${base}</code>: ${words.privateAddress}</p>
${
  isBaseFixed
    ? html`<p>${settings.fixed} <code>[SERVER] PUBLIC_URL</code></p>`
    : html`<form method="post" action="/admin/settings/" class="row"><input type="hidden" name="from" value="${setUpOf(connection)}">
<label for="public-url" class="unseen">${settings.address}</label><input id="public-url" name="public-url" class="grow" placeholder="https://playtime.example.com" autocomplete="off" spellcheck="false" maxlength="1000" aria-describedby="public-url-hint"><button name="action" value="public-url">${common.save}</button></form><p class="hint" id="public-url-hint">${settings.hints["public-url"]}</p>`
}</section>`;
}

function values(reader: Reader, { standing: { connection }, base, isRevealed }: ShownSetUp): Html {
  const { connections: words } = reader.texts;
  const { kind, secret } = connection;
  const secretValue = secret === null ? undefined : isRevealed ? secret : words.hidden;
  const secretRow = html`<dt>${kind === "battlemetrics" ? "Shared secret" : words.secret}</dt><dd>${
    secretValue === undefined
      ? html`<p class="warning">${words.noSecret}</p>`
      : html`${value(secretValue, isRevealed)}<a class="hint" href="${setUpOf(connection)}${isRevealed ? "" : "?secret=shown"}">${isRevealed ? words.hide : words.reveal}</a>`
  }</dd>`;
  const note = base.includes(placeholder) && html`<p class="hint">${words.placeholder}</p>`;
  if (kind === "battlemetrics") {
    const { url, contentType, body } = webhookFields(connection, base);
    // As the form on BattleMetrics calls them; it is in English only.
    return html`<p class="hint">${words.setUpHint}</p><dl class="values"><dt>Name</dt><dd>${words.anyName}</dd><dt>URL</dt><dd>${value(url)}${note}</dd>${secretRow}<dt>Content type</dt><dd>${value(contentType)}</dd><dt>Logging</dt><dd>${words.anyLogging}</dd><dt>Enabled</dt><dd>${words.yes}</dd><dt>Body</dt><dd>${value(body)}<p class="hint">${words.bodyHint}</p></dd></dl>`;
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
