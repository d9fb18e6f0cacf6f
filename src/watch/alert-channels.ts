import type { Config } from "../config.ts";
import { errorCode } from "../error-code.ts";

export const channels = ["discord", "telegram", "url"] as const;
export type Channel = (typeof channels)[number];

/** What is sent. */
export type AlertMessage = {
  /** Such as "late"; "test" for a try. */
  code: string;
  /** `kind/path`; empty for the service itself. */
  connection: string;
  text: string;
  /** ISO 8601 text: when it happened. */
  at: string;
  isOver: boolean;
};

/** How sending went; `retrySeconds`: when the other side wants to be asked again. `problem` holds no address and no token. */
export type Sent = { isSent: true } | { isSent: false; problem: string; retrySeconds?: number };

export type AlertSettings = Config["ALERTS"];

const timeoutMs = 10_000;
/** Discord takes 2,000 characters. Source: https://discord.com/developers/docs/resources/webhook#execute-webhook */
const mostCharacters = 1_900;

/** The channels that are set up. */
export function channelsOf({ DISCORD_WEBHOOK, TELEGRAM_TOKEN, TELEGRAM_CHAT, URL }: AlertSettings): Channel[] {
  return [
    ...(DISCORD_WEBHOOK === "" ? [] : ["discord" as const]),
    ...(TELEGRAM_TOKEN === "" || TELEGRAM_CHAT === "" ? [] : ["telegram" as const]),
    ...(URL === "" ? [] : ["url" as const]),
  ];
}

/** Sends one message by one channel. Never throws. */
export async function send(channel: Channel, message: AlertMessage, settings: AlertSettings): Promise<Sent> {
  const { address, body } = requestFor[channel]({ ...message, text: message.text.slice(0, mostCharacters) }, settings);
  try {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = (await answer.text()).slice(0, 10_000);
    if (answer.ok) return { isSent: true };
    const retrySeconds = retryIn(text);
    const problem = `${names[channel]} answered ${answer.status}${words[channel][answer.status] ?? ""}`;
    return { isSent: false, problem, ...(retrySeconds === undefined ? {} : { retrySeconds }) };
  } catch (error) {
    return { isSent: false, problem: `${names[channel]} could not be reached (${reasonOf(error)})` };
  }
}

const names: Record<Channel, string> = { discord: "Discord", telegram: "Telegram", url: "The address of [ALERTS] URL" };

const requestFor: Record<
  Channel,
  (message: AlertMessage, settings: AlertSettings) => { address: string; body: unknown }
> = {
  // Nobody is called by a name that stands in a path.
  discord: ({ text }, { DISCORD_WEBHOOK }) => ({
    address: DISCORD_WEBHOOK,
    body: { content: text, allowed_mentions: { parse: [] } },
  }),
  telegram: ({ text }, { TELEGRAM_API_URL, TELEGRAM_TOKEN, TELEGRAM_CHAT }) => ({
    address: `${TELEGRAM_API_URL.replace(/\/+$/, "")}/bot${TELEGRAM_TOKEN}/sendMessage`,
    body: { chat_id: TELEGRAM_CHAT, text },
  }),
  url: (message, { URL }) => ({ address: URL, body: message }),
};

/** What a status means there. Source: the documentation of both. */
const words: Record<Channel, Record<number, string>> = {
  discord: {
    401: ": the webhook's address is wrong",
    404: ": the webhook was deleted, or its address is wrong",
    429: ": too many messages",
  },
  telegram: {
    400: ": there is no such chat, or nobody has written to the bot there yet",
    401: ": the token is wrong",
    403: ": the bot was removed from the chat, or blocked",
    404: ": the token is wrong",
    429: ": too many messages",
  },
  url: {},
};

/** Discord and Telegram name the seconds in their JSON. */
function retryIn(text: string): number | undefined {
  const [, seconds] = /"retry_after"\s*:\s*([0-9]+(?:\.[0-9]+)?)/.exec(text) ?? [];
  return seconds === undefined ? undefined : Math.min(3_600, Math.ceil(Number(seconds)));
}

/** The network's word only: the message of an error may hold the address. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${timeoutMs / 1_000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && cause.message === "bad port") return "programs refuse to connect to this port";
  return errorCode(cause) || errorCode(error) || "network";
}
