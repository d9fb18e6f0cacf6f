import type { Config } from "../config.ts";
import { addressOf, type NewConnection } from "../connections/connections.ts";
import {
  isPrivate,
  meaningOfFields,
  placeholder,
  publicUrl,
  scriptExamples,
  squadJsBlock,
  squadJsVariable,
  webhookFields,
} from "../connections/how-to-use.ts";

type Explained = Pick<NewConnection, "kind" | "path" | "secret" | "fixedGameId">;

/** What must be pasted where. A hidden secret stands nowhere, and nothing is printed that cannot work without it. */
export function howToUse(
  connection: Explained,
  config: { SERVER: Pick<Config["SERVER"], "PUBLIC_URL" | "PORT"> },
  { isHidden = false } = {},
): string {
  const base = publicUrl(config);
  const secret = isHidden ? undefined : (connection.secret ?? undefined);
  const shown =
    connection.secret === null
      ? "none yet: all requests are refused until you set one (connections set-secret)"
      : (secret ?? "(hidden; --reveal shows it)");
  const lines =
    connection.kind === "battlemetrics"
      ? battlemetrics(connection, base, shown)
      : script(connection, base, { secret, shown });
  return lines.join("\n");
}

function battlemetrics(connection: Explained, base: string, secret: string): string[] {
  const { url, contentType, body } = webhookFields(connection, base);
  return [
    "On BattleMetrics create a trigger with the conditions Player Join and Player Leave, and add the action Webhook.",
    "Its form asks, in this order:",
    "  Name           any, such as Playtime",
    `  URL            ${url}`,
    ...(base.includes(placeholder)
      ? [`                 (${placeholder}: the public IP address or the domain name of this machine)`]
      : []),
    ...(isPrivate(base) ? ["                 (BattleMetrics cannot reach this address: set [SERVER] PUBLIC_URL)"] : []),
    `  Shared secret  ${secret}`,
    `  Content type   ${contentType}`,
    "  Logging        as you like",
    "  Enabled        yes",
    `  Body           ${body}`,
    `In the body, ${meaningOfFields}`,
  ];
}

type Secret = { secret: string | undefined; shown: string };

function script(connection: Explained, base: string, { secret, shown }: Secret): string[] {
  const indented = (text: string) => text.split("\n").map((line) => `  ${line}`);
  return [
    `address  ${base}${addressOf(connection)}`,
    ...(base.includes(placeholder)
      ? [`         (${placeholder}: the name or the address at which scripts reach this machine)`]
      : []),
    `secret   ${shown}`,
    "",
    "For SquadJS, copy configs/squadjs/*.js to squad-server/plugins/, and add to the plugins of config.json:",
    ...indented(squadJsBlock(connection, base, secret, "en")),
    ...(secret === undefined
      ? [`(Where SquadJS runs, set the environment variable ${squadJsVariable} to the secret.)`]
      : []),
    ...(secret === undefined
      ? []
      : ["", "Try it on this machine:", ...indented(scriptExamples(connection, base, secret).curl)]),
  ];
}
