import { startSteamStub } from "../support/steam-stub.ts";
import { median } from "./measure.ts";
import { deliveries, gameId, players, query, type Signed, send, strangers } from "./requests.ts";

/** A Steam that knows a time of everybody, or one that takes every question and never answers. */
export function startSteam({ hangs }: { hangs: boolean }) {
  const owned = hangs ? { hang: true as const } : { games: [{ appid: gameId, playtime_forever: 6_000 }] };
  return startSteamStub({ owned });
}

/** As patient with Steam as the service can be, and without the limits that protect the real one. */
export function steamSettings(url: string): NodeJS.ProcessEnv {
  return {
    PLAYTIME_STEAM_API_URL: url,
    PLAYTIME_STEAM_KEY: "bench",
    PLAYTIME_STEAM_TIMEOUT: "60",
    PLAYTIME_STEAM_DEADLINE: "60",
    PLAYTIME_STEAM_CALLS_PER_SECOND: "1000",
    PLAYTIME_STEAM_CALLS_PER_DAY: "100000000",
  };
}

/** So many queries at once, each about a player whom only Steam knows. */
export function hangingQueries(url: string, count: number) {
  const giveUp = new AbortController();
  let answered = 0;
  for (const stranger of strangers(count))
    send(url, query([stranger]), giveUp.signal).then(
      () => {
        answered += 1;
      },
      () => {},
    );
  return { answered: () => answered, abort: () => giveUp.abort() };
}

/** A map changes, a server crashes, a round ends: milliseconds until the last of 281 requests is answered. */
export async function burst(url: string): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 5; count += 1) {
    const all: Signed[] = [
      ...players.slice(0, 180).map((player) => query([player])),
      ...deliveries(100).requests,
      query(players.slice(0, 100)),
    ];
    const start = performance.now();
    const answers = await Promise.all(all.map((one) => send(url, one)));
    times.push(performance.now() - start);
    const refused = answers.filter(({ status }) => status !== 200).length;
    if (refused > 0)
      throw new Error(`No figures: ${refused} of ${all.length} simultaneous requests were not answered with 200.`);
    await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  }
  return median(times) ?? 0;
}
