import { BlockList, isIP } from "node:net";
import type { Config } from "../config.ts";
import { addressOf, type Connection } from "./connections.ts";

const squad = 393_380;
const somePlayer = "76561198012345678";

/** Stands in addresses for the machine's name, which we cannot know. */
export const placeholder = "YOUR-SERVER";

/** How callers reach the service: what is set, or `otherwise`: an address with the placeholder, or the one that a browser used. */
export function publicUrl(
  { SERVER }: { SERVER: Pick<Config["SERVER"], "PUBLIC_URL" | "PORT"> },
  otherwise = `http://${placeholder}:${SERVER.PORT}`,
): string {
  return SERVER.PUBLIC_URL.replace(/\/+$/, "") || otherwise;
}

/** Whether only this machine or its own network reaches an address. */
export function isPrivate(base: string): boolean {
  if (base.includes(placeholder) || !URL.canParse(base)) return false;
  const host = new URL(base).hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0) return privateAddresses.check(host, isIP(host) === 6 ? "ipv6" : "ipv4");
  return host === "localhost" || /\.(?:localhost|local|lan|home|internal)$/.test(host) || !host.includes(".");
}

const privateAddresses = new BlockList();
for (const [address, bits] of [
  ["127.0.0.0", 8],
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
  ["100.64.0.0", 10],
  ["0.0.0.0", 8],
] as const)
  privateAddresses.addSubnet(address, bits);
for (const [address, bits] of [
  ["::1", 128],
  ["::", 128],
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  privateAddresses.addSubnet(address, bits, "ipv6");

type Explained = Pick<Connection, "kind" | "path" | "fixedGameId">;

/** What is pasted into a webhook of BattleMetrics, beside the secret. */
export function webhookFields(connection: Explained, base: string): { url: string; contentType: string; body: string } {
  return {
    url: base + addressOf(connection),
    contentType: "application/json",
    body: `{"steam_id": "{{player.steamID}}", "playtime": "{{player.game.timePlayed}}", "org_playtime": "{{player.org.timePlayed}}", "game_id": ${connection.fixedGameId ?? squad}}`,
  };
}

/** What a webhook tells, for people; the panel says it in their language. */
export const meaningOfFields =
  "playtime is the player's time by BattleMetrics, org_playtime the time on your own servers.";

/** Programs that ask for one player as they stand, each in its language. */
export function scriptExamples(connection: Explained, base: string, secret: string): Record<Language, string> {
  const address = base + addressOf(connection);
  const gameId = connection.fixedGameId ?? squad;
  return {
    curl: curlLines(address.replace(placeholder, "localhost"), gameId, secret).join("\n"),
    javascript: `import { createHmac } from "node:crypto";

// Exactly the text that is sent must be signed, so it is made once.
const body = JSON.stringify({ steam_ids: ["${somePlayer}"], game_id: ${gameId} });
const response = await fetch(${quoted(address)}, {
  method: "POST",
  headers: { "X-Signature": createHmac("sha256", ${quoted(secret)}).update(body).digest("hex") },
  body,
  signal: AbortSignal.timeout(15_000),
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.detail);
for (const player of answer) console.log(player.steam_id, player.steam_playtime, player.bm_playtime);`,
    python: `import hashlib, hmac, json, urllib.request

# Exactly the bytes that are sent must be signed, so they are made once.
body = json.dumps({"steam_ids": ["${somePlayer}"], "game_id": ${gameId}}).encode()
signature = hmac.new(${quoted(secret)}.encode(), body, hashlib.sha256).hexdigest()
request = urllib.request.Request(${quoted(address)}, data=body, headers={"X-Signature": signature})
with urllib.request.urlopen(request, timeout=15) as response:
    for player in json.load(response):
        print(player["steam_id"], player["steam_playtime"], player["bm_playtime"])`,
  };
}

/** From where SquadJS reads a secret that config.json is not to hold. */
export const squadJsVariable = "SQUADJS_PLAYTIME_SECRET";

/** What config.json of SquadJS needs under "plugins", for the plug-in of configs/squadjs/. Without a secret it names the variable. */
export function squadJsBlock(
  connection: Explained,
  base: string,
  secret: string | undefined,
  language: string,
): string {
  const block = {
    plugin: "PlaytimeCommands",
    enabled: true,
    playtime_service_api_url: base + addressOf(connection),
    playtime_service_api_secret_key: secret ?? `env:${squadJsVariable}`,
    language,
  };
  return JSON.stringify(block, null, 2);
}

export type Language = "curl" | "javascript" | "python";

function curlLines(address: string, gameId: number, secret: string): string[] {
  return [
    `BODY='${JSON.stringify({ steam_ids: [somePlayer], game_id: gameId })}'`,
    `SIGNATURE=$(printf %s "$BODY" | openssl dgst -sha256 -hmac ${shellQuoted(secret)} | sed 's/^.* //')`,
    `curl ${/^[\w:/.%-]+$/.test(address) ? address : shellQuoted(address)} -H "X-Signature: $SIGNATURE" -d "$BODY"`,
  ];
}

/** A text of JSON is one of JavaScript and of Python too. */
const quoted = (text: string) => JSON.stringify(text);

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
