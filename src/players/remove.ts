import { DatabaseProblem } from "../database/problem.ts";
import { inTransaction } from "../database/transaction.ts";
import type { Way } from "../database/way.ts";
import { Refusal } from "../http/refusal.ts";
import type { SteamId } from "../parse.ts";

/** A backup may be under way, and hold the place for long work. */
const waitMs = 10_000;

/**
 * Removes all data of a player, and the player from the lists of requests. Returns how many games it was. Throws the
 * Refusals "database-away" and "overloaded".
 */
export async function removePlayer(database: Pick<Way, "alone">, steamId: SteamId): Promise<number> {
  try {
    return await inTransaction(
      database,
      "change",
      async (sql) => {
        await sql`update accepted_requests set steam_id = null where steam_id = ${steamId}`;
        await sql`update refused_requests set steam_id = null where steam_id = ${steamId}`;
        // A delivery that is under way is waited for here. Only a further statement sees the day to which it added.
        const { count } = await sql`delete from playtimes where steam_id = ${steamId}`;
        await sql`delete from playtime_days where steam_id = ${steamId}`;
        await sql`delete from edits where steam_id = ${steamId}`;
        await sql`delete from player_names where steam_id = ${steamId}`;
        return count;
      },
      AbortSignal.timeout(waitMs),
    );
  } catch (error) {
    throw error instanceof DatabaseProblem ? new Refusal("database-away") : error;
  }
}
