import type { Config } from "../config.ts";
import type { Database } from "../database/connect.ts";
import { post } from "../http/post.ts";
import { playtimesIn } from "../players/playtimes.ts";
import { sampleMark } from "../sample-mark.ts";
import { sign } from "../signature.ts";
import { addressOf, type Connection } from "./connections.ts";

const answerMs = 15_000;

/** What was sent, and what the service said to it. */
export type Tried = { body: string; status: number; text: string };

/** Our own address, on the loopback unless we listen on one other address only. */
export function ownUrl({ HOST }: Pick<Config["SERVER"], "HOST">, port: number): string {
  const host = ["", "0.0.0.0", "::"].includes(HOST) ? "127.0.0.1" : HOST;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Sends the service what this connection could send, signed and marked as a sample; it stores nothing and counts nowhere. Throws what `post` throws. */
export async function trySample(connection: Connection, url: string, database: Pick<Database, "run">): Promise<Tried> {
  const body = connection.kind === "battlemetrics" ? emptyDelivery : await storedQuery(connection, database);
  const { kind, secret } = connection;
  const headers: Record<string, string> = secret === null ? {} : { "x-signature": signatureOf(kind, secret, body) };
  return { body, ...(await post(`${url}${addressOf(connection)}`, body, headers, answerMs)) };
}

/** Without a Steam ID, so that nothing is stored. */
const emptyDelivery = JSON.stringify({ steam_id: "", playtime: "0", game_id: 0, ...sampleMark });

/** A player who is stored, so that Steam is not asked; nobody where there is none. */
async function storedQuery({ fixedGameId }: Connection, database: Pick<Database, "run">): Promise<string> {
  const stored = await playtimesIn(database).any(fixedGameId);
  return JSON.stringify({ steam_ids: [stored?.steamId ?? null], game_id: stored?.gameId ?? 0, ...sampleMark });
}

function signatureOf(kind: Connection["kind"], secret: string, body: string): string {
  if (kind === "script") return sign(secret, body).toString("hex");
  const timestamp = new Date().toISOString();
  return `t=${timestamp},s=${sign(secret, `${timestamp}.`, body).toString("hex")}`;
}
