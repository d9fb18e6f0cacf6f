import type { Day } from "../calendar.ts";
import { type Html, html } from "../html.ts";
import type { SteamId } from "../parse.ts";
import type { PlayedDay } from "../players/days.ts";
import type { NewestPlayer, Totals } from "../players/statistics.ts";
import type { GateStatus } from "../steam-gate.ts";
import type { HourlyCount, Summary } from "../watch/read.ts";
import type { Range } from "../watch/spans.ts";
import type { Warning } from "../watch/warnings.ts";
import { histogram, legend, rangeLinks, requestsCard } from "./charts.ts";
import { pageOf } from "./connection-parts.ts";
import { everybodysDays } from "./days-chart.ts";
import { playerCell } from "./player-cell.ts";
import { ago, bytes, gameName, hours, number, type Reader, reasonWords } from "./reader.ts";

export type Overview = {
  totals: Totals;
  newest: readonly NewestPlayer[];
  names: ReadonlyMap<SteamId, string>;
  /** Undefined where no days are kept. */
  played: { today: Day; played: readonly PlayedDay[] } | undefined;
  range: Range;
  counts: readonly HourlyCount[];
  /** Requests to no connection. */
  strangers: readonly Summary[];
  steam: GateStatus;
  hasKey: boolean;
  warnings: readonly Warning[];
  isEmbedded: boolean;
};

/** The page's content. */
export function overviewPage(reader: Reader, shown: Overview): Html {
  const { nav, overview: words } = reader.texts;
  const { totals, steam } = shown;
  const { range, counts } = shown;
  return html`<h1 class="unseen">${nav.overview}</h1>
<div data-live="overview">
${shown.warnings.length > 0 && html`<ul class="warnings">${shown.warnings.map((warning) => html`<li>${warningWords(reader, warning)}</li>`)}</ul>`}
<dl class="tiles">
<div><dt>${words.players}</dt><dd>${totals.isEstimate && "≈ "}${number(reader, totals.players)}</dd></div>
<div><dt>${words.steam}</dt><dd>${steamState(reader, shown)}</dd></div>
<div><dt>${words.steamCalls}</dt><dd>${number(reader, steam.callsToday)}<small>${words.ofCalls(steam.callsPerDay)}</small></dd></div>
<div><dt>${words.database}</dt><dd>${bytes(reader, totals.databaseBytes)}<small>${words.databaseKind(shown.isEmbedded)} · Postgres ${totals.postgresVersion}</small></dd></div>
</dl>
${rangeLinks(reader, range)}
<div class="pair">
${requestsCard(reader, { kind: "battlemetrics", counts, range })}
${requestsCard(reader, { kind: "script", counts, range })}
</div>
${strangersLine(reader, shown.strangers)}
<div class="pair uneven">
<section class="card"><h2>${words.histogram}</h2><p class="quiet">${totals.isEstimate ? words.estimate : words.histogramOf}</p>${histogram(reader, totals.steam, totals.battlemetrics)}${legend(
    [
      ["steam", "Steam"],
      ["battlemetrics", reader.texts.players.battlemetrics],
    ],
  )}</section>
<section class="card"><h2>${words.newest}</h2>${newestTable(reader, shown)}</section>
</div>
</div>
${shown.played && everybodysDays(reader, shown.played)}`;
}

function steamState(reader: Reader, { steam, hasKey }: Overview): Html {
  const { overview: words } = reader.texts;
  if (!hasKey) return html`<span class="state off">${words.noKey}</span>`;
  const at = steam.answeredAt?.toISOString() ?? null;
  // Nothing is known before the first call: neither that Steam works, nor that it fails.
  if (at === null && steam.breaker === "closed") return html`<span class="state off">${words.noAnswer}</span>`;
  const last = html`<small>${at === null ? words.noAnswer : html`${words.lastAnswer} ${ago(reader, at)}`}</small>`;
  if (steam.breaker === "closed") return html`<span class="state good">${words.steamWorks}</span>${last}`;
  return html`<span class="state bad">${words.steamFails}</span><small>${reasonWords(reader, steam.reason)}</small>${last}`;
}

function newestTable(reader: Reader, { newest: players, names }: Overview): Html {
  const { overview: words, players: columns } = reader.texts;
  if (players.length === 0) return html`<p class="empty">${words.noPlayers}</p>`;
  const hasGames = new Set(players.map(({ gameId }) => gameId)).size > 1;
  return html`<table class="stack"><thead><tr><th>${columns.player}</th>${hasGames && html`<th>${columns.game}</th>`}<th class="number">Steam</th><th class="number">${columns.battlemetrics}</th><th>${columns.created}</th></tr></thead>
<tbody>${players.map(
    ({ steamId, gameId, steamSeconds, bmSeconds, createdAt }) => html`<tr>
<td data-label="${columns.player}">${playerCell(steamId, names)}</td>
${hasGames && html`<td data-label="${columns.game}">${gameName(gameId)}</td>`}
<td data-label="Steam" class="number">${hours(reader, steamSeconds)}</td>
<td data-label="${columns.battlemetrics}" class="number">${hours(reader, bmSeconds)}</td>
<td data-label="${columns.created}">${ago(reader, createdAt)}</td></tr>`,
  )}</tbody></table>`;
}

/** A request to an unknown address may come from our own sender, with a wrong path. */
function strangersLine(reader: Reader, strangers: readonly Summary[]): Html | undefined {
  const { overview: words } = reader.texts;
  const refused = strangers.reduce((sum, one) => sum + one.refused, 0);
  if (refused === 0) return undefined;
  const [newest] = [...strangers].sort((a, b) => ((a.refusedAt ?? "") < (b.refusedAt ?? "") ? 1 : -1));
  return html`<p class="hint">${words.strangers(refused)} ${newest && html`<code>${newest.refusedReason}</code> ${ago(reader, newest.refusedAt)}.`}</p>`;
}

function warningWords(reader: Reader, warning: Warning): Html {
  const { warnings } = reader.texts;
  if ("connection" in warning) {
    const { kind, path } = warning.connection;
    const link = html`<a href="${pageOf(warning.connection)}">${reader.texts.kinds[kind]} ${path}</a>`;
    return html`<strong>${link}</strong>: ${warnings[warning.code]} ${"reason" in warning && html`<code>${reasonWords(reader, warning.reason)}</code> `}${warning.at !== null && html`(${ago(reader, warning.at)})`}`;
  }
  if (warning.code === "no-connection")
    return html`${warnings["no-connection"]} <a href="/admin/connections/new/battlemetrics/">${reader.texts.connections.add.battlemetrics}</a>`;
  if (warning.code === "steam-fails")
    return html`${warnings["steam-fails"]} ${warning.reason && `(${reasonWords(reader, warning.reason)})`}`;
  return html`${warnings[warning.code]}`;
}
