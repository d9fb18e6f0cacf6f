import { createHmac } from "node:crypto";
import { writeFile } from "node:fs/promises";

/** Of both connections in the databases of a bench. */
export const secret = "bench-secret-0123456789abcdef0123456789abcdef";
export const gameId = 393380;

/** The n-th of all players that there are. */
export const steamIdOf = (n: number) => `7656119${8_000_000_000 + n}`;

/** The largest table holds all of these; a smaller one holds some, evenly spread, so that the same players are in both. */
export const allPlayers = 10_000_000;

/** Whom deliveries and queries are about: stored in every table of at least so many rows. */
export const players: readonly string[] = Array.from({ length: 2_000 }, (_, n) => steamIdOf((n * allPlayers) / 2_000));

let lastFigure = 0;

/**
 * Signed deliveries, the players in turn. Every delivery of a player has a newer time and a figure larger by one than
 * the one before, also across calls: none is a repetition, and the stored figures tell how many were stored.
 * `figure` is the one before the first.
 */
export function deliveries(count: number, of = players): { requests: Signed[]; figure: number } {
  const figure = lastFigure;
  const laps = Math.ceil(count / of.length);
  lastFigure += laps;
  const firstMs = Date.now() - laps;
  const requests = Array.from({ length: count }, (_, n) => {
    const lap = Math.floor(n / of.length) + 1;
    return delivery(of[n % of.length] ?? "", figure + lap, new Date(firstMs + lap));
  });
  return { requests, figure };
}

function delivery(steamId: string, seconds: number, signedAt: Date): Signed {
  const body = `{"steam_id": "${steamId}", "playtime": "${seconds}", "game_id": ${gameId}}`;
  const time = signedAt.toISOString();
  return { path: "/set-playtime/bm/bench/", body, signature: `t=${time},s=${hmac(`${time}.${body}`)}` };
}

export function query(steamIds: readonly string[], { refresh = false, days }: Asking = {}): Signed {
  const body = JSON.stringify({ steam_ids: steamIds, game_id: gameId, is_need_update: refresh, days });
  return { path: "/get-playtime/bench/", body, signature: hmac(body) };
}

type Asking = { refresh?: boolean; days?: number[] };

/** Queries of so many ids each (a divisor of the number of players), the players in turn. */
export function queries(ids: number, asking: Asking = {}): Signed[] {
  return Array.from({ length: players.length / ids }, (_, n) => query(players.slice(n * ids, (n + 1) * ids), asking));
}

/** Queries of a hundred ids each: half of the players are stored, the others are known to nobody. */
export function coldQueries(count: number): Signed[] {
  return Array.from({ length: count }, (_, n) => {
    const from = (n * 50) % players.length;
    return query([...players.slice(from, from + 50), ...strangers(50)]);
  });
}

/**
 * What busy game servers of 100 players send, 300 requests a minute each: nearly all of them are queries of one id,
 * three are deliveries, three refreshes, two about strangers, and one in ten minutes asks for everybody.
 */
export function mixed(count: number): Signed[] {
  const changing = deliveries(Math.ceil(count / 100)).requests;
  return Array.from({ length: count }, (_, n) => {
    const player = players[(n * 7) % players.length] ?? "";
    const change = n % 100 === 1 ? changing[Math.floor(n / 100)] : undefined;
    if (change) return change;
    if (n % 100 === 51) return query([player], { refresh: true });
    if (n % 150 === 77) return query(strangers(1));
    if (n % 3_000 === 2_999) return query(players.slice(0, 100));
    return query([player]);
  });
}

let lastStranger = allPlayers;

/** Players whom no table holds yet. */
export function strangers(count: number): string[] {
  return Array.from({ length: count }, () => {
    lastStranger += 1;
    return steamIdOf(lastStranger);
  });
}

export type Signed = { path: string; body: string; signature: string };

export function send(url: string, { path, body, signature }: Signed, signal?: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/json", "x-signature": signature };
  return fetch(`${url}${path}`, { method: "POST", body, headers, ...(signal ? { signal } : {}) });
}

/** A file for wrk.lua. */
export async function writeRequests(file: string, requests: readonly Signed[]): Promise<string> {
  await writeFile(file, requests.map(asText).join("\0"));
  return file;
}

function asText({ path, body, signature }: Signed): string {
  return [
    `POST ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "User-Agent: BattleMetrics-Webhook (+https://learn.battlemetrics.com/webhooks-ua)",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Signature: ${signature}`,
    "",
    body,
  ].join("\r\n");
}

function hmac(text: string): string {
  return createHmac("sha256", secret).update(text).digest("hex");
}
