import type { Day } from "../calendar.ts";
import { type Html, html } from "../html.ts";
import type { SteamId } from "../parse.ts";
import type { Playtime } from "../players/playtime.ts";
import { confirmation } from "./confirmation-page.ts";
import { daysChart, type PlayedDays } from "./days-chart.ts";
import { profileLinks } from "./players-page.ts";
import { ago, hours, moment, type Reader } from "./reader.ts";

/** What was typed and cannot be taken: the game to ask about, or the times of one. */
export type Draft = { ask: string } | Times;
type Times = {
  gameId: number;
  steam: string;
  battlemetrics: string;
  wrong: { steam: boolean; battlemetrics: boolean };
};

/** A day of a game; undefined where no days are kept. */
type OfGame = { gameId: number; day: Day; seconds: number };
type Player = {
  steamId: SteamId;
  name: string | undefined;
  rows: readonly Playtime[];
  today: Day;
  played: readonly OfGame[] | undefined;
  draft?: Draft | undefined;
};

/** All that is known of a player, and what can be done about it. */
export function playerPage(reader: Reader, { steamId, name, rows, today, played, draft }: Player): Html {
  const { nav, players: words } = reader.texts;
  const typed = draft && "ask" in draft ? draft.ask : undefined;
  return html`<p><a href="/admin/players/">← ${nav.players}</a></p>
<div class="head"><div>${name !== undefined && html`<p class="above"><bdi>${name}</bdi></p>`}<h1><span class="id">${steamId}</span></h1></div>${profileLinks(steamId)}</div>
${rows.map((row) => {
  const days = played && { today, played: played.filter(({ gameId }) => gameId === row.gameId) };
  return game(reader, row, {
    draft: draft && "gameId" in draft && draft.gameId === row.gameId ? draft : undefined,
    days,
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

type Shown = { draft: Times | undefined; days: PlayedDays | undefined };

function game(reader: Reader, row: Playtime, { draft, days }: Shown): Html {
  const words = reader.texts.players;
  const { gameId } = row;
  return html`<section class="card"><div class="head"><h2>${words.gameTitle(gameId)}</h2>
<form method="post"><input type="hidden" name="action" value="ask"><button name="game" value="${gameId}">${words.ask}</button></form></div>
<dl class="facts">
<div><dt>${words.steamTime}</dt><dd>${time(reader, row.steamSeconds)}${row.steamStatus !== "ok" && html`<small>${reader.texts.status[row.steamStatus]}</small>`}${row.steamCheckedAt !== null && html`<small>${words.checked} ${ago(reader, row.steamCheckedAt)}</small>`}</dd></div>
<div><dt>${words.battlemetricsTime}</dt><dd>${time(reader, row.bmSeconds)}${row.bmSignedAt !== null && html`<small>${words.signed} ${ago(reader, row.bmSignedAt)}</small>`}</dd></div>
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
<p><button class="main">${reader.texts.common.save}</button></p></form></details></section>`;
}

type TimeField = {
  row: Playtime;
  draft: Times | undefined;
  name: "steam" | "battlemetrics";
  label: string;
  seconds: number | null;
};

function timeField(reader: Reader, { row, draft, name, label, seconds }: TimeField): Html {
  const id = `${name}-${row.gameId}`;
  const isWrong = draft?.wrong[name] === true;
  return html`<div class="field${isWrong && " wrong"}"><label for="${id}">${label}</label>
<input type="hidden" name="${name}-was" value="${seconds ?? ""}">
<input id="${id}" name="${name}" value="${draft?.[name] ?? seconds ?? ""}" autocomplete="off" maxlength="40" aria-describedby="hint-${row.gameId}"${isWrong && html` aria-invalid="true"`}>
${isWrong && html`<p class="problem">${reader.texts.players.wrongTime}</p>`}</div>`;
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
