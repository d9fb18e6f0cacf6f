import { adviceOn, stateWords } from "../admin/state-words.ts";
import { en } from "../admin/texts/en.ts";
import {
  addressOf,
  type Connection,
  connectionsIn,
  type Kind,
  kinds,
  makeSecret,
  mostExpectHours,
  secretText,
  shortSecretCharacters,
} from "../connections/connections.ts";
import { connectionPath } from "../connections/paths.ts";
import { gameId, integer, Malformed, oneOf, type Parser } from "../parse.ts";
import { standingsOf } from "../watch/health.ts";
import { activityIn } from "../watch/read.ts";
import { type Command, CommandProblem, type Context, confirm, stringOption, table } from "./command.ts";
import { howToUse } from "./how-to-use.ts";

const secretDetails = [
  "--secret -      read the HMAC secret from standard input. Do not write the secret itself into the command",
  "                (--secret S): other users of the machine can see it there, and it stays in the shell's history.",
  "                Without --secret the command asks you; without a terminal it makes a strong secret.",
];

export const connectionCommands: Record<string, Command> = {
  "connections add": {
    args: "<battlemetrics|script> <path>",
    summary: "add a connection for BattleMetrics or a script",
    details: [
      "--game N        always this game (393380 for Squad), whatever the sender names",
      ...secretDetails,
      "--disabled      switched off at first",
    ],
    options: { game: { type: "string" }, secret: { type: "string" }, disabled: { type: "boolean" } },
    printsJson: true,
    run: add,
  },
  "connections list": { args: "", summary: "list all connections", printsJson: true, run: list },
  "connections show": {
    args: "<kind> <path>",
    summary: "show one connection, and what to paste where",
    details: ["--reveal        show the secret too"],
    options: { reveal: { type: "boolean" } },
    printsJson: true,
    run: show,
  },
  "connections enable": {
    args: "<kind> <path>",
    summary: "switch a connection on",
    run: (context) => setEnabled(context, true),
  },
  "connections disable": {
    args: "<kind> <path>",
    summary: "switch a connection off",
    run: (context) => setEnabled(context, false),
  },
  "connections pause": {
    args: "battlemetrics <path>",
    summary: "answer BattleMetrics with 200, but store nothing until it is resumed",
    run: (context) => setPaused(context, true),
  },
  "connections resume": {
    args: "battlemetrics <path>",
    summary: "end the pause: store what BattleMetrics sends from now on",
    run: (context) => setPaused(context, false),
  },
  "connections expect": {
    args: "battlemetrics <path> <hours|never>",
    summary: "set after how many hours without a delivery a connection is late",
    run: expect,
  },
  "connections set-secret": {
    args: "<kind> <path>",
    summary: "set another secret for a connection",
    details: secretDetails,
    options: { secret: { type: "string" } },
    printsJson: true,
    run: (context) => setSecret(context, 0),
  },
  "connections rotate": {
    args: "<kind> <path>",
    summary: "set another secret for a connection; the old one stays accepted for a while",
    details: [
      "--keep-old T    for how long: 30m, 24h (the default), 7d, or 0",
      "--drop-oldest   if two secrets are accepted now, keep the newer one for that time, not the oldest",
      ...secretDetails,
    ],
    options: { "keep-old": { type: "string" }, "drop-oldest": { type: "boolean" }, secret: { type: "string" } },
    printsJson: true,
    run: (context) => setSecret(context, duration(stringOption(context.options, "keep-old") ?? "24h", "--keep-old")),
  },
  "connections remove": {
    args: "<kind> <path>",
    summary: "delete a connection",
    details: ["--yes           do not ask"],
    options: { yes: { type: "boolean" } },
    run: remove,
  },
};

async function add(context: Context): Promise<void> {
  const { kind, path: given } = namedIn(context);
  const path = connectionPath(given, "the path");
  const game = stringOption(context.options, "game");
  const fixedGameId = game === undefined ? null : gameId(game, "--game");
  const stored = connectionsIn(await context.open());
  const taken = `There is already a ${kind} connection "${path}". See: connections show ${kind} ${path}`;
  if (await stored.one(kind, path)) throw new CommandProblem(taken);
  if (path !== given) context.warn(`The path was changed to "${path}": paths are in lower case and without blanks.`);
  const connection = {
    kind,
    path,
    enabled: context.options["disabled"] !== true,
    fixedGameId,
    secret: await secretFor(kind, context),
  };
  if ((await stored.add(connection)) === "path-taken") throw new CommandProblem(taken);
  await context.changed("a connection added", `${kind}/${path}`);
  if (context.options["json"])
    return context.print(JSON.stringify({ ...connection, address: addressOf(connection) }, null, 2));
  const state = connection.enabled
    ? "A running service accepts it within 5 seconds."
    : `It is switched off; to switch it on: connections enable ${kind} ${path}`;
  context.print(`Connection created. ${state}\n\n${howToUse(connection, await context.inForce())}`);
}

