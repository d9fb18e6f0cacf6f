import { errorCode } from "./error-code.ts";

/** One event, one line: readable on a terminal, a JSON object elsewhere. Facts go into fields, never into the sentence. */
export type Log = Record<Level, (message: string, fields?: Fields) => void> & { readonly level: Level };

export const levels = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof levels)[number];

/** What a field may hold. `error` is written as its message and code; with `withStack` its stack follows. */
export type Fields = Record<string, unknown>;

/** `write` gets whole lines with their newline. `readable` chooses text for people over JSON. */
export function createLog({ level, readable, write }: LogOptions): Log {
  const line = readable ? readableLine : jsonLine;
  const at = (of: Level) =>
    levels.indexOf(of) < levels.indexOf(level)
      ? () => {}
      : (message: string, fields: Fields = {}) => write(`${line(new Date(), of, message, fields)}\n`);
  return { level, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

export type LogOptions = { level: Level; readable: boolean; write: (line: string) => void };

function jsonLine(time: Date, level: Level, message: string, fields: Fields): string {
  return JSON.stringify({ time, level, message, ...plain(fields) });
}

function readableLine(time: Date, level: Level, message: string, fields: Fields): string {
  const clock = time.toTimeString().slice(0, 8);
  const { stack, ...facts } = plain(fields);
  const words = Object.entries(facts).map(([name, value]) => `${name}=${shown(value)}`);
  const head = `${clock} ${level.toUpperCase().padEnd(5)} ${message}`;
  return [words.length > 0 ? `${head}  ${words.join(" ")}` : head, stack].filter(Boolean).join("\n");
}

// Text with a blank or a control character is quoted, so that a stranger's text cannot draw a line of its own.
function shown(value: unknown): string {
  return typeof value === "string" && /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(value) ? value : JSON.stringify(value);
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
