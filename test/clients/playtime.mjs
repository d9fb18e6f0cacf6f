// Usage: ADDRESS=http://… SECRET=… node playtime.mjs <steamId>      Node 18 or later, nothing to install.
import { createHmac } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

const { ADDRESS = "http://127.0.0.1:8000/get-playtime/my-plugin/", SECRET = "" } = process.env;
const squad = 393380;

export async function askPlaytimes(steamIds, isNeedUpdate = false) {
  // Exactly the text that is sent must be signed, so it is made once.
  const body = JSON.stringify({ steam_ids: steamIds, game_id: squad, is_need_update: isNeedUpdate });
  const response = await fetch(ADDRESS, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-SIGNATURE": createHmac("sha256", SECRET).update(body).digest("hex"),
    },
    body,
    // The service answers within 10 seconds whatever Steam does; a network that hangs must not hang a game server.
    signal: AbortSignal.timeout(15_000),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`${response.status}: ${answer.detail ?? "no answer of Playtime-Service"}`);
  return answer;
}

async function main(steamId) {
  if (steamId === undefined) {
    console.error("Usage: ADDRESS=http://… SECRET=… node playtime.mjs <steamId>");
    return 2;
  }
  try {
    const players = await askPlaytimes([steamId]);
    // In seconds, or null when nobody knows.
    console.log(players[0].steam_id, players[0].steam_playtime, players[0].bm_playtime);
    return 0;
  } catch (error) {
    console.error(error.message, error.cause?.code ?? "");
    return 1;
  }
}

// Only as a program, not where another file imports it.
const [, program = "", steamId] = process.argv;
if (existsSync(program) && realpathSync(program) === fileURLToPath(import.meta.url))
  process.exitCode = await main(steamId);
