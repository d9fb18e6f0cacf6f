import type { SteamId } from "../parse.ts";
import type { Lately } from "./days.ts";

/** A player of a list; `lately` is undefined where BattleMetrics never told anything about the player. */
export type Listed = { steamId: SteamId; lately: Lately | undefined };

/** By the longest of the windows, then by when they were seen. */
export function leastActiveFirst(players: readonly Listed[], windows: readonly number[]): Listed[] {
  const longest = windows.indexOf(Math.max(...windows));
  const played = ({ lately }: Listed) => lately?.seconds[longest] ?? -1;
  const seen = ({ lately }: Listed) => lately?.lastSeen ?? "";
  return [...players].sort((a, b) => played(a) - played(b) || (seen(a) < seen(b) ? -1 : seen(a) > seen(b) ? 1 : 0));
}

/** A table (CSV) of seconds; cells are empty where nothing was told. */
export function listCsv(players: readonly Listed[], windows: readonly number[]): string {
  const head = ["steam_id", ...windows.map((days) => `seconds_${days}_days`), "last_seen"];
  const rows = players.map(({ steamId, lately }) => [
    steamId,
    ...(lately?.seconds ?? windows.map(() => "")),
    lately?.lastSeen ?? "",
  ]);
  return [head, ...rows].map((row) => row.join(",")).join("\n");
}
