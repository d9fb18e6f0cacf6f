/** A value of unknown shape becomes a T, or `Malformed` names the place and what was expected there. */
export type Parser<T> = (value: unknown, place: string) => T;

/**
 * The wrong shape somewhere. The message never holds the value: it may be a secret. `excerpt` ends the sentence for whoever sent it, and is
 * kept nowhere.
 */
export class Malformed extends Error {
  override name = "Malformed";
  readonly place: string;
  readonly expected: string;
  readonly excerpt: string;

  constructor(place: string, expected: string, excerpt = "") {
    super(`${place} must be ${expected}`);
    this.place = place;
    this.expected = expected;
    this.excerpt = excerpt;
  }
}

declare const brand: unique symbol;

/** A SteamID64 in decimal. Text, because 17 digits do not fit a JavaScript number: JSON.parse would round them. */
export type SteamId = string & { readonly [brand]: "SteamId" };

/** 16 to 18 digits beginning with 76 (16 and 18 as the original service took them), blanks around are trimmed. */
export const steamId: Parser<SteamId> = (value, place) => {
  const digits = typeof value === "string" ? value.trim() : "";
  if (!isSteamId(digits)) throw new Malformed(place, "a SteamID64: 16 to 18 digits that begin with 76");
  return digits;
};

export const isSteamId = (value: unknown): value is SteamId =>
  typeof value === "string" && /^76[0-9]{14,16}$/.test(value);

export const largestInteger = 2 ** 31 - 1;

/** A whole number, as a number or as text in ASCII digits; `7200.0` is whole too. */
export function integer({ min, max }: { min: number; max: number }): Parser<number> {
  return (value, place) => {
    const number = typeof value === "string" && /^[0-9]+(?:\.0*)?$/.test(value.trim()) ? Number(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number) || !(number >= min && number <= max))
      throw new Malformed(place, `a whole number from ${min} to ${max}`);
    return number;
  };
}

/** Steam's appid, such as 393380 for Squad. */
export const gameId = integer({ min: 0, max: largestInteger });
export const seconds = integer({ min: 0, max: largestInteger });

const booleans = new Map<unknown, boolean>([
  ...[true, "true", 1, "1"].map((yes) => [yes, true] as const),
  ...[false, "false", 0, "0"].map((no) => [no, false] as const),
]);

/** true or false, also as text in any case or as 1 and 0. */
export const boolean: Parser<boolean> = (value, place) => {
  const found = booleans.get(typeof value === "string" ? value.trim().toLowerCase() : value);
  if (found === undefined) throw new Malformed(place, "true or false");
  return found;
};

export const text: Parser<string> = (value, place) => {
  if (typeof value !== "string") throw new Malformed(place, "text");
  return value;
};

/** An ISO 8601 time in UTC, as text with all its digits. */
export const instant: Parser<string> = (value, place) => {
  const [, start = "", day = ""] = (typeof value === "string" && isoUtc.exec(value)) || [];
  // Only the last days of a month need a calendar.
  if (start === "" || (day > "28" && !new Date(`${start}Z`).toISOString().startsWith(start)))
    throw new Malformed(place, "an ISO 8601 time in UTC, such as 2026-01-02T03:04:05.678Z");
  return `${value}`;
};

const isoUtc =
  /^([1-9][0-9]{3}-(?:0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.[0-9]{1,6})?(?:Z|\+00:00)$/;

export function oneOf<const T extends string>(choices: readonly T[]): Parser<T> {
  return (value, place) => {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Malformed(place, `one of ${choices.join(", ")}`);
    return found;
  };
}

/** The fallback stands for an absent field and for null. */
export function optional<T>(parser: Parser<T>, fallback: T): Parser<T> {
  return (value, place) => (value === undefined || value === null ? fallback : parser(value, place));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields of an object, whichever they are. */
export const object: Parser<Record<string, unknown>> = (value, place) => {
  if (!isObject(value)) throw new Malformed(place, "a JSON object");
  return value;
};
