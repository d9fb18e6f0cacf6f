import { channelsOf, send } from "../watch/alert-channels.ts";
import { alertWords } from "../watch/alert-texts.ts";
import { type Command, CommandProblem, type Context } from "./command.ts";

export const alertCommands: Record<string, Command> = {
  "alerts test": {
    args: "",
    summary: "send a test message by every channel of [ALERTS]",
    run: test,
  },
};

async function test({ config, print }: Context): Promise<void> {
  const channels = channelsOf(config.ALERTS);
  if (channels.length === 0)
    throw new CommandProblem("No alerts are set up. Fill in [ALERTS] in the config file: the example says how.");
  const { test: text } = alertWords(config.DJANGO.LANGUAGE_CODE);
  const message = { code: "test", connection: "", text, at: new Date().toISOString(), isOver: false };
  const outcomes = await Promise.all(
    channels.map(async (channel) => ({ channel, outcome: await send(channel, message, config.ALERTS) })),
  );
  for (const { channel, outcome } of outcomes) print(`${channel}: ${outcome.isSent ? "sent" : outcome.problem}`);
  if (outcomes.some(({ outcome }) => !outcome.isSent)) throw new CommandProblem("Not every channel took the message.");
}