async function list(context: Context): Promise<void> {
  const database = await context.open();
  const connections = await connectionsIn(database).list();
  const standings = standingsOf(connections, await activityIn(database).summaries(), new Date());
  if (context.options["json"]) {
    const all = standings.map(({ connection, state }) => ({ ...publicly(connection), state }));
    return context.print(JSON.stringify(all, null, 2));
  }
  if (connections.length === 0)
    return context.print("There is no connection yet. Add one: connections add battlemetrics my-server");
  const rows = standings.map((standing) => {
    const { connection: one } = standing;
    return [
      one.kind,
      one.path,
      stateWords(en, standing),
      one.fixedGameId === null ? "any" : String(one.fixedGameId),
      expectWords(one),
      addressOf(one),
    ];
  });
  context.print(table(["KIND", "PATH", "STATE", "GAME", "LATE AFTER", "ADDRESS"], rows));
}

async function show(context: Context): Promise<void> {
  const connection = await existing(context);
  const reveal = context.options["reveal"] === true;
  const now = new Date();
  const [standing] = standingsOf([connection], await activityIn(await context.open()).summaries(), now);
  if (context.options["json"])
    return context.print(
      JSON.stringify(
        { ...publicly(connection), state: standing?.state, ...(reveal ? { secret: connection.secret } : {}) },
        null,
        2,
      ),
    );
  const advice = standing ? adviceOn(en, standing, now) : "";
  context.print(
    [
      `kind      ${connection.kind}`,
      `path      ${connection.path}`,
      `state     ${standing ? stateWords(en, standing) : ""}`,
      ...(advice === "" ? [] : [`          ${advice}`]),
      `game      ${connection.fixedGameId ?? "any"}`,
      `expected  ${expectWords(connection).replace(/^\d/, "every $&")}`,
      `created   ${connection.createdAt}`,
      `changed   ${connection.updatedAt}`,
      ...(connection.oldSecretUntil === null ? [] : [`old secret accepted until ${connection.oldSecretUntil}`]),
      "",
      howToUse(connection, await context.inForce(), { isHidden: !reveal }),
    ].join("\n"),
  );
}

async function setEnabled(context: Context, enabled: boolean): Promise<void> {
  const connection = await existing(context);
  await connectionsIn(await context.open()).setEnabled(connection, enabled);
  await context.changed(`a connection switched ${enabled ? "on" : "off"}`, nameOf(connection));
  context.print(
    `${connection.kind} "${connection.path}" is switched ${enabled ? "on" : "off"}; a running service knows it within 5 seconds.`,
  );
}

async function setPaused(context: Context, isPaused: boolean): Promise<void> {
  const connection = await existing(context);
  if (connection.kind !== "battlemetrics")
    throw new CommandProblem(
      "Only a battlemetrics connection can be paused. To refuse a script's queries: connections disable.",
    );
  await connectionsIn(await context.open()).setPaused(connection, isPaused);
  await context.changed(`a connection ${isPaused ? "paused" : "resumed"}`, nameOf(connection));
  const words = isPaused
    ? `is paused: deliveries get 200, but are not stored. To end the pause: connections resume battlemetrics ${connection.path}`
    : "is resumed: new deliveries are stored";
  context.print(`${connection.kind} "${connection.path}" ${words}; a running service knows it within 5 seconds.`);
}

const wholeHours = integer({ min: 1, max: mostExpectHours });

async function expect(context: Context): Promise<void> {
  const connection = await existing(context);
  const given = context.positionals[2];
  const hours = given === "never" ? null : hoursOrNever(given, "the hours");
  if (connection.kind !== "battlemetrics")
    throw new CommandProblem("Only a battlemetrics connection can be late: scripts ask when they like.");
  await connectionsIn(await context.open()).setExpectHours(connection, hours);
  await context.changed("the settings of a connection changed", nameOf(connection));
  const name = `${connection.kind} "${connection.path}"`;
  context.print(hours === null ? `${name} is never late.` : `${name} is late after ${hours} h without a delivery.`);
}

const hoursOrNever: Parser<number> = (value, place) => {
  try {
    return wholeHours(value, place);
  } catch {
    throw new Malformed(place, `a whole number from 1 to ${mostExpectHours}, or never`);
  }
};

/** Scripts ask when they like. */
const expectWords = ({ kind, expectHours }: Connection) =>
  kind === "script" || expectHours === null ? "never" : `${expectHours} h`;

