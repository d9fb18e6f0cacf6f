import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** HMAC-SHA256; the key is the secret's UTF-8 text. Some of the message may be bytes that came over the wire. */
export function sign(secret: string, ...message: (string | Buffer)[]): Buffer {
  const hmac = createHmac("sha256", secret);
  for (const part of message) hmac.update(part);
  return hmac.digest();
}

/** Whether any of the signatures (hex, in either case) is the right one; compared in constant time. */
export function anyMatches(signatures: readonly string[], right: Buffer): boolean {
  return signatures.some((hex) => sha256Hex.test(hex) && timingSafeEqual(Buffer.from(hex, "hex"), right));
}

const sha256Hex = /^[0-9a-f]{64}$/i;

/** Compared in constant time, whatever their lengths. */
export function isSameText(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

const sha256 = (text: string) => createHash("sha256").update(text).digest();

/** A script's header: the bare hex, or `sha256=<hex>` as other services write it. Undefined when it is something else. */
export function parseScriptSignature(header: string): string | undefined {
  const hex = header.trim().replace(/^sha256=/i, "");
  return sha256Hex.test(hex) ? hex : undefined;
}

/**
 * A BattleMetrics header `t=<time>,s=<hex>`: parts in any order, unknown ones ignored, several `s` allowed.
 * Undefined without exactly one `t` and at least one `s`. https://learn.battlemetrics.com (article 48)
 */
export function parseDeliverySignature(header: string): { timestamp: string; signatures: string[] } | undefined {
  const timestamps: string[] = [];
  const signatures: string[] = [];
  for (const part of header.split(",")) {
    const end = part.indexOf("=");
    const name = (end < 0 ? part : part.slice(0, end)).trim();
    const values = name === "t" ? timestamps : name === "s" ? signatures : undefined;
    values?.push(end < 0 ? "" : part.slice(end + 1).trim());
  }
  const [timestamp, ...more] = timestamps;
  return timestamp && more.length === 0 && signatures.length > 0 ? { timestamp, signatures } : undefined;
}

const isoTime = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|([+-](?:[01]\d|2[0-3]))(?::?([0-5]\d))?)$/;

/** Milliseconds since 1970 of an ISO 8601 time with seconds and a zone (`Z`, `+03:00`, `+0300`, `+03`); NaN for any other text. */
export function parseTimestamp(text: string): number {
  const [, time, hours, minutes = "00"] = isoTime.exec(text) ?? [];
  if (time === undefined) return Number.NaN;
  return Date.parse(time + (hours === undefined ? "Z" : `${hours}:${minutes}`));
}
