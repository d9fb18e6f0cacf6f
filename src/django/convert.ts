import type { NewConnection } from "../connections/connections.ts";
import { connectionPath } from "../connections/paths.ts";
import { gameId, Malformed, optional, type Parser, seconds, steamId } from "../parse.ts";
import { type ImportedPlayer, statusOf } from "../players/import.ts";
import { type DjangoConnection, type DjangoPlayer, textMost } from "./source.ts";

/** Throws Malformed when the row breaks a limit of ours. */
export function playerOf(row: DjangoPlayer): ImportedPlayer {
  const steamSeconds = wholeSeconds(row.steamSeconds, "steam_playtime");
  const bmSeconds = wholeSeconds(row.bmSeconds, "bm_playtime");
  return {
    steamId: steamId(row.steamId, "steam_id"),
    gameId: gameId(row.gameId, "game_id"),
    steamSeconds,
    steamStatus: statusOf({ steamSeconds, bmSeconds }),
    bmSeconds,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** A connection without a secret comes switched off. Throws Malformed when the row breaks a limit of ours. */
export function connectionOf({ kind, path, secret, enabled, fixedGameId }: DjangoConnection): NewConnection {
  if (secret.length >= textMost) throw new Malformed("the secret", `shorter than ${textMost} characters`);
  return {
    kind,
    path: connectionPath(path, "the path"),
    secret: secret || null,
    enabled: enabled && secret !== "",
    fixedGameId: optional(gameId, null)(fixedGameId, "fixed_game_id"),
  };
}

/** The first version kept fractions. */
const wholeSeconds: Parser<number | null> = (value, place) =>
  value === null ? null : seconds(typeof value === "number" ? Math.round(value) : value, place);
