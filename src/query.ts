import { setTimeout as sleep } from "node:timers/promises";
import { farFutureMs } from "./database/future.ts";
import type { Answer, Handler } from "./http/call.ts";
import { boolean, gameId, Malformed, optional, type SteamId } from "./parse.ts";
import { type Days, type Lately, mostWindows } from "./players/days.ts";
import type { History } from "./players/deliveries.ts";
import {
  type Asked,
  type Known,
  type Playtimes,
  steamCheckedAtOf,
  steamStatusOf,
  timesOf,
} from "./players/playtimes.ts";
import { countOfDays, fieldsOf, type ScriptDeps, steamIdsOf } from "./script.ts";
import type { Steam } from "./steam.ts";

/** POST /get-playtime/:path/ — a script asks for the times of up to 120 players. */
export function query({ playtimes, days, history, steam, deadlineMs, recheckMs, ...deps }: QueryDeps): Handler {
  const { now } = deps;
  return async (call) => {
    const dropAtMs = performance.now() + deadlineMs;
    const { fields, fixedGameId } = await fieldsOf(call, deps);
    const { refresh, windows, ...asked } = parseQuery(fields, fixedGameId, history.keepDays);
    const [first] = asked.steamIds;
    if (first === undefined) return answer([]);
    if (asked.steamIds.length === 1) call.facts.steamId = first;
    else call.facts.players = asked.steamIds.length;

    const known = await playtimes.find(asked);
    const nowMs = now().getTime();
    const toAsk = asked.steamIds.filter((_, index) => refresh || isDue(known[index], nowMs, recheckMs));
    if (toAsk.length === 0)
      return answerWith(
        asked.steamIds.map((steamId, index) => entry(steamId, known[index])),
        asked,
        windows,
      );

    const answered = await askSteam({ ...asked, steamIds: toAsk }, refresh, dropAtMs);
    const unavailable = new Set(toAsk.filter((steamId) => !answered.has(steamId)));
    const found = answered.size > 0 ? await playtimes.find(asked) : known;
    return answerWith(
      asked.steamIds.map((steamId, index) =>
        entry(steamId, found[index], unavailable.has(steamId) ? "unavailable" : undefined),
      ),
      asked,
      windows,
    );
  };

  /** The entries, each with the days that were asked for. */
  async function answerWith(entries: string[], asked: Asked, windows: number[]): Promise<Answer> {
    if (windows.length === 0) return answer(entries);
    const lately = await days.lately({ ...asked, windows, today: history.dayOf(now()) });
    return answer(entries.map((one, index) => one + latelyText(lately[index], windows, history.keepDays)));
  }

  /** Who of them Steam answered about in time; the answers are stored, those that come later too. */
  async function askSteam({ steamIds, gameId }: Asked, refresh: boolean, dropAtMs: number): Promise<Set<SteamId>> {
    const timer = new AbortController();
    const late = sleep(Math.max(0, dropAtMs - performance.now()), false, { signal: timer.signal }).catch(() => false);
    const answers = await Promise.all(
      steamIds.map((steamId) => Promise.race([steam.ask({ steamId, gameId, refresh, dropAtMs }), late])),
    );
    timer.abort();
    return new Set(steamIds.filter((_, index) => answers[index]));
  }
}

export type QueryDeps = ScriptDeps & {
  playtimes: Pick<Playtimes, "find">;
  days: Pick<Days, "lately">;
  history: History;
  steam: Pick<Steam, "ask">;
  /** From the arrival of a query to the end of its patience with Steam. */
  deadlineMs: number;
  /** How long private, hidden and not-owned stand; 0: for ever. */
  recheckMs: number;
};

type Query = Asked & {
  refresh: boolean;
  /** The last days that are asked for as well; empty: none. */
  windows: number[];
};

const isNeedUpdate = optional(boolean, false);

function parseQuery(fields: Record<string, unknown>, fixedGameId: number | null, keepDays: number): Query {
  return {
    steamIds: steamIdsOf(fields["steam_ids"], "steam_ids", 1),
    gameId: fixedGameId ?? gameId(fields["game_id"], "game_id"),
    refresh: isNeedUpdate(fields["is_need_update"], "is_need_update"),
    windows: windowsOf(fields["days"] ?? undefined, keepDays),
  };
}

function windowsOf(value: unknown, keepDays: number): number[] {
  if (value === undefined) return [];
  const count = countOfDays(keepDays);
  if (!Array.isArray(value) || value.length < 1 || value.length > mostWindows)
    throw new Malformed("days", `a list of 1 to ${mostWindows} different whole numbers, such as [7, 30]`);
  const windows = value.map((one, index) => count(one, `days[${index}]`));
  if (new Set(windows).size < windows.length) throw new Malformed("days", "a list without the same number twice");
  return windows;
}

/** Whether an ordinary query asks Steam: for strangers, and again where the last answer may have changed. */
function isDue(known: Known | undefined, nowMs: number, recheckMs: number): boolean {
  if (known === undefined) return true;
  const status = steamStatusOf(known);
  if (status === "unavailable") return true;
  if (status === "ok" || status === "unchecked") return false;
  const checkedMs = Date.parse(steamCheckedAtOf(known) ?? "");
  const isTooOld = recheckMs > 0 && !(checkedMs >= nowMs - recheckMs);
  const isOfAClockAhead = checkedMs > nowMs + farFutureMs;
  return isTooOld || isOfAClockAhead;
}

/**
 * One player of the answer, still open for further fields; the five first fields are what existing clients read, and are always there. Put together by
 * hand, because JSON.stringify took more time than all else of a query of 100 players; digits, our own words and ISO
 * times need no escapes.
 */
function entry(
  steamId: SteamId,
  known: Known | undefined,
  status = known === undefined ? "unchecked" : steamStatusOf(known),
): string {
  return `{"steam_id":"${steamId}",${known === undefined ? noTimes : timesOf(known)},"steam_status":"${status}"`;
}

const noTimes = '"steam_playtime":null,"bm_playtime":null,"created_at":null,"updated_at":null';

/** Both are null for a player of whom BattleMetrics told nothing, the times where no days are kept as well. */
function latelyText(lately: Lately | undefined, windows: number[], keepDays: number): string {
  if (!lately) return ',"recent":null,"last_seen":null';
  const recent = windows.map((days, index) => `"${days}":${lately.seconds[index]}`);
  return `,"recent":${keepDays === 0 ? "null" : `{${recent}}`},"last_seen":"${lately.lastSeen}"`;
}

function answer(entries: string[]): Answer {
  return { status: 200, body: entries.length === 0 ? "[]" : `[${entries.join("},")}}]` };
}
