import { type Html, html } from "../html.ts";
import { isSteamId, type SteamId } from "../parse.ts";
import type { Lately } from "../players/days.ts";
import {
  cursorText,
  isPlayed,
  knowns,
  type PlayersPage,
  type Sort,
  sort,
  sortedDays,
  sortName,
} from "../players/listing.ts";
import { type Playtime, steamStatuses } from "../players/playtime.ts";
import type { Total } from "../players/total.ts";
import { playerCell } from "./player-cell.ts";
import { addressOfList, type Choice, choiceNames } from "./players-choice.ts";
import { playersTabs } from "./players-tabs.ts";
import { ago, gameName, hours, number, type Reader } from "./reader.ts";

/** So many pages back the address knows the way. */
const longestTrail = 10;

/** The newest first, but what was searched for by ID in the order of IDs, which an index serves. */
export const usualSort = (isSearch: boolean): Sort =>
  isSearch ? { by: "id", isDown: false } : { by: "created", isDown: true };

/** By days only where that many are kept. */
export function isOffered(by: Sort["by"], windows: readonly number[]): boolean {
  if (by === "days7" || by === "days30") return windows.includes(sortedDays[by]);
  return !isPlayed({ by, isDown: true }) || windows.length > 0;
}

export const keyOf = ({ steamId, gameId }: { steamId: string; gameId: number }) => `${steamId} ${gameId}`;

export type Players = {
  choice: Choice;
  /** Undefined when there is nothing to show but a problem. */
  found: (PlayersPage & { total: Total }) | undefined;
  names: ReadonlyMap<SteamId, string>;
  /** The numbers of days that have a column; none where none are kept. */
  windows: readonly number[];
  /** By `keyOf`: how long the players played in each window. */
  lately: ReadonlyMap<string, Lately>;
  canExport: boolean;
  /** It is read again while the page is open. */
  isLive: boolean;
};

/** The list's content. */
export function playersPage(reader: Reader, shown: Players): Html {
  const { choice, found, windows, canExport, isLive } = shown;
  const { nav, players: words } = reader.texts;
  const exported = addressOfList(choice, { after: "", trail: "" }, "/admin/players.csv");
  const forSpreadsheet = `${exported}${exported.includes("?") ? "&" : "?"}for=spreadsheet`;
  return html`${playersTabs(reader, "list")}<div class="head"><h1>${nav.players}</h1>${canExport && html`<p class="actions"><a class="button" href="${exported}">${words.export}</a> <a class="button" href="${forSpreadsheet}" title="${words.exportForSpreadsheetHint}">${words.exportForSpreadsheet}</a></p>`}</div>
${finder(reader, choice, windows)}
${found && html`<section class="card"${isLive && html` data-live="players"`}>${playersTable(reader, found, shown)}</section>`}`;
}

function finder(reader: Reader, choice: Choice, windows: readonly number[]): Html {
  const words = reader.texts.players;
  const chosen = [choice.game, choice.steam, choice.battlemetrics, choice.status].filter((text) => text !== "").length;
  const known = knowns.map((one) => [one, words.known[one]] as const);
  const statuses = steamStatuses.map((one) => [one, reader.texts.status[one]] as const);
  const usual = sortName(usualSort(choice.q !== ""));
  const offered = Object.entries(words.sorts).filter(([name]) => isOffered(sort(name, "sort").by, windows));
  const sorts = offered.map(([name, text]) => [name === usual ? "" : name, text] as const);
  return html`<form class="card finder" action="/admin/players/" role="search">
<div class="search"><label for="q" class="unseen">${words.search}</label>
<input id="q" name="q" type="search" value="${choice.q}" placeholder="${words.searchHint}" autocomplete="off" spellcheck="false" maxlength="500">
<button class="main">${words.find}</button></div>
<details${chosen > 0 && html` open`}><summary>${words.filters}${chosen > 0 && ` (${chosen})`}</summary>
<div class="filters">
<div><label for="game">${words.game}</label><input id="game" name="game" value="${choice.game}" placeholder="393380" inputmode="numeric" autocomplete="off" maxlength="20"></div>
${select("steam", words.steamTime, choice.steam, [["", words.all], ...known])}
${select("battlemetrics", words.battlemetricsTime, choice.battlemetrics, [["", words.all], ...known])}
${select("status", words.status, choice.status, [["", words.all], ...statuses])}
${select("sort", words.sort, choice.sort === usual ? "" : choice.sort, sorts)}
</div></details>
${(chosen > 0 || choice.q !== "" || choice.sort !== "") && html`<p class="reset"><a href="/admin/players/">${words.reset}</a></p>`}
</form>`;
}

function select(name: string, label: string, chosen: string, options: readonly (readonly [string, string])[]): Html {
  return html`<div><label for="${name}">${label}</label><select id="${name}" name="${name}">${options.map(
    ([value, text]) => html`<option value="${value}"${value === chosen && html` selected`}>${text}</option>`,
  )}</select></div>`;
}

