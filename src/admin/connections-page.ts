import { addressOf, type Kind } from "../connections/connections.ts";
import { isPrivate } from "../connections/how-to-use.ts";
import { type Html, html } from "../html.ts";
import type { Standing } from "../watch/health.ts";
import type { Summary } from "../watch/read.ts";
import {
  connectionField,
  type Filled,
  gameField,
  pageOf,
  pathField,
  stateMark,
  switchForm,
} from "./connection-parts.ts";
import { ago, gameName, number, type Reader } from "./reader.ts";
import { refusalWords } from "./state-words.ts";

const squad = "393380";

/** All connections, a row each. */
export function connectionList(reader: Reader, standings: readonly Standing[]): Html {
  const { connections: words, common, kinds } = reader.texts;
  const rows = standings.map((standing) => {
    const { connection, summary } = standing;
    const { kind, path, fixedGameId } = connection;
    return html`<tr>
<td data-label="${words.connection}" class="text"><span><a href="${pageOf(connection)}">${path}</a><small>${kinds[kind]}</small></span></td>
<td data-label="${words.state}" class="text">${stateMark(reader, standing)}</td>
<td data-label="${words.game}" class="spare">${fixedGameId === null ? common.any : gameName(fixedGameId)}</td>
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
      : html`<table class="stack"><thead><tr><th>${words.connection}</th><th>${words.state}</th><th class="spare">${words.game}</th><th>${words.lastAccepted}</th><th>${words.lastRefused}</th><th class="number">${words.ofDay}</th><th>${reader.texts.health.switch}</th></tr></thead><tbody>${rows}</tbody></table>`
  }</div>`;
}

function dayCounts(reader: Reader, summary: Summary | undefined): Html {
  const { overview } = reader.texts;
  const { accepted, ignored, paused, refused } = summary ?? { accepted: 0, ignored: 0, paused: 0, refused: 0 };
  return html`<span>${number(reader, accepted)} ${overview.accepted}${ignored > 0 && html`<small>${number(reader, ignored)} ${overview.ignored}</small>`}${paused > 0 && html`<small>${number(reader, paused)} ${reader.texts.health.states.paused}</small>`}${refused > 0 && html`<small class="warning">${number(reader, refused)} ${overview.refused}</small>`}</span>`;
}

/** The form for a new one. `base`: how senders reach us, for the preview of the address. */
export function connectionForm(
  reader: Reader,
  kind: Kind,
  { base, filled }: { base: string; filled?: Filled | undefined },
): Html {
  const { connections: words, common } = reader.texts;
  const values = { path: "", game: squad, secret: "", ...filled?.values };
  const address = addressOf({ kind, path: "*" }).split("*");
  return html`<div class="narrow wide card"><h1>${words.add[kind]}</h1>
<form method="post" autocomplete="off">
${pathField(reader, { hint: words.pathHint, value: values.path, filled })}
<p class="hint">${words.address}: <code data-preview="path" data-before="${base}${address[0] ?? ""}" data-after="${address[1] ?? ""}">${base}${address[0] ?? ""}…${address[1] ?? ""}</code></p>
${kind === "battlemetrics" && isPrivate(base) && html`<p class="hint warning">${words.privatePreview}</p>`}
${gameField(reader, { hint: words.gameHint, value: values.game, filled })}
${connectionField(reader, { name: "secret", label: words.secret, hint: words.secretHint[kind], value: values.secret, filled, attributes: html` spellcheck="false" autocapitalize="none"` })}
<div class="row"><button class="main">${words.create}</button><a class="button plain" href="/admin/connections/">${common.cancel}</a></div>
</form></div>`;
}
