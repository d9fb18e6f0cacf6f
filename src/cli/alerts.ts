import { sendTest } from "../watch/alert-test.ts";
import { type Command, CommandProblem, type Context } from "./command.ts";

export const alertCommands: Record<string, Command> = {
  "alerts test": {
    args: "",
    summary: "send a test message by every channel of [ALERTS]",
    run: test,
  },
};

async function test({ config, inForce, print }: Context): Promise<void> {
  // Without the database it is known what the config says.
  const { ALERTS, DJANGO } = await inForce().catch(() => config);
  const outcomes = await sendTest(ALERTS, DJANGO.LANGUAGE_CODE);
  if (outcomes.length === 0)
    throw new CommandProblem(
      "No alerts are set up. Fill in [ALERTS] in the config file (the example says how), or the panel's page Settings.",
    );
  for (const { channel, outcome } of outcomes) print(`${channel}: ${outcome.isSent ? "sent" : outcome.problem}`);
  if (outcomes.some(({ outcome }) => !outcome.isSent))
    throw new CommandProblem("At least one channel did not take the message: see above.");
}
