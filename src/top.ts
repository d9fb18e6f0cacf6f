import type { Answer, Handler } from "./http/call.ts";
import type { Names } from "./names.ts";
import { gameId, integer, optional, type SteamId } from "./parse.ts";
import type { Days, TopPlayer } from "./players/days.ts";
import type { History } from "./players/deliveries.ts";
import { countOfDays, fieldsOf, mostDays, type ScriptDeps, steamIdsOf } from "./script.ts";

/** POST /top-playtime/:path/ — a script asks who played most in the last days. */
export function top({ days, history, names, ...deps }: TopDeps): Handler {
  const { keepDays, dayOf } = history;
  const windowOf = optional(countOfDays(keepDays), Math.min(usualDays, mostDays(keepDays)));

  return async (call) => {
    call.facts.request = "top";
    const { fields, fixedGameId } = await fieldsOf(call, deps);
    const question = {
      gameId: fixedGameId ?? gameId(fields["game_id"], "game_id"),
      days: windowOf(fields["days"], "days"),
      limit: limitOf(fields["limit"], "limit"),
      exclude: steamIdsOf(fields["exclude"] ?? [], "exclude", 0),
      today: dayOf(deps.now()),
    };
    const players = keepDays === 0 ? [] : await days.top(question);
    call.facts.players = players.length;
    return answer(players, await names(players.map(({ steamId }) => steamId)));
  };
}

export type TopDeps = ScriptDeps & { days: Pick<Days, "top">; history: History; names: Names };

const usualDays = 30;
const limitOf = optional(integer({ min: 1, max: 100 }), 10);

function answer(players: readonly TopPlayer[], names: ReadonlyMap<SteamId, string>): Answer {
  const entries = players.map(({ steamId, seconds, lastSeen }) => ({
    steam_id: steamId,
    seconds,
    last_seen: lastSeen,
    name: names.get(steamId) ?? null,
  }));
  return { status: 200, body: JSON.stringify(entries) };
}
