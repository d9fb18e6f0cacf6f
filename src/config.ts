import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { machineTimeZone, timeZone } from "./calendar.ts";
import { isOfKubernetes, strayVariables } from "./environment.ts";
import { errorCode } from "./error-code.ts";
import { levels } from "./log.ts";
import { boolean, integer, isObject, Malformed, oneOf, type Parser, text } from "./parse.ts";

type Setting<T> = { parse: Parser<T>; default: T; isSecret?: true; ending?: Ending };
const setting = <T>(parse: Parser<T>, fallback: T): Setting<T> => ({ parse, default: fallback });
const secret = <T>(parse: Parser<T>, fallback: T): Setting<T> => ({ parse, default: fallback, isSecret: true });

/** What cannot be meant at the end of a value, and is cut off with a remark. A blank may be the end of a password. */
type Ending = "blanks" | "line-ends";
const endings: Record<Ending, RegExp> = {
  blanks: /[\s\p{Cc}\p{Cf}]+$/u,
  "line-ends": /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u,
};
const name = (fallback: string): Setting<string> => ({ parse: text, default: fallback, ending: "blanks" });
const passwordSetting = (parse: Parser<string>): Setting<string> => ({ ...secret(parse, ""), ending: "line-ends" });

const port = integer({ min: 0, max: 65_535 });
const httpUrl: Parser<string> = (value, place) => {
  const url = text(value, place);
  if (!/^https?:\/\/[^\s/]/i.test(url) || !URL.canParse(url))
    throw new Malformed(place, "an address beginning with https:// or http://");
  return url;
};
/** The panel's own links begin at the root of a host. */
const publicUrlOrEmpty: Parser<string> = (value, place) => {
  if (value === "") return value;
  const url = httpUrl(value, place);
  const { pathname, search, hash } = new URL(url);
  if (!/^\/+$/.test(pathname) || search !== "" || hash !== "")
    throw new Malformed(
      place,
      "an address without a path, such as https://playtime.example.com: the service cannot live below a path, so give it a host name or a port of its own",
    );
  return url;
};
/** Keys are pasted, sometimes with a blank or a line's end. */
const word: Parser<string> = (value, place) => {
  const trimmed = text(value, place).trim();
  if (!/^[\x21-\x7e]*$/.test(trimmed)) throw new Malformed(place, "text of ASCII characters without blanks");
  return trimmed;
};

/** The address of a webhook, pasted: whoever knows it can write there. */
const secretUrlOrEmpty: Parser<string> = (value, place) => {
  const given = word(value, place);
  return given === "" ? given : httpUrl(given, place);
};
/** A chat of Telegram: a number (below 0 for groups), or the @name of a channel. */
const chat: Parser<string> = (value, place) => {
  const given = word(typeof value === "number" ? String(value) : value, place);
  if (!/^(?:|-?[0-9]+|@\w+)$/.test(given))
    throw new Malformed(place, "the number of a chat, or the @name of a channel");
  return given;
};

/** Empty, or so long that it cannot be guessed. */
const token: Parser<string> = (value, place) => {
  const given = word(value, place);
  if (given !== "" && given.length < tokenCharacters)
    throw new Malformed(place, `at least ${tokenCharacters} characters, such as \`openssl rand -hex 32\` makes them`);
  return given;
};
const tokenCharacters = 32;

/** Whoever guesses the panel's password reads all secrets. */
export const password: Parser<string> = (value, place) => {
  const given = text(value, place);
  if ([...given].length < passwordCharacters || given.length > 1_000)
    throw new Malformed(place, `at least ${passwordCharacters} characters`);
  return given;
};
export const passwordCharacters = 10;
const passwordOrEmpty: Parser<string> = (value, place) => (value === "" ? value : password(value, place));

