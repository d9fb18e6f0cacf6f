import type { Day } from "../calendar.ts";
import { type Html, html } from "../html.ts";
import type { SteamId } from "../parse.ts";
import type { Playtime } from "../players/playtime.ts";
import { confirmation } from "./confirmation-page.ts";
import { daysChart, type PlayedDays } from "./days-chart.ts";
import { usualList } from "./player-address.ts";
import { profileLinks } from "./players-page.ts";
import { ago, gameTitle, hours, moment, number, type Reader } from "./reader.ts";

/** What was typed and cannot be taken: the game to ask about, or the times of one. */
export type Draft = { ask: string } | Times;
export type TypedTime = { hours: string; minutes: string };
type Times = {
  gameId: number;
  steam: TypedTime;
  battlemetrics: TypedTime;
  wrong: { steam: boolean; battlemetrics: boolean };
};

/** A day of a game; undefined where no days are kept. */
type OfGame = { gameId: number; day: Day; seconds: number };
type Player = {
  steamId: SteamId;
  name: string | undefined;
  rows: readonly Playtime[];
  /** The times that were set by hand, as `gameId/steam` or `gameId/battlemetrics`. */
  edited: ReadonlySet<string>;
  today: Day;
  played: readonly OfGame[] | undefined;
  draft?: Draft | undefined;
  /** Where the list stands from which this page was opened. */
  list: string;
};

/** All that is known of a player, and what can be done about it. */
export function playerPage(reader: Reader, { steamId, name, rows, edited, today, played, draft, list }: Player): Html {
  const { nav, players: words } = reader.texts;
  const typed = draft && "ask" in draft ? draft.ask : undefined;
  return html`<p><a href="${list}">← ${list === usualList ? nav.players : words.backToList}</a></p>
<div class="head"><div>${name !== undefined && html`<p class="above"><bdi>${name}</bdi></p>`}<h1><span class="id">${steamId}</span></h1></div>${profileLinks(steamId)}</div>
${rows.map((row) => {
  const days = played && { today, played: played.filter(({ gameId }) => gameId === row.gameId) };
  return game(reader, row, {
    draft: draft && "gameId" in draft && draft.gameId === row.gameId ? draft : undefined,
    days,
    edited,
  });
})}
<section class="card">${rows.length === 0 ? html`<p>${words.unknown}</p>` : html`<h2>${words.askAnother}</h2>`}
<form method="post" class="ask"><input type="hidden" name="action" value="ask">
<div class="field${typed !== undefined && " wrong"}"><label for="game">${words.game}</label>
<input id="game" name="game" value="${typed ?? ""}" inputmode="numeric" autocomplete="off" required maxlength="20" aria-describedby="game-hint">
<p id="game-hint" class="${typed === undefined ? "hint" : "problem"}">${words.gameHint}</p></div>
<button>${words.askNew}</button></form></section>
${rows.length > 0 && html`<p><a class="button danger" href="/admin/players/${steamId}/?confirm=delete">${words.remove}</a></p>`}`;
}

type Shown = { draft: Times | undefined; days: PlayedDays | undefined; edited: ReadonlySet<string> };

function game(reader: Reader, row: Playtime, { draft, days, edited }: Shown): Html {
  const words = reader.texts.players;
  const { gameId } = row;
  return html`<section class="card"><div class="head"><h2>${gameTitle(reader, gameId)}</h2>
<form method="post"><input type="hidden" name="action" value="ask"><button name="game" value="${gameId}">${words.ask}</button></form></div>
<dl class="facts">
<div><dt>${words.steamTime}</dt><dd>${time(reader, row.steamSeconds)}${row.steamStatus !== "ok" && html`<small>${reader.texts.status[row.steamStatus]}</small>`}${row.steamCheckedAt !== null && html`<small>${edited.has(`${gameId}/steam`) ? words.byHand : words.checked} ${ago(reader, row.steamCheckedAt)}</small>`}</dd></div>
<div><dt>${words.battlemetricsTime}</dt><dd>${time(reader, row.bmSeconds)}${row.bmSignedAt !== null && html`<small>${edited.has(`${gameId}/battlemetrics`) ? words.byHand : words.signed} ${ago(reader, row.bmSignedAt)}</small>`}</dd></div>
${row.orgSeconds !== null && html`<div><dt>${words.orgTime}</dt><dd>${time(reader, row.orgSeconds)}${row.orgSignedAt !== null && html`<small>${words.signed} ${ago(reader, row.orgSignedAt)}</small>`}</dd></div>`}
${row.seenAt !== null && html`<div><dt>${words.seen}</dt><dd>${when(reader, row.seenAt)}</dd></div>`}
<div><dt>${words.created}</dt><dd>${when(reader, row.createdAt)}</dd></div>
<div><dt>${words.updated}</dt><dd>${when(reader, row.updatedAt)}</dd></div>
</dl>
${row.seenAt !== null && days && daysChart(reader, days, `days-${gameId}`)}
<details${draft && html` open`}><summary>${words.correct}</summary>
<form method="post"><input type="hidden" name="action" value="correct"><input type="hidden" name="game" value="${gameId}">
<div class="pair">
${timeField(reader, { row, draft, name: "steam", label: words.steamTime, seconds: row.steamSeconds })}
${timeField(reader, { row, draft, name: "battlemetrics", label: words.battlemetricsTime, seconds: row.bmSeconds })}
</div>
<p class="hint" id="hint-${gameId}">${words.correctHint}</p>
<p><button class="main">${words.preview}</button></p></form></details></section>`;
}

