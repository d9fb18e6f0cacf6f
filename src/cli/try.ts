import { addressOf, type Connection } from "../connections.ts";
import { playtimesIn } from "../playtimes.ts";
import { sign } from "../signature.ts";
import { type Command, CommandProblem, type Context } from "./command.ts";
import { existing } from "./connections.ts";

export const tryCommands: Record<string, Command> = {
  try: {
    args: "<kind> <path>",
    summary: "send a signed sample to the running service; it stores nothing",
    printsData: true,
    run: trySample,
  },
};

const answerMs = 15_000;

async function trySample(context: Context): Promise<void> {
  const connection = await existing(context);
  const body = connection.kind === "battlemetrics" ? emptyDelivery : await storedQuery(connection, context);
  const { status, text } = await send(connection, body, context);
  if (context.options["json"]) context.print(JSON.stringify({ status, body: text }));
  else context.print(`sent      ${body}\nanswered  ${status} ${text}`);
  if (status !== 200) throw new CommandProblem(adviceFor(status, text));
  if (!context.options["json"]) context.print("The service takes what this connection signs.");
}

/** Without a Steam ID, so that nothing is stored. */
const emptyDelivery = JSON.stringify({ steam_id: "", playtime: "0", game_id: 0 });

/** A player who is stored, so that Steam is not asked; nobody where there is none. */
async function storedQuery({ fixedGameId }: Connection, context: Context): Promise<string> {
  const stored = await playtimesIn(await context.open()).any(fixedGameId);
  return JSON.stringify({ steam_ids: [stored?.steamId ?? null], game_id: stored?.gameId ?? 0 });
}

async function send(
  connection: Connection,
  body: string,
  { config }: Context,
): Promise<{ status: number; text: string }> {
  // Always the loopback, unless the service listens on one other address only.
  const host = ["", "0.0.0.0", "::"].includes(config.SERVER.HOST) ? "127.0.0.1" : config.SERVER.HOST;
  const base = `http://${host.includes(":") ? `[${host}]` : host}:${config.SERVER.PORT}`;
  try {
    const response = await fetch(`${base}${addressOf(connection)}`, {
      method: "POST",
      headers:
        connection.secret === null ? {} : { "x-signature": signatureOf(connection.kind, connection.secret, body) },
      body,
      signal: AbortSignal.timeout(answerMs),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const code =
      error instanceof Error && error.cause instanceof Error && "code" in error.cause ? ` (${error.cause.code})` : "";
    throw new CommandProblem(`No answer from ${base}${code}. Does the service run, and with the same [SERVER] PORT?`);
  }
}

function signatureOf(kind: Connection["kind"], secret: string, body: string): string {
  if (kind === "script") return sign(secret, body).toString("hex");
  const timestamp = new Date().toISOString();
  return `t=${timestamp},s=${sign(secret, `${timestamp}.`, body).toString("hex")}`;
}

/** What to check when the service refused a sample that was signed with the stored secret. */
const advice: Record<string, string> = {
  "unknown-path":
    "The service does not know this connection. Made within the last 5 seconds? Else it uses another database or config than this command.",
  "disabled-connection": "The connection is switched off: connections enable.",
  "no-secret": "The connection has no secret: connections set-secret.",
  "bad-signature":
    "The service knows another secret. Changed within the last 5 seconds? Else it uses another database than this command.",
  "database-away": "The service does not reach its database; its log says why.",
};

function adviceFor(status: number, text: string): string {
  const [code] = /"code":"([a-z-]+)"/.exec(text)?.slice(1) ?? [];
  return (
    advice[code ?? ""] ??
    `Refused with status ${status}: is it Playtime-Service that listens on this port? Its log says more.`
  );
}
