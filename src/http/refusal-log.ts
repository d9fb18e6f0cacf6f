import type { Fields, Level, Log } from "../log.ts";
import { quietLog } from "../quiet-log.ts";

/** A stranger must not be able to fill the log: all further equal refusals of a minute are one line together. */
export function refusalLog(log: Log): SayRefusal {
  const say = quietLog(log);
  // Only words that we know, none from strangers, so there are few keys: a kind of refusal at a connection.
  return (level, message, fields) =>
    say(level, message, fields, { code: fields["code"], connection: fields["connection"] });
}

export type SayRefusal = (level: Level, message: string, fields: Fields) => void;
