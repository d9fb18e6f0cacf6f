import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "./error-code.ts";
import type { Log } from "./log.ts";
import { isObject, isSteamId, largestInteger, type SteamId } from "./parse.ts";
import { storableName } from "./players/names.ts";
import type { SteamStatus } from "./players/playtime.ts";
import type { Playtimes } from "./players/playtimes.ts";
import { type CallEnd, createGate, type Entrant, type Gate, type GateLimits, type GateStatus } from "./steam-gate.ts";

/** Asks the Steam Web API for a player's total time in a game. https://partner.steamgames.com/doc/webapi/IPlayerService */
export type Steam = {
  /**
   * True once Steam has answered and the answer is stored; false when it could not be asked (no key, limits, failure).
   * The same player is asked once however many wait. A call that has not begun at `dropAtMs` (performance.now) is
   * dropped. Throws the Refusal "database-away" when the answer could not be stored.
   */
  ask: (question: Question) => Promise<boolean>;
  /** Whose profile has that name in its address; undefined when Steam could not be asked. */
  idOf: (name: string, dropAtMs: number) => Promise<SteamId | "no-such-name" | undefined>;
  /** What players are called, of up to 100; those whom Steam does not know are missing. Undefined when Steam could not be asked. */
  namesOf: (steamIds: readonly SteamId[], dropAtMs: number) => Promise<ReadonlyMap<SteamId, string> | undefined>;
  status: () => GateStatus;
  /** How all services that ask Steam on this database stand together. */
  share: Gate["share"];
};

export type Question = {
  steamId: SteamId;
  gameId: number;
  /** A refresh of someone known; these may use only a part of the day's calls. */
  refresh: boolean;
  dropAtMs: number;
};

export type SteamDeps = {
  /** The one in force at this moment; empty: Steam is not asked. */
  key: () => string;
  apiUrl: string;
  timeoutMs: number;
  callsPerSecond: number;
  callsPerDay: number;
  /** Those of this day before the start. */
  callsToday?: number;
  playtimes: Pick<Playtimes, "saveSteam">;
  now: () => Date;
  log: Log;
  limits?: Partial<GateLimits>;
};

/** One player whom Steam is asked about, or was a moment ago. */
type Asking = { question: Question; answered: Promise<boolean>; overAtMs: number | undefined };

const answerBytes = 1024 * 1024;
/** A query that had looked into the database just before the answer was stored need not ask again. */
const lingerMs = 2_000;
const retryMs = 250;
/** After the start, which it need not hold up. */
const loadMs = 100;

