import type { Fields, Level, Log } from "../log.ts";

const quietMs = 60_000;

/**
 * A stranger must not be able to fill the log. The first of equal refusals is said at once; those that follow within a
 * minute are counted, and said as one line at its end (one by one only at the level debug).
 */
export function refusalLog(log: Log): SayRefusal {
  const counts = new Map<string, number>();

  return (level, message, fields) => {
    // Of what we know ourselves, so that there are few: a kind of refusal at a connection.
    const { code, connection } = fields;
    const key = `${code} ${connection}`;
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
      if (times > 0) log[level](`${message}, again and again`, { code, connection, times, seconds: quietMs / 1_000 });
    }, quietMs).unref();
  };
}

export type SayRefusal = (level: Level, message: string, fields: Fields) => void;
