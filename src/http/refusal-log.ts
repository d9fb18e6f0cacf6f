import type { Fields, Level, Log } from "../log.ts";
import { quietLog } from "../quiet-log.ts";

/** A stranger must not be able to fill the log: equal refusals within a minute are one line more. */
export function refusalLog(log: Log): SayRefusal {
  const say = quietLog(log);
  // Of what we know ourselves, so that there are few: a kind of refusal at a connection.
  return (level, message, fields) =>
    say(level, message, fields, { code: fields["code"], connection: fields["connection"] });
}

export type SayRefusal = (level: Level, message: string, fields: Fields) => void;
