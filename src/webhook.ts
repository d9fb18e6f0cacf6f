import { anySecret, type Connection } from "./connections/connections.ts";
import type { Directory } from "./connections/directory.ts";
import type { Answer, Call, Handler } from "./http/call.ts";
import { Refusal } from "./http/refusal.ts";
import { parseJson } from "./json.ts";
import { gameId, Malformed, object, type SteamId, seconds, steamId } from "./parse.ts";
import type { Playtimes } from "./players/playtimes.ts";
import { isSample } from "./sample-mark.ts";
import { anyMatches, parseDeliverySignature, parseTimestamp, sign } from "./signature.ts";
import { bodyWords, headerWords } from "./signature-words.ts";

/** POST /set-playtime/bm/:path/ — BattleMetrics tells one player's time. Steam is never asked here. */
export function webhook({ directory, playtimes, now, hmacEnabled, toleranceSeconds }: WebhookDeps): Handler {
  return async (call) => {
    const arrivedAt = now();
    const connection = directory.open("battlemetrics", call);
    const body = await call.body();
    const signedAt = hmacEnabled
      ? verifyDelivery(connection, call.headers, body, arrivedAt, toleranceSeconds)
      : arrivedAt;
    if (hmacEnabled) call.facts.isSigned = true;
    if (connection.isPaused) return paused(call, body);
    const fields = object(parseJson(body, call.headers["content-encoding"]), "the body");
    if (isSample(fields)) return sampled(call);
    const delivery = parseDelivery(fields, connection.fixedGameId);
    if (delivery.steamId === unknown)
      return ignored(call, "steam_id is empty: BattleMetrics does not know this player's Steam ID.");
    call.facts.steamId = delivery.steamId;
    if (delivery.seconds === unknown)
      return ignored(call, "playtime is empty: BattleMetrics does not know this player's time.");
    await playtimes.saveBattlemetrics({ ...delivery, steamId: delivery.steamId, seconds: delivery.seconds, signedAt });
    return stored;
  };
}

export type WebhookDeps = {
  directory: Pick<Directory, "open">;
  playtimes: Pick<Playtimes, "saveBattlemetrics">;
  now: () => Date;
  hmacEnabled: boolean;
  /** How far the signed time may lie from our clock, on either side. */
  toleranceSeconds: number;
};

const stored: Answer = { status: 200 };

function ignored({ facts }: Call, why: string): Answer {
  facts.dropped = "ignored";
  return { status: 200, body: JSON.stringify({ ignored: why }) };
}

/** A wrong body is no error here: an error would make BattleMetrics stop, and that is what a pause spares its operator. */
function paused({ facts, headers }: Call, body: Buffer): Answer {
  facts.dropped = "paused";
  try {
    if (isSample(object(parseJson(body, headers["content-encoding"]), "the body"))) facts.isSample = true;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
  }
  return { status: 200, body: JSON.stringify({ ignored: "paused" }) };
}

function sampled({ facts }: Call): Answer {
  facts.isSample = true;
  return { status: 200, body: JSON.stringify({ ignored: "sample" }) };
}

/** When it was signed, but never later than our clock: a sender's clock that runs ahead must not outrank the next delivery. */
function verifyDelivery(
  connection: Connection,
  headers: Call["headers"],
  body: Buffer,
  arrivedAt: Date,
  toleranceSeconds: number,
): Date {
  if (connection.secret === null) throw new Refusal("no-secret");
  const header = headers["x-signature"];
  const found = typeof header === "string" ? parseDeliverySignature(header) : undefined;
  if (!found) throw new Refusal("no-signature", { detail: headerWords("battlemetrics", headers) });
  const isRight = (secret: string) => anyMatches(found.signatures, sign(secret, found.timestamp, ".", body));
  if (!anySecret(connection, arrivedAt, isRight))
    throw new Refusal("bad-signature", { detail: bodyWords("battlemetrics", { body, headers }, found.signatures) });

  const signedMs = parseTimestamp(found.timestamp);
  if (Number.isNaN(signedMs)) throw new Refusal("bad-timestamp");
  const ageSeconds = (arrivedAt.getTime() - signedMs) / 1000;
  if (!(Math.abs(ageSeconds) <= toleranceSeconds))
    throw new Refusal("stale-timestamp", { detail: staleWords(signedMs, arrivedAt, ageSeconds, toleranceSeconds) });
  return new Date(Math.min(signedMs, arrivedAt.getTime()));
}

function staleWords(signedMs: number, arrivedAt: Date, ageSeconds: number, toleranceSeconds: number): string {
  const difference = `${Math.abs(ageSeconds).toFixed(1)} seconds ${ageSeconds > 0 ? "old" : "in the future"}`;
  return (
    `The signed time ${new Date(signedMs).toISOString()} is ${difference} by this server's clock, ` +
    `${arrivedAt.toISOString()}; ${toleranceSeconds} seconds are allowed. Check that both clocks are right.`
  );
}

/** BattleMetrics fills a template; what it does not know comes out empty. */
const unknown = Symbol("unknown to BattleMetrics");

type Delivery = {
  steamId: SteamId | typeof unknown;
  seconds: number | typeof unknown;
  orgSeconds: number | undefined;
  gameId: number;
};

function parseDelivery(fields: Record<string, unknown>, fixedGameId: number | null): Delivery {
  for (const name of ["steam_id", "playtime"])
    if (!Object.hasOwn(fields, name)) throw new Malformed(name, "in the body: the webhook's template lacks it");
  return {
    steamId: isUnknown(fields["steam_id"]) ? unknown : steamId(fields["steam_id"], "steam_id"),
    seconds: isUnknown(fields["playtime"]) ? unknown : seconds(fields["playtime"], "playtime"),
    orgSeconds: isUntold(fields["org_playtime"]) ? undefined : seconds(fields["org_playtime"], "org_playtime"),
    gameId: fixedGameId ?? gameId(fields["game_id"], "game_id"),
  };
}

/** Templates made before this field was known lack it. */
const isUntold = (value: unknown) => value === undefined || isUnknown(value);

function isUnknown(value: unknown): boolean {
  return value === null || (typeof value === "string" && ["", "null", "undefined"].includes(value.trim()));
}
