import type { Day } from "../calendar.ts";
import { type Html, html } from "../html.ts";
import type { SteamId } from "../parse.ts";
import type { TopPlayer } from "../players/days.ts";
import { playerCell } from "./player-cell.ts";
import { playersTabs } from "./players-tabs.ts";
import { ago, gameTitle, hours, type Reader } from "./reader.ts";

/** What the address asks for: the last `days`, or the days between two dates. A stranger's texts; empty where not given. */
export type TopChoice = { days: string; from: string; to: string; game: string };

/** The first and the last day, both included; `count` days in all. */
export type Span = { from: Day; to: Day; count: number };

export type Top = {
  choice: TopChoice;
  /** The numbers of days that one click chooses; empty where no days are kept. */
  offered: readonly number[];
  games: readonly number[];
  /** Undefined when there is nothing to show but a problem; `game`: undefined where no days are stored. */
  found?: {
    game: number | undefined;
    span: Span;
    players: readonly TopPlayer[];
    names: ReadonlyMap<SteamId, string>;
  };
};

/** The page's content. */
export function topPage(reader: Reader, { choice, offered, games, found }: Top): Html {
  const { top: words, common } = reader.texts;
  const head = html`${playersTabs(reader, "top")}<h1>${words.title}</h1>`;
  if (offered.length === 0) return html`${head}<section class="card"><p class="empty">${words.notKept}</p></section>`;
  const ownDays = choice.from !== "" || choice.to !== "";
  const game = found?.game;
  const address = (changes: Partial<TopChoice>) => {
    const given = Object.entries({ ...choice, ...changes }).filter(([, value]) => value !== "");
    return `/admin/top/${given.length > 0 ? `?${new URLSearchParams(given)}` : ""}`;
  };
  const option = (isChosen: boolean, to: string, text: string) =>
    html`<a class="button small" href="${to}"${isChosen && html` aria-current="true"`}>${text}</a>`;
  return html`${head}
<section class="card"><div class="row choices">${offered.map((count) =>
    option(
      !ownDays && found?.span.count === count,
      address({ days: String(count), from: "", to: "" }),
      common.days(count),
    ),
  )}</div>
${games.length > 1 && html`<div class="row choices">${games.map((one) => option(one === game, address({ game: String(one) }), gameTitle(reader, one)))}</div>`}
<form action="/admin/top/" class="row dates">${choice.game !== "" && html`<input type="hidden" name="game" value="${choice.game}">`}
<div><label for="from">${words.from}</label><input id="from" name="from" type="date" value="${found?.span.from ?? choice.from}"></div>
<div><label for="to">${words.to}</label><input id="to" name="to" type="date" value="${found?.span.to ?? choice.to}"></div>
<button>${words.show}</button></form></section>
${found && html`<section class="card">${topTable(reader, found)}</section>`}`;
}

function topTable(reader: Reader, { game, span, players, names }: NonNullable<Top["found"]>): Html {
  const { top: words, players: columns } = reader.texts;
  if (game === undefined) return html`<p class="empty">${words.noDays}</p>`;
  const title = html`<h2>${gameTitle(reader, game)}, ${span.from} – ${span.to}</h2>`;
  if (players.length === 0) return html`${title}<p class="empty">${words.nobody}</p>`;
  return html`${title}<table class="stack"><thead><tr><th class="number">${words.place}</th><th>${columns.player}</th><th class="number">${columns.played}</th><th>${columns.seen}</th></tr></thead>
<tbody>${players.map(
    ({ steamId, seconds, lastSeen }, index) => html`<tr>
<td data-label="${words.place}" class="number">${index + 1}</td>
<td data-label="${columns.player}">${playerCell(steamId, names)}</td>
<td data-label="${columns.played}" class="number">${hours(reader, seconds)}</td>
<td data-label="${columns.seen}">${ago(reader, lastSeen)}</td></tr>`,
  )}</tbody></table>`;
}