function playersTable(
  reader: Reader,
  { players, next, total }: PlayersPage & { total: Total },
  { choice, names, windows, lately }: Players,
): Html {
  const words = reader.texts.players;
  if (players.length === 0) return nobody(reader, choice);
  // Behind which rows the pages before began; the first page begins behind none.
  const trail = choice.after === "" ? [] : choice.trail.split("~");
  const isFarFromFirst = trail.length > 1;
  const first =
    isFarFromFirst &&
    html`<a class="button" href="${addressOfList(choice, { after: "", trail: "" })}">${words.first}</a>`;
  const before = trail.at(-1);
  const previous =
    before !== undefined &&
    html`<a class="button" href="${addressOfList(choice, { after: before, trail: trail.slice(0, -1).join("~") })}" rel="prev">← ${words.previous}</a>`;
  const more =
    next &&
    html`<a class="button" href="${addressOfList(choice, { after: cursorText(next), trail: [...trail, choice.after].slice(-longestTrail).join("~") })}" rel="next">${words.next} →</a>`;
  const list = addressOfList(choice);
  return html`<table class="stack"><thead><tr>${head(choice, "id", words.player)}<th class="spare">${words.game}</th>${head(choice, "steam", "Steam", "number")}${head(choice, "battlemetrics", words.battlemetrics, "number")}${sortedColumns(reader, choice, windows)}${head(choice, "created", words.created, "roomy")}<th class="roomy">${words.links}</th></tr></thead>
<tbody>${players.map((player) => row(reader, player, { names, windows, list, lately: lately.get(keyOf(player)) }))}</tbody></table>
<p class="row pager">${first}${previous}${more}<span class="quiet">${totalWords(reader, total)}</span></p>`;
}

function row(
  reader: Reader,
  { steamId, gameId, steamSeconds, steamStatus, bmSeconds, createdAt, seenAt }: Playtime,
  { names, windows, list, lately }: Pick<Players, "names" | "windows"> & { list: string; lately: Lately | undefined },
): Html {
  const words = reader.texts.players;
  return html`<tr>
<td data-label="${words.player}">${playerCell(steamId, names, list)}</td>
<td data-label="${words.game}" class="spare">${gameName(gameId)}</td>
<td data-label="Steam" class="number"><div>${hours(reader, steamSeconds)}${steamStatus !== "ok" && html`<small>${reader.texts.status[steamStatus]}</small>`}</div></td>
<td data-label="${words.battlemetrics}" class="number">${hours(reader, bmSeconds)}</td>
${windows.map((count, index) => html`<td data-label="${reader.texts.common.days(count)}" class="number">${hours(reader, lately?.seconds[index] ?? null)}</td>`)}
<td data-label="${words.seen}">${ago(reader, seenAt)}</td>
<td data-label="${words.created}" class="roomy">${ago(reader, createdAt)}</td>
<td data-label="${words.links}" class="roomy">${profileLinks(steamId)}</td></tr>`;
}

function totalWords(reader: Reader, total: Total): string {
  const { players: words } = reader.texts;
  if (total === undefined) return "";
  return words.total(`${total.isMore ? "> " : total.isEstimate ? "≈ " : ""}${number(reader, total.count)}`);
}

/** Where others show the player. */
export function profileLinks(steamId: SteamId): Html {
  return html`<span class="profiles"><a href="https://steamcommunity.com/profiles/${steamId}" rel="noreferrer">Steam</a> <a href="https://www.battlemetrics.com/rcon/players?filter[search]=${steamId}" rel="noreferrer">BattleMetrics</a></span>`;
}

/** What the days tell; without days kept only when a player was seen, by which nothing can be sorted then. */
function sortedColumns(reader: Reader, choice: Choice, windows: readonly number[]): Html {
  const { common, players: words } = reader.texts;
  const columns = (["days7", "days30"] as const).filter((by) => isOffered(by, windows));
  return html`${columns.map((by) => head(choice, by, common.days(sortedDays[by]), "number"))}${isOffered("seen", windows) ? head(choice, "seen", words.seen) : html`<th>${words.seen}</th>`}`;
}

/** A head that sorts by its column, and the other way round when it does already. */
function head(choice: Choice, by: Sort["by"], text: string, kind?: "number" | "roomy"): Html {
  const usual = sortName(usualSort(choice.q !== ""));
  const now = choice.sort === "" ? usual : choice.sort;
  const down = sortName({ by, isDown: true });
  const up = sortName({ by, isDown: false });
  const next = now === down ? up : now === up ? down : by === "id" ? up : down;
  const state = now === down ? "descending" : now === up ? "ascending" : undefined;
  const arrow = now === down ? " ↓" : now === up ? " ↑" : "";
  const address = addressOfList(choice, { sort: next === usual ? "" : next, after: "", trail: "" });
  return html`<th${kind && html` class="${kind}"`}${state && html` aria-sort="${state}"`}><a href="${address}">${text}${arrow && html`<span aria-hidden="true">${arrow}</span>`}</a></th>`;
}

function nobody(reader: Reader, choice: Choice): Html {
  const { players: words, overview } = reader.texts;
  const id = choice.q;
  if (isSteamId(id) && choiceNames.every((name) => name === "q" || choice[name] === ""))
    return html`<p class="empty">${words.unknownId(id)} <a href="/admin/players/${id}/">${words.toUnknown}</a></p>`;
  if (choiceNames.every((name) => name === "sort" || choice[name] === ""))
    return html`<p class="empty">${overview.noPlayers}</p>`;
  return html`<p class="empty">${words.none} <a href="/admin/players/">${words.reset}</a></p>`;
}
