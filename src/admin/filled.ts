import { mostExpectHours } from "../connections/connections.ts";
import { gameId, integer, Malformed, type Parser } from "../parse.ts";
import type { Filled } from "./connection-parts.ts";

/** No game is named: whatever the sender says. */
export const gameOrAny: Parser<number | null> = (value, place) =>
  typeof value === "string" && value.trim() === "" ? null : gameId(value, place);

const wholeHours = integer({ min: 1, max: mostExpectHours });
/** Empty: it is never late. */
export const hoursOrNever: Parser<number | null> = (value, place) =>
  typeof value === "string" && value.trim() === "" ? null : wholeHours(value, place);

/** What a person typed, and what is wrong with it; `parse` gives undefined for what is wrong. */
export function fill(
  form: URLSearchParams,
  names: string[],
): Filled & { parse: <T>(name: string, parser: Parser<T>) => T | undefined } {
  const values = Object.fromEntries(names.map((name) => [name, (form.get(name) ?? "").trim()]));
  const problems: Filled["problems"] = {};
  return {
    values,
    problems,
    parse: (name, parser) => {
      try {
        return parser(values[name], name);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        problems[name] = name === "path" || name === "game" || name === "expect" ? name : "secret";
        return undefined;
      }
    },
  };
}
