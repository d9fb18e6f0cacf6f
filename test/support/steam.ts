import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, beforeEach } from "node:test";
import { steamId } from "../../src/parse.ts";
import type { SteamTime } from "../../src/players/playtimes.ts";
import { createSteam, type Question, type SteamDeps } from "../../src/steam.ts";
import { memoryLog } from "./service.ts";
import { type SteamStub, startSteamStub } from "./steam-stub.ts";

export const squad = 393_380;
export const key = "PLANTED-STEAM-KEY";
export const player = (number: number) => steamId(String(76561198000000000n + BigInt(number)), "player");
export const owned = (minutes: number) => ({
  games: [
    { appid: 440, playtime_forever: 9 },
    { appid: squad, playtime_forever: minutes },
  ],
});

/** A little Steam for the tests of one file, and what makes the client that asks it. */
export async function openSteam() {
  const stub = await startSteamStub();
  after(() => stub.stop());
  beforeEach(() => {
    stub.calls.length = 0;
    stub.states = {};
  });
  return { stub, create: (changes: Partial<SteamDeps> = {}) => createWith(stub, changes) };
}

function createWith(stub: SteamStub, changes: Partial<SteamDeps>) {
  const saved: SteamTime[] = [];
  const { log, lines, text } = memoryLog();
  const steam = createSteam({
    key: () => key,
    apiUrl: stub.url,
    timeoutMs: 1_000,
    callsPerSecond: 1_000,
    callsPerDay: 1_000,
    playtimes: { saveSteam: async (time) => void saved.push(time) },
    now: () => new Date(),
    log,
    ...changes,
  });
  const ask = (number = 1, question: Partial<Question> = {}) =>
    steam.ask({
      steamId: player(number),
      gameId: squad,
      refresh: false,
      dropAtMs: performance.now() + 10_000,
      ...question,
    });
  const warnings = () => lines.filter(({ level }) => level === "warn" || level === "error");
  return { ask, saved, lines, warnings, text, status: steam.status, idOf: steam.idOf };
}

/** A Steam that does what no stub state describes. */
export async function withSteam(
  listener: RequestListener,
  work: (url: string, requests: () => number) => Promise<void>,
): Promise<void> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