type TimeField = {
  row: Playtime;
  draft: Times | undefined;
  name: "steam" | "battlemetrics";
  label: string;
  seconds: number | null;
};

function timeField(reader: Reader, { row, draft, name, label, seconds }: TimeField): Html {
  const { players: words } = reader.texts;
  const isWrong = draft?.wrong[name] === true;
  const typed = draft?.[name] ?? typedOf(seconds);
  const part = (unit: "hours" | "minutes") => {
    const id = `${name}-${unit}-${row.gameId}`;
    return html`<div><label for="${id}" class="part">${words[unit]}</label><input id="${id}" name="${name}-${unit}" value="${typed[unit]}" inputmode="numeric" autocomplete="off" maxlength="9" aria-describedby="hint-${row.gameId}"${isWrong && html` aria-invalid="true"`}></div>`;
  };
  return html`<fieldset class="field${isWrong && " wrong"}"><legend>${label}</legend>
<input type="hidden" name="${name}-was" value="${seconds ?? ""}">
<div class="times">${part("hours")}${part("minutes")}</div>
${seconds !== null && html`<p class="hint">${words.exactly(seconds)}</p>`}
${isWrong && html`<p class="problem">${words.wrongTime}</p>`}</fieldset>`;
}

function typedOf(seconds: number | null): TypedTime {
  if (seconds === null) return { hours: "", minutes: "" };
  return { hours: String(Math.floor(seconds / 3_600)), minutes: String(Math.floor(seconds / 60) % 60) };
}

export type ChangedTimes = {
  steamId: SteamId;
  row: Playtime;
  /** In seconds; undefined: as it is. */
  steamSeconds: number | null | undefined;
  bmSeconds: number | null | undefined;
  typed: Pick<Times, "steam" | "battlemetrics">;
  was: { steam: string; battlemetrics: string };
  page: string;
};

/** Asked before times are changed: what they are, and what they would be. */
export function confirmTimes(reader: Reader, { steamId, row, typed, was, page, ...changed }: ChangedTimes): Html {
  const { players: words, common } = reader.texts;
  const line = (label: string, before: number | null, after: number | null | undefined) =>
    after !== undefined &&
    html`<dt>${label}</dt><dd>${inFull(reader, before)} → <strong>${inFull(reader, after)}</strong></dd>`;
  const fields = {
    action: "correct",
    confirmed: "yes",
    game: String(row.gameId),
    "steam-hours": typed.steam.hours,
    "steam-minutes": typed.steam.minutes,
    "steam-was": was.steam,
    "battlemetrics-hours": typed.battlemetrics.hours,
    "battlemetrics-minutes": typed.battlemetrics.minutes,
    "battlemetrics-was": was.battlemetrics,
  };
  return html`<div class="narrow wide card"><p class="above">${gameTitle(reader, row.gameId)}</p><h1><span class="id">${steamId}</span></h1>
<dl class="values">${line(words.steamTime, row.steamSeconds, changed.steamSeconds)}${line(words.battlemetricsTime, row.bmSeconds, changed.bmSeconds)}</dl>
<p class="hint">${words.editedHint}</p>
<form method="post" action="${page}" class="row">${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button class="main">${common.save}</button><a class="button" href="${page}">${common.cancel}</a></form></div>`;
}

/** Such as "41 h 40 min (150,000 seconds)". */
function inFull(reader: Reader, seconds: number | null): string {
  const { common, players: words } = reader.texts;
  if (seconds === null) return common.unknown;
  const hours = number(reader, Math.floor(seconds / 3_600));
  return `${hours} ${common.hours} ${Math.floor(seconds / 60) % 60} ${common.min} (${words.exactly(seconds)})`;
}

function time(reader: Reader, seconds: number | null): Html {
  return html`${hours(reader, seconds)}${seconds !== null && html`<small>${reader.texts.players.exactly(seconds)}</small>`}`;
}

function when(reader: Reader, at: string): Html {
  return html`${ago(reader, at)}<small>${moment(reader, at)}</small>`;
}

/** Asked before a player is deleted. */
export function confirmRemoval(reader: Reader, steamId: SteamId): Html {
  const words = reader.texts.players;
  const title = html`${words.removeTitle(steamId)}`;
  return confirmation(reader, { title, words: words.removeWords, page: `/admin/players/${steamId}/` });
}
