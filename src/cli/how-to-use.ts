import type { Config } from "../config.ts";
import { addressOf, type NewConnection } from "../connections/connections.ts";
import { placeholder, publicUrl, scriptExamples, webhookFields } from "../connections/how-to-use.ts";

type Used = Pick<NewConnection, "kind" | "path" | "secret" | "fixedGameId">;

/** What must be pasted where, for a person who has just made a connection. */
export function howToUse(connection: Used, config: { SERVER: Pick<Config["SERVER"], "PUBLIC_URL" | "PORT"> }): string {
  const base = publicUrl(config);
  const secret = connection.secret ?? "none yet: nothing is let in until one is set (connections set-secret)";
  const lines =
    connection.kind === "battlemetrics" ? battlemetrics(connection, base, secret) : script(connection, base, secret);
  return lines.join("\n");
}

function battlemetrics(connection: Used, base: string, secret: string): string[] {
  const { url, contentType, body } = webhookFields(connection, base);
  return [
    "On BattleMetrics create a trigger with the conditions Player Join and Player Leave, and add the action Webhook.",
    "Its form asks, in this order:",
    "  Name           any, such as Playtime",
    `  URL            ${url}`,
    ...(base.includes(placeholder)
      ? [`                 (${placeholder}: this machine's name or address, as the internet sees it)`]
      : []),
    `  Shared secret  ${secret}`,
    `  Content type   ${contentType}`,
    "  Logging        any",
    "  Enabled        yes",
    `  Body           ${body}`,
  ];
}

function script(connection: Used, base: string, secret: string): string[] {
  return [
    `address  ${base}${addressOf(connection)}`,
    `secret   ${secret}`,
    "",
    "Try it on this machine:",
    ...scriptExamples(connection, base, secret)
      .curl.split("\n")
      .map((line) => `  ${line}`),
  ];
}
