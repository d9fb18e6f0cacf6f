import type { Log } from "./log.ts";
import type { SteamId } from "./parse.ts";
import type { namesIn } from "./players/names.ts";
import type { Steam } from "./steam.ts";

/** What players are called, by their IDs: only those whose name is known. */
export type Names = (steamIds: readonly SteamId[]) => Promise<ReadonlyMap<SteamId, string>>;

export type NamesDeps = {
  stored: ReturnType<typeof namesIn>;
  steam: Pick<Steam, "namesOf">;
  /** Whether Steam is asked at all, at this moment. */
  isAsked: () => boolean;
  now: () => Date;
  log: Log;
};

const oldMs = 7 * 24 * 3_600_000;
/** The most that Steam accepts in one call. */
const callPlayers = 100;
const waitingPlayers = 1_000;
/** So long may a call wait for its turn: nobody waits for it. */
const patienceMs = 60_000;

/**
 * Tells the names of players whom somebody is about to see. What is unknown or a week old is asked from Steam afterwards,
 * for the next time: nobody waits for that, and without an answer all is as it was. Never throws.
 */
export function createNames({ stored, steam, isAsked, now, log }: NamesDeps): Names {
  const wanted = new Set<SteamId>();
  let isAsking = false;

  async function askAll(): Promise<void> {
    isAsking = true;
    try {
      while (wanted.size > 0) {
        const steamIds = [...wanted].slice(0, callPlayers);
        const names = await steam.namesOf(steamIds, performance.now() + patienceMs);
        // They are asked for again when somebody sees them.
        if (!names) return wanted.clear();
        const checkedAt = now().toISOString();
        await stored.save(steamIds.map((steamId) => ({ steamId, name: names.get(steamId) ?? null, checkedAt })));
        // Not before: nobody must ask for them again in the meantime.
        for (const steamId of steamIds) wanted.delete(steamId);
      }
    } catch (error) {
      wanted.clear();
      log.debug("names of players could not be stored", { error });
    } finally {
      isAsking = false;
    }
  }

  return async (steamIds) => {
    if (steamIds.length === 0) return new Map();
    try {
      const found = await stored.of(steamIds);
      if (isAsked()) {
        const oldest = new Date(now().getTime() - oldMs).toISOString();
        const fresh = new Set(found.filter(({ checkedAt }) => checkedAt > oldest).map(({ steamId }) => steamId));
        for (const steamId of steamIds) if (!fresh.has(steamId) && wanted.size < waitingPlayers) wanted.add(steamId);
        if (wanted.size > 0 && !isAsking) void askAll();
      }
      return new Map(found.flatMap(({ steamId, name }) => (name === null ? [] : [[steamId, name] as const])));
    } catch (error) {
      log.debug("names of players could not be read", { error });
      return new Map();
    }
  };
}