/** Every setting, by section and key as in the file; seconds, hours and counts are whole numbers. */
export const settings = {
  SERVER: {
    HOST: name(""),
    PORT: setting(port, 8000),
    DATA_DIR: name("data"),
    PUBLIC_URL: { ...setting(publicUrlOrEmpty, ""), ending: "blanks" },
    TRUST_PROXY: setting(boolean, false),
  },
  HMAC: {
    ENABLE: setting(boolean, true),
    TIMESTAMP_DEVIATION: setting(integer({ min: 1, max: 3_600 }), 300),
  },
  POSTGRES: {
    HOST: name(""),
    PORT: setting(port, 5432),
    DATABASE_NAME: name("playtime"),
    USER: name("playtime"),
    PASSWORD: passwordSetting(text),
    SSLMODE: { ...setting(oneOf(["disable", "prefer", "require", "verify-full"]), "disable"), ending: "blanks" },
    WAIT_SECONDS: setting(integer({ min: 0, max: 3_600 }), 60),
    PREPARE: setting(boolean, true),
    BINARIES: name(""),
  },
  STEAM: {
    KEY: secret(word, ""),
    TIMEOUT: setting(integer({ min: 1, max: 60 }), 4),
    DEADLINE: setting(integer({ min: 1, max: 60 }), 10),
    RECHECK_HOURS: setting(integer({ min: 0, max: 8_760 }), 24),
    CALLS_PER_SECOND: setting(integer({ min: 1, max: 1_000 }), 5),
    CALLS_PER_DAY: setting(integer({ min: 0, max: 100_000_000 }), 90_000),
    API_URL: setting(httpUrl, "https://api.steampowered.com"),
    NAMES: setting(boolean, true),
  },
  HISTORY: {
    TIME_ZONE: setting(timeZone, ""),
    KEEP_DAYS: setting(integer({ min: 0, max: 3_650 }), 400),
  },
  ADMIN: {
    ENABLED: setting(boolean, true),
    PASSWORD: passwordSetting(passwordOrEmpty),
  },
  METRICS: {
    TOKEN: secret(token, ""),
  },
  ALERTS: {
    DISCORD_WEBHOOK: secret(secretUrlOrEmpty, ""),
    TELEGRAM_TOKEN: secret(word, ""),
    TELEGRAM_CHAT: setting(chat, ""),
    TELEGRAM_API_URL: setting(httpUrl, "https://api.telegram.org"),
    URL: secret(secretUrlOrEmpty, ""),
  },
  BACKUP: {
    EVERY_HOURS: setting(integer({ min: 0, max: 8_760 }), 0),
    KEEP: setting(integer({ min: 1, max: 1_000 }), 7),
  },
  LOG: {
    LEVEL: { ...setting(oneOf(levels), "info"), ending: "blanks" },
  },
  DJANGO: {
    LANGUAGE_CODE: name("en"),
  },
} as const satisfies Record<string, Record<string, Setting<never> | Setting<unknown>>>;

/** Of the original service: accepted, without effect. */
const ignoredKeys: Record<string, string[]> = { POSTGRES: ["CONN_MAX_AGE", "CONN_HEALTH_CHECKS"] };
const ignoredSections = ["DJANGO"];

type Values<Section> = { -readonly [Key in keyof Section]: Section[Key] extends Setting<infer T> ? T : never };
export type Config = { -readonly [Section in keyof typeof settings]: Values<(typeof settings)[Section]> } & {
  /** Beats [POSTGRES]; empty when not given. */
  databaseUrl: string;
  /** The file that was read, or undefined when there is none. */
  file: string | undefined;
  /** Sentences for the operator about what was accepted but does nothing. */
  remarks: string[];
};

/** A wrong setting; the message says where, what was found and what was expected. */
export class ConfigProblem extends Error {
  override name = "ConfigProblem";
}

export const defaultFile = "configs/playtime/config.toml";

/**
 * Environment over file over PLAYTIME_DEFAULT_… over default. `file` given: it must exist; else PLAYTIME_CONFIG, else
 * the default file when it is there. Throws ConfigProblem.
 */
