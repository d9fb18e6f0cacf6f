// Usage: ADDRESS=http://… SECRET=… node playtime.mjs <steamId>      Node 18 or later, nothing to install.
import { createHmac } from "node:crypto";

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

try {
  const players = await askPlaytimes([process.argv[2]]);
  // In seconds, or null when nobody knows.
  console.log(players[0].steam_id, players[0].steam_playtime, players[0].bm_playtime);
} catch (error) {
  console.error(error.message, error.cause?.code ?? "");
  process.exitCode = 1;
}
