import type { Fields, Level, Log } from "./log.ts";

const usualQuietMs = 60_000;
/** More kinds than that within a minute count as one. */
const mostKinds = 100;

/**
 * A log that nobody can fill. The first of equal events is logged at once; those that follow within a minute are counted,
 * and logged as one line at its end (one by one only at the level debug). `kind` tells which are equal; it is all that the
 * last line tells of them.
 */
export function quietLog(log: Log, quietMs = usualQuietMs): QuietLog {
  const counts = new Map<string, number>();

  return (level, message, fields, kind) => {
    const known = `${message} ${JSON.stringify(kind)}`;
    const isOther = counts.size >= mostKinds && !counts.has(known);
    const key = isOther ? "others" : known;
    const count = counts.get(key);
    if (count !== undefined) {
      counts.set(key, count + 1);
      log.debug(message, fields);
      return;
    }
    counts.set(key, 0);
    log[level](message, fields);
    setTimeout(() => {
      const times = counts.get(key) ?? 0;
      counts.delete(key);
      const seconds = Math.round(quietMs / 1_000);
      if (times > 0) log[level](`${message}, again and again`, { ...(isOther ? {} : kind), times, seconds });
    }, quietMs).unref();
  };
}

/** Lines that differ only in numbers and quoted names are of one kind. */
export const kindOf = (line: string) => line.replace(/"[^"]*"/g, '"…"').replace(/\d+/g, "…");

export type QuietLog = (level: Level, message: string, fields: Fields, kind: Fields) => void;