export async function readConfig({
  file,
  env,
}: {
  file?: string | undefined;
  env: NodeJS.ProcessEnv;
}): Promise<Config> {
  const named = file ?? (env["PLAYTIME_CONFIG"] || undefined);
  const toml = await readToml(named ?? defaultFile, named !== undefined);
  const tables = toml ? parseFile(toml) : {};
  const source: Source = { tables, toml, env, remarks: [] };
  function section<Name extends keyof typeof settings>(name: Name): Values<(typeof settings)[Name]> {
    const values = Object.entries(settings[name]).map(([key, one]) => [key, readSetting(source, name, key, one)]);
    return Object.fromEntries(values);
  }

  const history = section("HISTORY");
  const zone = history.TIME_ZONE || machineTimeZone(env["TZ"]);
  const server = section("SERVER");
  const values = {
    SERVER: server,
    HMAC: section("HMAC"),
    POSTGRES: section("POSTGRES"),
    STEAM: section("STEAM"),
    HISTORY: { ...history, TIME_ZONE: zone ?? "UTC" },
    ADMIN: section("ADMIN"),
    METRICS: section("METRICS"),
    ALERTS: section("ALERTS"),
    BACKUP: section("BACKUP"),
    LOG: section("LOG"),
    DJANGO: section("DJANGO"),
  };
  return {
    ...values,
    databaseUrl: databaseUrl(env["DATABASE_URL"] ?? ""),
    file: toml?.file,
    remarks: [
      ...(toml ? [] : await misplacedFiles()),
      ...source.remarks,
      ...unusedInFile(tables, toml),
      ...unusedInEnvironment(env),
      ...(zone === undefined ? [unknownTimeZone] : []),
      ...literalHome(server.DATA_DIR),
    ],
  };
}

type Toml = { file: string; text: string };
type Tables = Record<string, unknown>;
type Source = { tables: Tables; toml: Toml | undefined; env: NodeJS.ProcessEnv; remarks: string[] };

/** Where config files are often put by mistake; editors for Windows add `.txt`, and hide it. */
const wrongPlaces = [
  "config.toml",
  "configs/config.toml",
  "playtime/config.toml",
  "configs/playtime/config.toml.txt",
  "configs/playtime/config.txt",
  "configs/playtime/config.toml.toml",
  "configs/playtime/config",
  "configs/playtime/configs.toml",
  "config.toml.txt",
];

async function misplacedFiles(): Promise<string[]> {
  const found = await Promise.all(
    wrongPlaces.map((file) =>
      stat(file).then(
        (one) => one.isFile(),
        () => false,
      ),
    ),
  );
  return wrongPlaces
    .filter((_, index) => found[index])
    .map((file) => `${resolve(file)} is not read. The config file must be ${resolve(defaultFile)}: move it there.`);
}

async function readToml(file: string, mustExist: boolean): Promise<Toml | undefined> {
  try {
    return { file, text: textOf(await readFile(file)) };
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" && !mustExist) return undefined;
    const unreadable = `this user may not read it. As root: chown -R ${process.getuid?.()} ${dirname(file)}`;
    const reason = code === "ENOENT" ? "it does not exist" : code === "EACCES" ? unreadable : code;
    throw new ConfigProblem(`${file}: the config file cannot be read: ${reason}.`);
  }
}

/** Editors and shells of Windows write UTF-16 too. A byte order mark is left out. */
function textOf(bytes: Buffer): string {
  const mark = bytes.toString("hex", 0, 2);
  const encoding = mark === "fffe" ? "utf-16le" : mark === "feff" ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

function parseFile({ file, text }: Toml): Tables {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first sentence: the drawing behind it would show the line, which may hold a password.
    const reason = error.message.replace(/^Invalid TOML document: /, "").split("\n")[0];
    throw new ConfigProblem(
      `${file}, line ${error.line}, column ${error.column}: this is not TOML: ${reason}. Texts stand in "quotes".`,
    );
  }
}

function readSetting(source: Source, section: string, key: string, one: Setting<unknown>): unknown {
  const { tables, toml, env } = source;
  const variable = `PLAYTIME_${section}_${key}`;
  const fromEnv = env[variable];
  // Compose files pass variables that nobody set as empty ones.
  if (fromEnv && !isOfKubernetes(variable, fromEnv)) return checked(source, one, fromEnv, variable, nameOf(variable));
  const table = tables[section];
  const isInFile = isObject(table) && Object.hasOwn(table, key);
  const value = isInFile ? checked(source, one, table[key], key, () => place(toml, section, key)) : one.default;
  // Containers bring along what the file leaves empty: the environment, as else, would beat the file.
  const standIn = `PLAYTIME_DEFAULT_${section}_${key}`;
  const supplied = env[standIn];
  if (value !== "" || !supplied) return value;
  return checked(source, one, supplied, standIn, nameOf(standIn));
}

const nameOf = (variable: string) => () => `the environment variable ${variable}`;

