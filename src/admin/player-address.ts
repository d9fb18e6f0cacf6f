import type { SteamId } from "../parse.ts";

export const usualList = "/admin/players/";

/** The page of a player, and in its address the list to which it leads back. */
export function pageOfPlayer(steamId: SteamId, list: string): string {
  const [, query = ""] = list.split("?");
  return `/admin/players/${steamId}/${list === usualList ? "" : `?${new URLSearchParams({ list: query })}`}`;
}
