import { type AlertSettings, type Channel, channelsOf, type Sent, send } from "./alert-channels.ts";
import { alertWords } from "./alert-texts.ts";

/** Sends a test by every channel that is set up, and tells how each went; empty: there is none. Nothing is stored. */
export function sendTest(
  settings: AlertSettings,
  languageCode: string,
): Promise<{ channel: Channel; outcome: Sent }[]> {
  const { test: text } = alertWords(languageCode);
  const message = { code: "test", connection: "", text, at: new Date().toISOString(), isOver: false };
  return Promise.all(
    channelsOf(settings).map(async (channel) => ({ channel, outcome: await send(channel, message, settings) })),
  );
}
