import { type Html, html } from "../html.ts";
import type { SteamId } from "../parse.ts";
import { pageOfPlayer, usualList } from "./player-address.ts";

/** A link to a player's page, and the name where Steam told it. `list`: the list to which that page leads back. */
export function playerCell(steamId: SteamId, names: ReadonlyMap<SteamId, string>, list = usualList): Html {
  const name = names.get(steamId);
  return html`<div><a href="${pageOfPlayer(steamId, list)}" class="id">${steamId}</a>${name !== undefined && html`<small><bdi>${name}</bdi></small>`}</div>`;
}

/** The same within a sentence. */
export function playerInLine(steamId: SteamId, names: ReadonlyMap<SteamId, string>): Html {
  const name = names.get(steamId);
  return html`<a href="/admin/players/${steamId}/" class="id">${steamId}</a>${name !== undefined && html` <bdi>${name}</bdi>`}`;
}
