import { createHash } from "node:crypto";

/*
 * What is wrong with a signature, in words for whoever writes the sender. They tell of what was sent: never of what would be right, nor of
 * the secret, so that they help no stranger; and never the header itself, which may hold a secret by mistake.
 */

type Kind = "battlemetrics" | "script";
type Headers = Readonly<Record<string, string | string[] | undefined>>;

const expected: Record<Kind, string> = {
  battlemetrics: "BattleMetrics sends X-Signature: t=<time>,s=<64 hex digits>.",
  script: "Send X-Signature: <64 hex digits>, the HMAC-SHA256 of the body with the secret.",
};

/** Why a header is no signature of the kind that an address expects. */
export function headerWords(kind: Kind, headers: Headers): string {
  const header = headers["x-signature"];
  const value = (Array.isArray(header) ? header.join() : header)?.trim();
  if (value === undefined) return `${missingWords(headers)} ${expected[kind]}`;
  return kind === "script" ? scriptWords(value) : deliveryWords(value);
}

function missingWords(headers: Headers): string {
  const other = Object.keys(headers).find((name) => name !== "x-signature" && /signature|hmac/.test(name));
  if (other !== undefined)
    return `The X-Signature header is missing. ${titled(other)} is a header of another service and is not read here.`;
  if (headers["authorization"] !== undefined)
    return "The X-Signature header is missing. The Authorization header is not read here: the body is signed, no token is sent.";
  const key = Object.keys(headers).find((name) => /api-?key|token|secret/.test(name));
  if (key !== undefined)
    return `The X-Signature header is missing. ${titled(key)} is not read here: the secret signs the body and is never sent.`;
  return "The X-Signature header is missing.";
}

/** x-hub-signature-256 → X-Hub-Signature-256; a stranger's text, cut short. */
const titled = (name: string) => name.slice(0, 40).replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

function scriptWords(value: string): string {
  if (/(?:^|,)\s*[ts]\s*=/.test(value))
    return (
      "X-Signature has the form of BattleMetrics, t=<time>,s=<hex>. Deliveries go to /set-playtime/bm/<path>/. " +
      "A script signs the body alone and sends only the 64 hex digits."
    );
  return `X-Signature ${hexWords(value)} ${expected.script}`;
}

function deliveryWords(value: string): string {
  if (/^(?:sha256=)?[0-9a-f]{64}$/i.test(value))
    return `X-Signature has the form of a script, only hex digits. Queries of scripts go to /get-playtime/<path>/. ${expected.battlemetrics}`;
  const names = value.split(",").map((part) => part.split("=")[0]?.trim());
  const times = names.filter((name) => name === "t").length;
  const missing = [times === 0 && "t=", !names.includes("s") && "s="].filter((name) => name !== false);
  if (missing.length === 2) return `X-Signature ${hexWords(value)} ${expected.battlemetrics}`;
  if (missing.length > 0) return `X-Signature has no part ${missing[0]}. ${expected.battlemetrics}`;
  return `X-Signature has ${times > 1 ? "more than one part t=" : "an empty part t="}. ${expected.battlemetrics}`;
}

/** Why a text is no HMAC-SHA256 in hex, as the end of a sentence about it. */
export function hexWords(value: string): string {
  const found = mistakes.find(([pattern]) => pattern.test(value));
  return found ? found[1] : `has ${value.length} characters that are not 64 hex digits.`;
}

const hex = (digits: number) => new RegExp(`^[0-9a-f]{${digits}}$`, "i");

const mistakes: [pattern: RegExp, words: string][] = [
  [/^$/, "is empty."],
  [/^(?:undefined|null|none|nan|\[object .*|\$\w.*|\$?\{.*|<.*>)$/i, "holds a placeholder instead of a signature."],
  [
    /\(stdin\)=|^(?:hmac-)?sha\S*\(.*\)=|=\s+[0-9a-f]+$|^[0-9a-f]{64}\s+[*-]/i,
    "is a whole line of openssl or sha256sum. Send only its hex digits: add `| sed 's/^.* //'` behind openssl.",
  ],
  [/^["'`‘’“”].*["'`‘’“”]$/, "has quotation marks around it. Leave them out."],
  [/^0x/i, "begins with 0x. Leave it out."],
  [/^bearer\s/i, "begins with Bearer. No token is sent here."],
  [/^sha-?1\s*=/i, "is a SHA-1 (sha1=). Use SHA-256."],
  [/^sha-?512\s*=/i, "is a SHA-512 (sha512=). Use SHA-256."],
  [/^[a-z][\w-]{0,15}\s*[=:]/i, "begins with a name and a sign. Send only the hex digits."],
  [hex(32), "has 32 hex digits: that is an MD5. Use SHA-256."],
  [hex(40), "has 40 hex digits: that is a SHA-1. Use SHA-256."],
  [hex(56), "has 56 hex digits: that is a SHA-224. Use SHA-256."],
  [hex(96), "has 96 hex digits: that is a SHA-384. Use SHA-256."],
  [hex(128), "has 128 hex digits: that is a SHA-512. Use SHA-256."],
  [/^[0-9a-f]{64}(?:,\s*[0-9a-f]{64})+$/i, "came more than once. Send one."],
  [/^(?:[0-9a-f]{2}[:\s-]){31}[0-9a-f]{2}$/i, "has marks between its bytes. Leave them out."],
  [/^[0-9a-f]+$/i, "has hex digits, but not 64 of them: a part is missing, or there is too much."],
  [/^[\w+/-]{43}=?$/, "looks like base64. Write the same bytes as 64 hex digits."],
  [
    /^(?:[\w+/-]{27}|[\w+/-]{22}=|[\w+/-]{86}=)=?$/,
    "looks like base64, and not of a SHA-256. Send a SHA-256 as 64 hex digits.",
  ],
];

/** Beside the words of "bad-signature": what came, so that it can be compared with what was signed. */
export function bodyWords(kind: Kind, { body, headers }: Sent, signatures: readonly string[]): string {
  const [first = ""] = signatures;
  const isHex = signatures.some((one) => hex(64).test(one));
  const compression = compressionOf(body, headers["content-encoding"]);
  const begins = createHash("sha256").update(body).digest("hex").slice(0, 8);
  return [
    "The signature does not match the body and the secret. Compare the secret on both sides.",
    ...(isHex ? [] : [`The part s= ${hexWords(first)}`]),
    kind === "script"
      ? "Sign exactly the bytes that are sent, and nothing else."
      : "What is signed is the time, a dot and the bytes that are sent.",
    body.length === 0 ? "No body came." : `${body.length} bytes came; their SHA-256 begins with ${begins}.`,
    ...(body.at(-1) === 0x0a ? ["The last one is a line break."] : []),
    ...(compression ? [`They are compressed (${compression}): send them uncompressed.`] : []),
  ].join(" ");
}

type Sent = { body: Buffer; headers: Headers };

/** How a body is compressed, by the bytes with which gzip begins or by what its sender says; undefined: it is not. */
export function compressionOf(body: Buffer, encoding: string | string[] | undefined): string | undefined {
  if (body[0] === 0x1f && body[1] === 0x8b) return "gzip";
  return ["gzip", "deflate", "br", "zstd", "compress"].find((name) => `${encoding}`.toLowerCase().includes(name));
}
