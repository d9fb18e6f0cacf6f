import { type Html, html } from "../html.ts";
import type { SteamId } from "../parse.ts";
import type { Standing } from "../watch/health.ts";
import type { AcceptedRequest, HourlyCount, RefusedRequests } from "../watch/read.ts";
import type { Range } from "../watch/spans.ts";
import { keptRequests } from "../watch/write.ts";
import { rangeLinks, requestsCard } from "./charts.ts";
import { connectionHead, pageOf, standingCard } from "./connection-parts.ts";
import { playerCell, playerInLine } from "./player-cell.ts";
import { moment, number, type Reader, reasonWords } from "./reader.ts";
import { cureOf, refusalWords } from "./state-words.ts";

/** So many accepted requests are shown at first. */
const fewRequests = 20;

export type ShownConnection = {
  standing: Standing;
  range: Range;
  counts: readonly HourlyCount[];
  accepted: readonly AcceptedRequest[];
  refused: readonly RefusedRequests[];
  /** All that are kept are to be shown. */
  isLong: boolean;
  /** Of the players in both. */
  names: ReadonlyMap<SteamId, string>;
};

/** One connection: how it stands, and what came. */
export function connectionPage(reader: Reader, shown: ShownConnection): Html {
  const { connections: words } = reader.texts;
  const { standing, range, counts, accepted } = shown;
  const { kind } = standing.connection;
  const some = shown.isLong ? accepted : accepted.slice(0, fewRequests);
  const more =
    some.length < accepted.length &&
    html`<p><a class="button" href="${pageOf(standing.connection)}?accepted=all">${words.more(accepted.length)}</a></p>`;
  return html`${connectionHead(reader, standing, "log")}
${standingCard(reader, standing)}
<div data-live="log">
${rangeLinks(reader, range)}
${requestsCard(reader, { kind, counts, range })}
<section class="card"><h2>${words.refused}</h2>${refusedTable(reader, shown.refused, shown.names)}</section>
<section class="card"><h2>${words.accepted}</h2><p class="hint">${words.kept(keptRequests)}</p>${acceptedTable(reader, some, shown.names)}${more}</section>
</div>`;
}

function acceptedTable(reader: Reader, requests: readonly AcceptedRequest[], names: ShownConnection["names"]): Html {
  const { connections: words, overview, health } = reader.texts;
  if (requests.length === 0) return html`<p class="empty">${words.nothingAccepted}</p>`;
  return html`<table class="stack"><thead><tr><th>${words.time}</th><th>${words.outcome}</th><th>${words.player}</th><th class="number">${words.duration}</th><th>X-Request-ID</th></tr></thead><tbody>${requests.map(
    (one) =>
      html`<tr><td data-label="${words.time}">${moment(reader, one.at)}</td><td data-label="${words.outcome}">${one.isPaused ? health.states.paused : one.isIgnored ? overview.ignored : overview.accepted}</td><td data-label="${words.player}">${playerLink(reader, one, names)}</td><td data-label="${words.duration}" class="number">${milliseconds(reader, one.durationMs)}</td><td data-label="X-Request-ID" class="text"><small>${one.requestId ?? "–"}</small></td></tr>`,
  )}</tbody></table>`;
}

/** Those with the same reason are one row, the newest reason on top; each single one on demand. */
function refusedTable(reader: Reader, requests: readonly RefusedRequests[], names: ShownConnection["names"]): Html {
  const { connections: words, health } = reader.texts;
  if (requests.length === 0) return html`<p class="empty">${words.nothingRefused}</p>`;
  const rows = [...new Set(requests.map(({ code }) => code))].map((code) => {
    const alike = requests.filter((one) => one.code === code);
    const count = alike.reduce((sum, one) => sum + one.count, 0);
    const details = alike.map(
      (one) =>
        html`<li>${moment(reader, one.at)} · ${number(reader, one.count)} × ${reasonWords(reader, one.reason)}<small>${one.steamId === null ? "–" : playerInLine(one.steamId, names)} · ${milliseconds(reader, one.durationMs)} · ${one.requestId ?? "–"}</small></li>`,
    );
    return html`<tr><td data-label="${words.time}">${moment(reader, alike[0]?.at ?? null)}</td><td data-label="${words.reason}" class="text"><span>${refusalWords(reader.texts, code)}<small><code>${code}</code> ${cureOf(reader.texts, code)}</small></span></td><td data-label="${words.times}" class="number">${number(reader, count)}</td></tr>
<tr class="details"><td colspan="3" class="text"><details id="refused-${code}"><summary>${health.details}</summary><ul>${details}</ul></details></td></tr>`;
  });
  return html`<table class="stack refusals"><thead><tr><th>${words.time}</th><th>${words.reason}</th><th class="number">${words.times}</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function playerLink(
  { texts }: Reader,
  { steamId, players }: Pick<AcceptedRequest, "steamId" | "players">,
  names: ShownConnection["names"],
): Html {
  if (steamId !== null) return playerCell(steamId, names);
  return html`${players > 0 ? texts.connections.players(players) : "–"}`;
}

function milliseconds(reader: Reader, value: number): string {
  return `${number(reader, value, value < 10 ? 1 : 0)} ${reader.texts.connections.ms}`;
}
