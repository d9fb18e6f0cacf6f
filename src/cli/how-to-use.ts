import type { Config } from "../config.ts";
import { addressOf, type NewConnection } from "../connections.ts";

/** What must be pasted where, for a person who has just made a connection. */
export function howToUse(
  connection: Pick<NewConnection, "kind" | "path" | "secret" | "fixedGameId">,
  { SERVER }: Pick<Config, "SERVER">,
): string {
  const base = SERVER.PUBLIC_URL.replace(/\/+$/, "") || `http://${placeholder}:${SERVER.PORT}`;
  const secret = connection.secret ?? "none yet: nothing is let in until one is set (connections set-secret)";
  const lines =
    connection.kind === "battlemetrics" ? battlemetrics(connection, base, secret) : script(connection, base, secret);
  return lines.join("\n");
}

const placeholder = "YOUR-SERVER";
const squad = 393_380;

function battlemetrics(
  connection: Pick<NewConnection, "kind" | "path" | "fixedGameId">,
  base: string,
  secret: string,
): string[] {
  const body = `{"steam_id": "{{player.steamID}}", "playtime": "{{player.game.timePlayed}}", "game_id": ${connection.fixedGameId ?? squad}}`;
  return [
    "In BattleMetrics make a trigger for Player Join and Player Leave with a webhook action:",
    `  URL           ${base}${addressOf(connection)}`,
    ...(base.includes(placeholder)
      ? [`                (${placeholder}: this machine's name or address, as the internet sees it)`]
      : []),
    `  secret        ${secret}`,
    "  content type  application/json",
    `  body          ${body}`,
  ];
}

function script(
  connection: Pick<NewConnection, "kind" | "path" | "fixedGameId">,
  base: string,
  secret: string,
): string[] {
  const body = JSON.stringify({ steam_ids: ["76561198012345678"], game_id: connection.fixedGameId ?? squad });
  return [
    `address  ${base}${addressOf(connection)}`,
    `secret   ${secret}`,
    "",
    "Try it on this machine:",
    `  BODY='${body}'`,
    `  SIGNATURE=$(printf %s "$BODY" | openssl dgst -sha256 -hmac ${shellQuoted(secret)} | sed 's/^.* //')`,
    `  curl ${base.replace(placeholder, "localhost")}${addressOf(connection)} -H "X-Signature: $SIGNATURE" -d "$BODY"`,
  ];
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
