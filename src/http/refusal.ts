import { errorCode } from "../error-code.ts";
import { Malformed } from "../parse.ts";

/** Every "no" to a caller: its code, status, and words that a person can act on. */
const refusals = {
  "not-found": [
    404,
    "There is nothing at this address. BattleMetrics calls /set-playtime/bm/<path>/, scripts call /get-playtime/<path>/.",
  ],
  "method-not-allowed": [405, "This address does not accept this method; see the Allow header."],
  "unknown-path": [
    404,
    "No connection has this path. Compare the address with what the command `connections list` shows: BattleMetrics' addresses begin with /set-playtime/bm/, scripts' with /get-playtime/.",
  ],
  "disabled-connection": [403, "This connection is switched off. Its operator can switch it on again."],
  "body-too-large": [413, "The body is larger than 64 KiB."],
  "no-signature": [
    401,
    "The X-Signature header is missing, or is not the kind of signature that this address expects.",
  ],
  "bad-signature": [401, "The signature does not match the body and the secret. Compare the secret on both sides."],
  "no-secret": [401, "This connection has no secret yet. Its operator must set one."],
  "bad-timestamp": [401, "The signed time is not an ISO 8601 time with a zone, such as 2026-01-02T03:04:05.678Z."],
  "stale-timestamp": [401, "The signed time is too far from the server's clock."],
  "bad-token": [401, "The Authorization header does not hold `Bearer` and the token of [METRICS] TOKEN."],
  malformed: [400, "The body is not what this address expects."],
  overloaded: [503, "Too many requests are waiting. Try again in a moment."],
  "database-away": [503, "The database does not answer. Try again in a moment."],
  internal: [500, "Something went wrong in the service; its log says what."],
} as const satisfies Record<string, readonly [status: number, detail: string]>;

export type RefusalCode = keyof typeof refusals;
export const refusalCodes = Object.keys(refusals) as RefusalCode[];

/**
 * Thrown to refuse a request; `http/server.ts` answers it. `detail` replaces the table's words, and must hold no secret. `kept`:
 * the words for log and panel, where they differ.
 */
export class Refusal extends Error {
  override name = "Refusal";
  readonly code: RefusalCode;
  readonly status: number;
  readonly headers: Record<string, string>;
  /** The words for the caller; `message` is for log and panel. */
  readonly detail: string;

  constructor(code: RefusalCode, { detail, kept, headers = {} }: RefusalOptions = {}) {
    const [status, words] = refusals[code];
    super(kept ?? detail ?? words);
    this.detail = detail ?? words;
    this.code = code;
    this.status = status;
    this.headers = status === 503 ? { "retry-after": "2", ...headers } : headers;
  }
}

type RefusalOptions = { detail?: string; kept?: string; headers?: Record<string, string> };

/** The answer to a request that ends in this error. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof Malformed)
    return new Refusal("malformed", { detail: `${error.message}${error.excerpt}.`, kept: `${error.message}.` });
  if (brokenText.includes(errorCode(error)))
    return new Refusal("malformed", { detail: "The text holds a character that cannot be stored, such as NUL." });
  return new Refusal("internal");
}

/** Postgres' codes for text that it cannot store: character_not_in_repertoire, untranslatable_character. */
const brokenText = ["22021", "22P05"];
