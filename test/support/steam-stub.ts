import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the little Steam server does when one of the two methods is asked. */
export type SteamState = {
  games?: unknown[];
  private?: true;
  empty?: true;
  status?: number;
  hang?: true;
  /** Answers only then. */
  until?: Promise<void>;
  reset?: true;
  raw?: string;
  type?: string;
};
export type SteamStates = {
  owned?: SteamState;
  recent?: SteamState;
  /** Asked for the profile of a name; else it knows none. */
  name?: SteamState;
  /** What players are called; the others have no profile. */
  names?: Record<string, string>;
  summaries?: SteamState;
  players?: Record<string, { owned?: SteamState; recent?: SteamState }>;
};

export type SteamCall = {
  method: "owned" | "recent" | "name" | "summaries";
  steamId: string;
  key: string;
  url: string;
};

const methods = [
  ["GetOwnedGames", "owned"],
  ["ResolveVanityURL", "name"],
  ["GetPlayerSummaries", "summaries"],
] as const;
const noSuchName = { raw: '{"response":{"success":42,"message":"No match"}}' };

/** A real little server that answers as the Steam Web API does. `states` may be replaced at any time. */
export async function startSteamStub(states: SteamStates = {}) {
  const stub = { states, calls: [] as SteamCall[], url: "", stop: async () => {} };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://stub");
    const method = methods.find(([name]) => url.pathname.includes(name))?.[1] ?? "recent";
    const steamId = url.searchParams.get("steamid") ?? "";
    stub.calls.push({ method, steamId, key: String(request.headers["x-webapi-key"]), url: request.url ?? "" });
    const isOfTimes = method === "owned" || method === "recent";
    const ofPlayer = isOfTimes ? stub.states.players?.[steamId]?.[method] : undefined;
    const named = () => summaries(stub.states.names ?? {}, (url.searchParams.get("steamids") ?? "").split(","));
    const otherwise = isOfTimes ? { empty: true as const } : method === "name" ? noSuchName : named();
    void answer(response, ofPlayer ?? stub.states[method] ?? otherwise);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub.stop = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return stub;
}

export type SteamStub = Awaited<ReturnType<typeof startSteamStub>>;

/** Those who have a profile, in no order, with much that nobody reads. */
function summaries(names: Record<string, string>, steamIds: string[]): SteamState {
  const players = steamIds
    .filter((steamid) => Object.hasOwn(names, steamid))
    .reverse()
    .map((steamid) => ({ steamid, communityvisibilitystate: 3, personaname: names[steamid], avatar: "https://x" }));
  return { raw: JSON.stringify({ response: { players } }) };
}

async function answer(response: ServerResponse, state: SteamState): Promise<void> {
  await state.until;
  if (state.hang) return;
  if (state.reset) return void response.socket?.resetAndDestroy();
  if (state.status !== undefined)
    return void response.writeHead(state.status, { "content-type": "text/html" }).end("<html>no</html>");
  const body = state.raw ?? JSON.stringify({ response: bodyOf(state) });
  response.writeHead(200, { "content-type": state.type ?? "application/json; charset=UTF-8" }).end(body);
}

function bodyOf({ games, private: isPrivate }: SteamState) {
  if (games) return { game_count: games.length, games };
  return isPrivate ? {} : { game_count: 0 };
}