export function createSteam({ playtimes, now, log, limits, ...config }: SteamDeps): Steam {
  const gate = createGate({
    callsPerSecond: config.callsPerSecond,
    callsPerDay: config.callsPerDay,
    callsToday: config.callsToday ?? 0,
    now,
    log,
    ...limits,
  });
  const asking = new Map<string, Asking>();
  /** What Steam has against a key says nothing about another. */
  let lastKey = config.key();
  // The first fetch of a process loads Node's HTTP client, for 0.1 to 0.3 s in which nothing else is done: rather now than
  // beside somebody's deliveries.
  if (config.key() !== "") setTimeout(() => void fetch("data:,"), loadMs).unref();

  return {
    ask: (question) => {
      if (config.key() === "") return Promise.resolve(false);
      const key = `${question.steamId}/${question.gameId}`;
      const already = asking.get(key);
      if (already && isFresh(already, question)) {
        gate.join(already.question, question);
        return already.answered;
      }
      const own = { ...question };
      const begun: Asking = { question: own, answered: askAndStore(own), overAtMs: undefined };
      asking.set(key, begun);
      const forget = () => {
        if (asking.get(key) === begun) asking.delete(key);
      };
      begun.answered.then((isAnswered) => {
        begun.overAtMs = now().getTime();
        if (isAnswered) setTimeout(forget, lingerMs).unref();
        else forget();
      }, forget);
      return begun.answered;
    },
    idOf: async (name, dropAtMs) => {
      if (config.key() === "") return undefined;
      const entrant = { refresh: true, dropAtMs };
      return call("ISteamUser/ResolveVanityURL/v1", { vanityurl: name }, entrant, idIn);
    },
    namesOf: async (steamIds, dropAtMs) => {
      if (config.key() === "") return undefined;
      const entrant = { refresh: true, dropAtMs };
      return call("ISteamUser/GetPlayerSummaries/v2", { steamids: steamIds.join(",") }, entrant, namesIn);
    },
    status: gate.status,
    share: gate.share,
  };

  /** Under way, or over since a moment; who wants a refresh wants a newer answer than that. */
  function isFresh({ overAtMs }: Asking, { refresh }: Question): boolean {
    return overAtMs === undefined || (!refresh && now().getTime() <= overAtMs + lingerMs);
  }

  async function askAndStore(question: Question): Promise<boolean> {
    const found = await askOwned(question);
    if (!found) return false;
    const { steamId, gameId } = question;
    await playtimes.saveSteam({ steamId, gameId, ...found, checkedAt: now() });
    return true;
  }

  /** Owned games first; who plays by family sharing has the game only among the recently played. */
  async function askOwned(question: Question): Promise<SteamAnswer | undefined> {
    const { steamId, gameId } = question;
    const games = { steamid: steamId, include_played_free_games: "1", "appids_filter[0]": String(gameId) };
    const owned = await call("IPlayerService/GetOwnedGames/v1", games, question, timeIn(gameId));
    if (owned !== "absent") return owned;
    const recent = await call(
      "IPlayerService/GetRecentlyPlayedGames/v1",
      { steamid: steamId },
      question,
      timeIn(gameId),
    );
    return recent === "absent" || recent?.status === "private" ? { status: "not-owned", seconds: null } : recent;
  }

  /** One question to Steam, tried twice when the failure may pass; undefined when there is no answer. */
  async function call<T>(
    method: string,
    parameters: Record<string, string>,
    entrant: Entrant,
    read: Reading<T>,
  ): Promise<T | undefined> {
    const url = `${config.apiUrl.replace(/\/+$/, "")}/${method}/?${new URLSearchParams(parameters)}`;
    if (config.key() !== lastKey) gate.closeBreaker();
    lastKey = config.key();
    for (const attempt of [1, 2]) {
      if (!(await gate.enter(entrant))) return undefined;
      const outcome = await fetchOnce(url, read, { key: config.key(), timeoutMs: config.timeoutMs });
      gate.leave(outcome);
      if (outcome.kind === "answer") return outcome.found;
      log.debug("Steam gave no answer", { method, reason: outcome.reason, attempt });
      if (outcome.kind !== "passing") return undefined;
      if (attempt === 1) await sleep(retryMs * (1 + Math.random()), undefined, { ref: false });
    }
    return undefined;
  }
}

export type TriedKey = { outcome: "works" | "refused" } | { outcome: "unknown"; reason: string };

/** Asks Steam, with this key, what it calls somebody. "unknown": there was no answer that says something about the key. */
export async function tryKey({ key, apiUrl, timeoutMs }: KeyToTry): Promise<TriedKey> {
  const url = `${apiUrl.replace(/\/+$/, "")}/ISteamUser/GetPlayerSummaries/v2/?steamids=${somebody}`;
  const tried = await fetchOnce(url, namesIn, { key, timeoutMs });
  if (tried.kind === "answer") return { outcome: "works" };
  return tried.kind === "forbidden" ? { outcome: "refused" } : { outcome: "unknown", reason: tried.reason };
}

export type KeyToTry = { key: string; apiUrl: string; timeoutMs: number };
/** The player of the examples in Steam's own documentation. */
const somebody = "76561197960435530";

