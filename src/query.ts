import { setTimeout as sleep } from "node:timers/promises";
import type { Connection, Directory } from "./connections.ts";
import type { Handler } from "./http/call.ts";
import { Refusal } from "./http/refusal.ts";
import { parseJson } from "./json.ts";
import { boolean, gameId, Malformed, object, optional, type SteamId, steamId } from "./parse.ts";
import type { Asked, Playtime, Playtimes, SteamStatus } from "./playtimes.ts";
import { anyMatches, parseScriptSignature, sign } from "./signature.ts";
import type { Steam } from "./steam.ts";

/** POST /get-playtime/:path/ — a script asks for the times of up to 120 players. */
export function query({ directory, playtimes, steam, now, hmacEnabled, deadlineMs, recheckMs }: QueryDeps): Handler {
  return async (call) => {
    const dropAtMs = performance.now() + deadlineMs;
    const connection = directory.open("script", call);
    const body = await call.body();
    if (hmacEnabled) verifyQuery(connection, call.headers["x-signature"], body);
    const { refresh, ...asked } = parseQuery(parseJson(body), connection.fixedGameId);
    if (asked.steamIds.length === 0) return answer([]);

    const known = await find(asked);
    const dueBeforeMs = recheckMs > 0 ? now().getTime() - recheckMs : Number.NEGATIVE_INFINITY;
    const toAsk = asked.steamIds.filter((steamId) => refresh || isDue(known.get(steamId), dueBeforeMs));
    const unavailable = new Set<SteamId>();
    if (toAsk.length > 0) {
      const answered = await askSteam({ ...asked, steamIds: toAsk }, refresh, dropAtMs);
      for (const steamId of toAsk) if (!answered.includes(steamId)) unavailable.add(steamId);
      if (answered.length > 0)
        for (const [steamId, row] of await find({ ...asked, steamIds: answered })) known.set(steamId, row);
    }
    return answer(
      asked.steamIds.map((steamId) =>
        entry(steamId, known.get(steamId), unavailable.has(steamId) ? "unavailable" : undefined),
      ),
    );
  };

  async function find(asked: Asked): Promise<Map<SteamId, Playtime>> {
    return new Map((await playtimes.find(asked)).map((row) => [row.steamId, row]));
  }

  /** Who of them Steam answered about in time; the answers are stored, those that come later too. */
  async function askSteam({ steamIds, gameId }: Asked, refresh: boolean, dropAtMs: number): Promise<SteamId[]> {
    const timer = new AbortController();
    const late = sleep(Math.max(0, dropAtMs - performance.now()), false, { signal: timer.signal }).catch(() => false);
    const answers = await Promise.all(
      steamIds.map((steamId) => Promise.race([steam.ask({ steamId, gameId, refresh, dropAtMs }), late])),
    );
    timer.abort();
    return steamIds.filter((_, index) => answers[index]);
  }
}

export type QueryDeps = {
  directory: Directory;
  playtimes: Pick<Playtimes, "find">;
  steam: Pick<Steam, "ask">;
  now: () => Date;
  hmacEnabled: boolean;
  /** From the arrival of a query to the end of its patience with Steam. */
  deadlineMs: number;
  /** How long private, hidden and not-owned stand; 0: for ever. */
  recheckMs: number;
};

function verifyQuery({ secret }: Connection, header: string | string[] | undefined, body: Buffer): void {
  if (secret === null) throw new Refusal("no-secret");
  const signature = typeof header === "string" ? parseScriptSignature(header) : undefined;
  if (!signature) throw new Refusal("no-signature");
  if (!anyMatches([signature], sign(secret, body))) throw new Refusal("bad-signature");
}

const mostIds = 120;
const isNeedUpdate = optional(boolean, false);

function parseQuery(body: unknown, fixedGameId: number | null): Asked & { refresh: boolean } {
  const fields = object(body, "the body");
  const entries = fields["steam_ids"];
  if (!Array.isArray(entries) || entries.length < 1 || entries.length > mostIds)
    throw new Malformed("steam_ids", `a list of 1 to ${mostIds} Steam IDs`);
  // SquadJS knows players without a Steam ID; its null must not spoil the call for all others.
  const steamIds = entries.flatMap((entry, index) => (entry === null ? [] : [steamId(entry, `steam_ids[${index}]`)]));
  return {
    steamIds: [...new Set(steamIds)],
    gameId: fixedGameId ?? gameId(fields["game_id"], "game_id"),
    refresh: isNeedUpdate(fields["is_need_update"], "is_need_update"),
  };
}

/** Whether an ordinary query asks Steam: for strangers, and again where the last answer may have changed. */
function isDue(row: Playtime | undefined, dueBeforeMs: number): boolean {
  if (!row || row.steamStatus === "unavailable") return true;
  if (row.steamStatus === "ok" || row.steamStatus === "unchecked") return false;
  return (row.steamCheckedAt?.getTime() ?? Number.NEGATIVE_INFINITY) < dueBeforeMs;
}

/** The five first fields are what existing clients read; they are always there. */
function entry(steamId: SteamId, row: Playtime | undefined, status: SteamStatus | undefined) {
  return {
    steam_id: steamId,
    steam_playtime: row?.steamSeconds ?? null,
    bm_playtime: row?.bmSeconds ?? null,
    created_at: row?.createdAt ?? null,
    updated_at: row?.updatedAt ?? null,
    steam_status: status ?? row?.steamStatus ?? "unchecked",
  };
}

function answer(entries: ReturnType<typeof entry>[]) {
  return { status: 200, body: JSON.stringify(entries) };
}