/** `keptSeconds`: for how long the old one stays accepted. */
async function setSecret(context: Context, keepOldSeconds: number): Promise<void> {
  const connection = await existing(context);
  const keepsOldest = context.options["drop-oldest"] !== true;
  const isOlder = connection.oldSecretUntil !== null && Date.parse(connection.oldSecretUntil) > Date.now();
  if (keepOldSeconds > 0 && isOlder && keepsOldest)
    context.warn(
      "Two secrets were accepted. The oldest one stays accepted, because the sender may still use it; the newer one does not. To keep the newer one instead: --drop-oldest.",
    );
  const secret = await secretFor(connection.kind, context);
  await connectionsIn(await context.open()).setSecret(connection, secret, { keepOldSeconds, keepsOldest });
  await context.changed("a secret changed", nameOf(connection));
  if (context.options["json"]) return printChanged(context);
  const until = (await existing(context)).oldSecretUntil;
  const old = until === null ? "The old one is no longer accepted." : `The old one is accepted until ${until}.`;
  context.print(
    `The new secret is set; a running service knows it within 5 seconds. ${old}\n\n${howToUse({ ...connection, secret }, await context.inForce())}`,
  );
}

/** With the new secret: it may have been made just now. */
async function printChanged(context: Context): Promise<void> {
  const connection = await existing(context);
  context.print(JSON.stringify({ ...publicly(connection), secret: connection.secret }, null, 2));
}

const unitSeconds: Record<string, number> = { m: 60, h: 3_600, d: 86_400 };
const mostDays = 30;

/** In seconds. */
const duration: Parser<number> = (value, place) => {
  const [, count = "", unit = ""] = /^([0-9]{1,5})([mhd]?)$/.exec(String(value)) ?? [];
  const seconds = count === "0" ? 0 : Number(count) * (unitSeconds[unit] ?? Number.NaN);
  if (count === "" || !(seconds <= mostDays * 86_400))
    throw new Malformed(place, `a time such as 24h, 30m or 7d, at most ${mostDays}d, or 0`);
  return seconds;
};

async function remove(context: Context): Promise<void> {
  const connection = await existing(context);
  await confirm(
    context,
    `Remove the ${connection.kind} connection "${connection.path}" and its secret?`,
    "Nothing was removed.",
  );
  await connectionsIn(await context.open()).remove(connection);
  await context.changed("a connection deleted", nameOf(connection));
  context.print(`Removed; a running service knows it within 5 seconds.`);
}

const nameOf = ({ kind, path }: Connection) => `${kind}/${path}`;

/** The kind and path of the command line. */
export function namedIn({ positionals }: Context): { kind: Kind; path: string } {
  const [kind, path] = positionals;
  return { kind: oneOf(kinds)(kind, "the kind"), path: path ?? "" };
}

/** The connection that the command line names. */
export async function existing(context: Context): Promise<Connection> {
  const { kind, path } = namedIn(context);
  const found = await connectionsIn(await context.open()).one(kind, path);
  if (!found) throw new CommandProblem(`There is no ${kind} connection "${path}". See: connections list`);
  return found;
}

async function secretFor(kind: Kind, { options, ask, readInput, warn }: Context): Promise<string> {
  const given = stringOption(options, "secret");
  let secret = given === "-" ? await readInput() : given;
  if (secret === undefined && ask) {
    const where =
      kind === "battlemetrics" ? "The secret that BattleMetrics shows for the webhook" : "A secret of your own";
    secret = (await ask(`${where} (Enter makes a strong one): `)).trim() || undefined;
  }
  const chosen = secret === undefined ? makeSecret() : secretText(withoutEnding(secret, warn), "the secret");
  if ([...chosen].length < shortSecretCharacters)
    warn(`The secret is shorter than ${shortSecretCharacters} characters: it could be guessed. It is accepted anyway.`);
  return chosen;
}

/** Files and variables bring line ends along, and copying brings blanks: neither is meant. */
function withoutEnding(secret: string, warn: Context["warn"]): string {
  const cut = secret.replace(/[\s\p{Cc}\p{Cf}]+$/u, "");
  // What bytes become that are no UTF-8.
  if (/[\0\ufffd]/.test(cut))
    throw new CommandProblem("The secret is not plain text: save it in UTF-8 (the > of PowerShell writes UTF-16).");
  if (/[\r\n]/.test(cut)) throw new CommandProblem("The secret has several lines. Give exactly one line.");
  if (cut !== secret) warn("The secret ended with a blank or a line end, which was cut off.");
  return cut;
}

function publicly({ secret, oldSecret: _, ...connection }: Connection) {
  return { ...connection, hasSecret: secret !== null, address: addressOf(connection) };
}
