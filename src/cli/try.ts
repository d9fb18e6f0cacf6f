import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "../connections/connections.ts";
import { ownUrl, type Tried, trySample } from "../connections/sample.ts";
import { errorCode } from "../error-code.ts";
import { Refusal } from "../http/refusal.ts";
import { type Command, CommandProblem, type Context } from "./command.ts";
import { existing } from "./connections.ts";

export const tryCommands: Record<string, Command> = {
  try: {
    args: "<kind> <path>",
    summary: "send a signed sample to the running service; it stores nothing",
    printsJson: true,
    run,
  },
};

async function run(context: Context): Promise<void> {
  const connection = await existing(context);
  const { body, status, text } = await sendUntilKnown(connection, context);
  if (context.options["json"]) context.print(JSON.stringify({ status, body: text }));
  else context.print(`sent      ${body}\nanswered  ${status} ${text}`);
  if (status !== 200) throw new CommandProblem(adviceFor(status, text));
  if (!context.options["json"]) context.print("The service accepts requests of this connection.");
}

/** How long a running service may take to learn of a change, with some slack. */
const learnMs = 8_000;
const pauseMs = 1_000;

/** What a service answers that does not know of a change yet. */
const notYet = ["unknown-path", "disabled-connection", "no-secret", "bad-signature"];

/** A connection that was changed just now is tried again until the service knows of it. */
async function sendUntilKnown(connection: Connection, context: Context): Promise<Tried> {
  const ageMs = Date.now() - Date.parse(connection.updatedAt);
  // By the clock of the database: where that goes wrong, it is as if nothing had been changed.
  const untilMs = performance.now() + (Math.abs(ageMs) < learnMs ? learnMs - ageMs : 0);
  for (;;) {
    const tried = await send(connection, context);
    const isNotYet = tried.status !== 200 && notYet.includes(codeOf(tried.text)) && isAcceptable(connection);
    if (!isNotYet || performance.now() + pauseMs > untilMs) return tried;
    await sleep(pauseMs);
  }
}

/** Whether the service can accept it at all, once it knows of it. */
const isAcceptable = ({ enabled, secret }: Connection) => enabled && secret !== null;

async function send(connection: Connection, { config, open }: Context): Promise<Tried> {
  const database = await open();
  const url = ownUrl(config.SERVER, config.SERVER.PORT);
  try {
    return await trySample(connection, url, database);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const code = errorCode(error);
    throw new CommandProblem(
      `No answer from ${url}${code && ` (${code})`}. Check that the service runs, and that it has the same [SERVER] PORT.`,
    );
  }
}

/** What to check when the service refused a sample that was signed with the stored secret. */
const advice: Record<string, string> = {
  "unknown-path":
    "The service does not know this connection. Probably it uses another database or another config file than this command.",
  "disabled-connection": "The connection is switched off: connections enable.",
  "no-secret": "The connection has no secret: connections set-secret.",
  "bad-signature": "The service knows another secret. Probably it uses another database than this command.",
  "database-away": "The service does not reach its database; its log says why.",
};

function adviceFor(status: number, text: string): string {
  return (
    advice[codeOf(text)] ??
    `Refused with status ${status}. Perhaps another program listens on this port; if not, see the log of the service.`
  );
}

const codeOf = (text: string) => /"code":"([a-z-]+)"/.exec(text)?.[1] ?? "";
