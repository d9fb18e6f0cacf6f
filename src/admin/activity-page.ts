import { type Html, html } from "../html.ts";
import type { IdList } from "../id-list.ts";
import type { SteamId } from "../parse.ts";
import type { Listed } from "../players/least-active.ts";
import { playerCell } from "./player-cell.ts";
import { playersTabs } from "./players-tabs.ts";
import { ago, gameName, gameTitle, hours, type Reader } from "./reader.ts";

export type Activity = {
  /** The pasted list; a stranger's text, as is `game`. */
  text: string;
  game: string;
  games: readonly number[];
  /** Numbers of days; none where no days are kept. */
  windows: readonly number[];
  /** Undefined when there is nothing to show. */
  found:
    | {
        game: number;
        players: readonly Listed[];
        unread: IdList["unread"];
        names: ReadonlyMap<SteamId, string>;
      }
    | undefined;
};

export function addressOfActivity(ids: string, game: string, path = "/admin/activity/"): string {
  return `${path}?${new URLSearchParams({ ids, ...(game === "" ? {} : { game }) })}`;
}

/** The page's content. */
export function activityPage(reader: Reader, { text, game, games, windows, found }: Activity): Html {
  const { activity: words, players: columns, top } = reader.texts;
  const csv =
    found && addressOfActivity(found.players.map(({ steamId }) => steamId).join("\n"), game, "/admin/activity.csv");
  const head = html`${playersTabs(reader, "activity")}<div class="head"><h1>${words.title}</h1>${csv !== undefined && html`<p class="actions"><a class="button" href="${csv}">${columns.export}</a></p>`}</div>`;
  if (windows.length === 0) return html`${head}<section class="card"><p class="empty">${top.notKept}</p></section>`;
  const chosen = String(found?.game ?? game);
  return html`${head}
${found && html`<section class="card">${listTable(reader, windows, found)}</section>`}
<form method="post" action="/admin/activity/" class="card">
<div class="field"><label for="ids">${words.ids}</label>
<textarea id="ids" name="ids" rows="${found ? 6 : 10}" spellcheck="false" autocomplete="off" required aria-describedby="ids-hint">
${text}</textarea><p id="ids-hint" class="hint">${words.hint}</p></div>
${games.length > 1 && html`<div class="field ask"><label for="game">${columns.game}</label><select id="game" name="game">${games.map((one) => html`<option value="${one}"${String(one) === chosen && html` selected`}>${gameName(one)}</option>`)}</select></div>`}
${games.length === 0 && html`<p class="hint">${top.noDays}</p>`}
<button class="main">${top.show}</button></form>`;
}

function listTable(
  reader: Reader,
  windows: readonly number[],
  { game, players, unread, names }: NonNullable<Activity["found"]>,
): Html {
  const { activity: words, players: columns, common } = reader.texts;
  const seen = players.filter(({ lately }) => lately !== undefined);
  const others = players.filter(({ lately }) => lately === undefined);
  return html`<h2>${gameTitle(reader, game)}</h2>
${
  seen.length > 0 &&
  html`<table class="stack"><thead><tr><th>${columns.player}</th>${windows.map((count) => html`<th class="number">${common.days(count)}</th>`)}<th>${columns.seen}</th></tr></thead>
<tbody>${seen.map(
    ({ steamId, lately }) => html`<tr>
<td data-label="${columns.player}">${playerCell(steamId, names)}</td>
${windows.map((count, index) => html`<td data-label="${common.days(count)}" class="number">${hours(reader, lately?.seconds[index] ?? 0)}</td>`)}
<td data-label="${columns.seen}">${ago(reader, lately?.lastSeen ?? null)}</td></tr>`,
  )}</tbody></table>`
}
${others.length > 0 && html`<h3>${words.neverTold}</h3><ul class="plain-list">${others.map(({ steamId }) => html`<li>${playerCell(steamId, names)}</li>`)}</ul>`}
${unread.length > 0 && html`<h3>${words.unread}</h3><ul class="plain-list">${unread.map(({ text }) => html`<li><code>${text}</code></li>`)}</ul>`}`;
}
