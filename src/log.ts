import { errorCode } from "./error-code.ts";

import { visible } from "./visible.ts";

/** One event, one line: readable on a terminal, a JSON object elsewhere. Facts go into fields, never into the sentence. */
export type Log = Record<Level, (message: string, fields?: Fields) => void> & { readonly level: Level };

export const levels = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof levels)[number];

/** What a field may hold. `error` is written as its message and code; with `withStack` its stack follows. */
export type Fields = Record<string, unknown>;

/** `write` gets whole lines with their newline. `readable` chooses text for people over JSON. */
export function createLog({ level, readable, write }: LogOptions): Log {
  const at = (of: Level) =>
    levels.indexOf(of) < levels.indexOf(level)
      ? () => {}
      : (message: string, fields: Fields = {}) => write(logLine({ readable }, of, message, fields));
  return { level, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export type LogOptions = { level: Level; readable: boolean; write: (line: string) => void };

/** A line of the log with its newline. Nothing in it can hide, or draw a line of its own. */
export function logLine({ readable }: { readable: boolean }, level: Level, message: string, fields: Fields): string {
  const line = readable ? readableLine : jsonLine;
  return `${line(new Date(), level, message, fields)}\n`;
}

function jsonLine(time: Date, level: Level, message: string, fields: Fields): string {
  return visible(json({ time, level, message, ...plain(fields) }));
}

function readableLine(time: Date, level: Level, message: string, fields: Fields): string {
  const clock = time.toTimeString().slice(0, 8);
  const { stack, ...facts } = plain(fields);
  const words = Object.entries(facts).map(([name, value]) => `${name}=${shown(value)}`);
  const head = `${clock} ${level.toUpperCase().padEnd(5)} ${message}`;
  const lines = typeof stack === "string" ? stack.split("\n").map((line) => `    ${line.trim()}`) : [];
  return [words.length > 0 ? `${head}  ${words.join(" ")}` : head, ...lines].map(visible).join("\n");
}

/** Text with a blank is quoted, so that it cannot pass for further fields. */
function shown(value: unknown): string {
  return typeof value === "string" && /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(value) ? value : json(value);
}

/** A value that JSON does not have must not end whoever logs it. */
function json(value: unknown): string {
  const seen = new Set<unknown>();
  return JSON.stringify(value, (_name, part: unknown) => {
    if (typeof part === "bigint") return String(part);
    if (typeof part !== "object" || part === null) return part;
    if (seen.has(part)) return "(again)";
    seen.add(part);
    return part;
  });
}

function plain(fields: Fields): Fields {
  const { error, withStack, ...rest } = fields;
  if (!(error instanceof Error)) return fields;
  const code = errorCode(error);
  return {
    ...rest,
    error: error.message || error.name,
    ...(code === "" ? {} : { errorCode: code }),
    ...(withStack ? { stack: error.stack } : {}),
  };
}