/** What Steam's answer says; undefined when it has a wrong shape. */
type Reading<T> = (response: Record<string, unknown>) => T | undefined;

type SteamAnswer = { status: SteamStatus; seconds: number | null };

/**
 * `passing` may be over in a moment, `nonsense` not; `forbidden` is a wrong key or a blocked address; `player` concerns
 * this one player.
 */
type Outcome<T> = { kind: "answer"; found: T } | { kind: Exclude<CallEnd, "answer">; reason: string };

async function fetchOnce<T>(
  url: string,
  read: Reading<T>,
  { key, timeoutMs }: { key: string; timeoutMs: number },
): Promise<Outcome<T>> {
  try {
    const response = await fetch(url, {
      headers: { "x-webapi-key": key, accept: "application/json" },
      // A redirect would carry the key to a stranger.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { status } = response;
    if (status === 200) return outcomeOf(await readLimited(response), read);
    await response.body?.cancel();
    const reason = `status ${status}`;
    if (status === 401 || status === 403) return { kind: "forbidden", reason };
    if (status === 400 || status === 404) return { kind: "player", reason };
    return { kind: status === 429 || status >= 500 ? "passing" : "nonsense", reason };
  } catch (error) {
    return { kind: "passing", reason: reasonOf(error) };
  }
}

async function readLimited(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > answerBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function outcomeOf<T>(text: string | undefined, read: Reading<T>): Outcome<T> {
  const response = responseOf(text);
  const found = response && read(response);
  if (found !== undefined) return { kind: "answer", found };
  return { kind: "nonsense", reason: text === undefined ? "an answer too large" : "an answer of a wrong shape" };
}

/** Both methods answer alike. An empty object: closed profile. Minutes 0: the player hides the hours. */
function timeIn(gameId: number): Reading<SteamAnswer | "absent"> {
  return (response) => {
    if (Object.keys(response).length === 0) return { status: "private", seconds: null };
    const games: unknown = response["games"] ?? (countOf(response) === undefined ? undefined : []);
    if (!Array.isArray(games)) return undefined;
    const game: unknown = games.find((one) => isObject(one) && one["appid"] === gameId);
    if (game === undefined) return "absent";
    const minutes = isObject(game) ? game["playtime_forever"] : undefined;
    if (typeof minutes !== "number" || !Number.isInteger(minutes) || minutes < 0 || minutes * 60 > largestInteger)
      return undefined;
    return minutes === 0 ? { status: "hidden", seconds: null } : { status: "ok", seconds: minutes * 60 };
  };
}

/** https://partner.steamgames.com/doc/webapi/ISteamUser#ResolveVanityURL */
const idIn: Reading<SteamId | "no-such-name"> = ({ success, steamid }) => {
  if (success === 42) return "no-such-name";
  return success === 1 && isSteamId(steamid) ? steamid : undefined;
};

/** https://partner.steamgames.com/doc/webapi/ISteamUser#GetPlayerSummaries */
const namesIn: Reading<ReadonlyMap<SteamId, string>> = ({ players }) => {
  if (!Array.isArray(players)) return undefined;
  const names = new Map<SteamId, string>();
  for (const player of players) {
    if (!isObject(player)) continue;
    const { steamid, personaname } = player;
    if (isSteamId(steamid) && typeof personaname === "string") names.set(steamid, storableName(personaname));
  }
  return names;
};

function responseOf(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    const response = isObject(value) ? value["response"] : undefined;
    return isObject(response) ? response : undefined;
  } catch {
    return undefined;
  }
}

function countOf(response: Record<string, unknown>): number | undefined {
  const count = response["game_count"] ?? response["total_count"];
  return typeof count === "number" ? count : undefined;
}

/** fetch hides the cause ("fetch failed"); its code says more. Never the address: it holds a player's id. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "an unknown failure";
  if (error.name === "TimeoutError") return "no answer in time";
  return errorCode(error.cause) || error.name;
}