function checked(
  { remarks }: Source,
  one: Setting<unknown>,
  given: unknown,
  name: string,
  where: () => string,
): unknown {
  const value = one.ending && typeof given === "string" ? given.replace(endings[one.ending], "") : given;
  if (value !== given) remarks.push(`${where()}: the value ended with a blank or a line end, which was cut off.`);
  else if (one.ending && typeof given === "string" && /\s$/u.test(given))
    remarks.push(`${where()}: the value ends with a blank. If it is not meant, remove it.`);
  try {
    return one.parse(value, name);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const found = one.isSecret ? "another value (not shown, it is a secret)" : shown(value);
    throw new ConfigProblem(`${where()}: expected ${error.expected}, found ${found}.`);
  }
}

function shown(value: unknown): string {
  const json = value instanceof Date ? value.toISOString() : JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

/** Unknown names stop the start: a misspelt setting would silently do nothing. */
function unusedInFile(tables: Tables, toml: Toml | undefined): string[] {
  const remarks: string[] = [];
  for (const [section, table] of Object.entries(tables)) {
    const known: Record<string, unknown> | undefined = Object.hasOwn(settings, section)
      ? settings[section as keyof typeof settings]
      : undefined;
    if (!known)
      throw new ConfigProblem(
        `${place(toml, section)}: there is no such section; expected one of ${Object.keys(settings).join(", ")}.`,
      );
    if (!isObject(table))
      throw new ConfigProblem(`${place(toml, section)}: expected a section [${section}], found ${shown(table)}.`);
    const unused = Object.keys(table).filter((key) => !Object.hasOwn(known, key));
    if (ignoredSections.includes(section)) {
      if (unused.length > 0)
        remarks.push(`[${section}] ${unused.join(", ")}: of the Django service, without effect here.`);
      continue;
    }
    for (const key of unused.filter((key) => !ignoredKeys[section]?.includes(key)))
      throw new ConfigProblem(
        `${place(toml, section, key)}: there is no such setting; expected one of ${Object.keys(known).join(", ")}.`,
      );
  }
  return remarks;
}

function unusedInEnvironment(env: NodeJS.ProcessEnv): string[] {
  const sections = Object.entries(settings).map(([section, keys]) => [
    section,
    [...Object.keys(keys), ...(ignoredKeys[section] ?? [])],
  ]);
  const { problem, remarks } = strayVariables(env, Object.fromEntries(sections), ignoredSections);
  if (problem !== undefined) throw new ConfigProblem(problem);
  return remarks;
}

const unknownTimeZone =
  "The time zone of this machine is unknown: days begin at midnight UTC. Set [HISTORY] TIME_ZONE for another.";

/** Shells replace it before a program sees it, but not in files. */
function literalHome(dataDir: string): string[] {
  if (!/^~(?:\/|$)/.test(dataDir)) return [];
  return [
    `[SERVER] DATA_DIR = "${dataDir}" is a folder named ~ where the service starts: write the whole path instead.`,
  ];
}

/** File, line and key of a setting. */
function place(toml: Toml | undefined, section: string, key?: string): string {
  const name = key === undefined ? `[${section}]` : `[${section}] ${key}`;
  return toml ? `${toml.file}, line ${lineOf(toml.text, section, key)}, ${name}` : name;
}

/** The line that brings a setting in: the first after which the text so far holds it. Slow, and only for errors. */
function lineOf(text: string, section: string, key?: string): number {
  const lines = text.split("\n");
  const holds = (end: number) => {
    try {
      const table = parseToml(lines.slice(0, end).join("\n"))[section];
      return key === undefined ? table !== undefined : isObject(table) && Object.hasOwn(table, key);
    } catch {
      return false;
    }
  };
  return lines.findIndex((_, index) => holds(index + 1)) + 1;
}

function databaseUrl(given: string): string {
  // As files for containers and services pass it on when it was quoted there.
  const url = given.trim().replace(/^(["'])(.*)\1$/, "$2");
  if (url !== "" && !/^(psql\s+)?["']?postgres(ql)?(\+\w+)?:\/\//i.test(url))
    throw new ConfigProblem(
      "the environment variable DATABASE_URL: expected an address beginning with postgres://, found another text (not shown, it may hold a password).",
    );
  return url;
}
