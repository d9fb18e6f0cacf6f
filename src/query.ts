import { setTimeout as sleep } from "node:timers/promises";
import { anySecret, type Connection } from "./connections/connections.ts";
import type { Directory } from "./connections/directory.ts";
import type { Answer, Handler } from "./http/call.ts";
import { Refusal } from "./http/refusal.ts";
import { parseJson } from "./json.ts";
import { boolean, gameId, isSteamId, Malformed, object, optional, type SteamId, steamId } from "./parse.ts";
import type { Asked, Playtimes, Times } from "./players/playtimes.ts";
import { anyMatches, parseScriptSignature, sign } from "./signature.ts";
import type { Steam } from "./steam.ts";

/** POST /get-playtime/:path/ — a script asks for the times of up to 120 players. */
export function query({ directory, playtimes, steam, now, hmacEnabled, deadlineMs, recheckMs }: QueryDeps): Handler {
  return async (call) => {
    const dropAtMs = performance.now() + deadlineMs;
    const connection = directory.open("script", call);
    const body = await call.body();
    if (hmacEnabled) verifyQuery(connection, call.headers["x-signature"], body, now());
    const { refresh, ...asked } = parseQuery(parseJson(body), connection.fixedGameId);
    const [first] = asked.steamIds;
    if (first === undefined) return answer([]);
    if (asked.steamIds.length === 1) call.facts["steamId"] = first;
    else call.facts["players"] = String(asked.steamIds.length);

    const known = await playtimes.find(asked);
    const dueBefore = recheckMs > 0 ? new Date(now().getTime() - recheckMs).toISOString() : "";
    const toAsk = asked.steamIds.filter((_, index) => refresh || isDue(known[index], dueBefore));
    if (toAsk.length === 0) return answer(asked.steamIds.map((steamId, index) => entry(steamId, known[index])));

    const answered = await askSteam({ ...asked, steamIds: toAsk }, refresh, dropAtMs);
    const unavailable = new Set(toAsk.filter((steamId) => !answered.has(steamId)));
    const found = answered.size > 0 ? await playtimes.find(asked) : known;
    return answer(
      asked.steamIds.map((steamId, index) =>
        entry(steamId, found[index], unavailable.has(steamId) ? "unavailable" : undefined),
      ),
    );
  };

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

export type QueryDeps = {
  directory: Pick<Directory, "open">;
  playtimes: Pick<Playtimes, "find">;
  steam: Pick<Steam, "ask">;
  now: () => Date;
  hmacEnabled: boolean;
  /** From the arrival of a query to the end of its patience with Steam. */
  deadlineMs: number;
  /** How long private, hidden and not-owned stand; 0: for ever. */
  recheckMs: number;
};

function verifyQuery(connection: Connection, header: string | string[] | undefined, body: Buffer, at: Date): void {
  if (connection.secret === null) throw new Refusal("no-secret");
  const signature = typeof header === "string" ? parseScriptSignature(header) : undefined;
  if (!signature) throw new Refusal("no-signature");
  if (!anySecret(connection, at, (secret) => anyMatches([signature], sign(secret, body))))
    throw new Refusal("bad-signature");
}

const mostIds = 120;
/** A player without a Steam ID, as SquadJS (null), Go and C# (their zero values) write it: must not spoil the call for all others. */
const nobody = new Set<unknown>([null, "", 0, "0"]);
const isNeedUpdate = optional(boolean, false);

function parseQuery(body: unknown, fixedGameId: number | null): Asked & { refresh: boolean } {
  const fields = object(body, "the body");
  const entries = fields["steam_ids"];
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > mostIds)
    throw new Malformed("steam_ids", `a list of 1 to ${mostIds} Steam IDs`);
  const steamIds = new Set<SteamId>();
  for (const [index, entry] of entries.entries())
    if (isSteamId(entry)) steamIds.add(entry);
    else if (!nobody.has(typeof entry === "string" ? entry.trim() : entry))
      steamIds.add(steamId(entry, `steam_ids[${index}]`));
  return {
    steamIds: [...steamIds],
    gameId: fixedGameId ?? gameId(fields["game_id"], "game_id"),
    refresh: isNeedUpdate(fields["is_need_update"], "is_need_update"),
  };
}

/** Whether an ordinary query asks Steam: for strangers, and again where the last answer may have changed. */
function isDue(times: Times | undefined, dueBefore: string): boolean {
  if (!times || times.steamStatus === "unavailable") return true;
  if (times.steamStatus === "ok" || times.steamStatus === "unchecked") return false;
  // ISO times of one form are in the order of their texts.
  return (times.steamCheckedAt ?? "") < dueBefore;
}

/**
 * One player of the answer; the five first fields are what existing clients read, and are always there. Put together by
 * hand, because JSON.stringify took more time than all else of a query of 100 players; digits, our own words and ISO
 * times need no escapes.
 */
function entry(steamId: SteamId, times: Times | undefined, status = times?.steamStatus ?? "unchecked"): string {
  const player = `{"steam_id":"${steamId}"`;
  if (!times)
    return `${player},"steam_playtime":null,"bm_playtime":null,"created_at":null,"updated_at":null,"steam_status":"${status}"}`;
  const { steamSeconds, bmSeconds, createdAt, updatedAt } = times;
  return `${player},"steam_playtime":${steamSeconds},"bm_playtime":${bmSeconds},"created_at":"${createdAt}","updated_at":"${updatedAt}","steam_status":"${status}"}`;
}

function answer(entries: string[]): Answer {
  return { status: 200, body: `[${entries.join(",")}]` };
}
