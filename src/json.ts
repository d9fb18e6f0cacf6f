import { isUtf8 } from "node:buffer";
import { jsonProblem } from "./json-problem.ts";
import { Malformed } from "./parse.ts";
import { compressionOf } from "./signature-words.ts";

/**
 * JSON.parse that skips a byte order mark and keeps every digit: a whole number of 16 or more digits comes back as text, because
 * JSON.parse would round 15 of 16 SteamID64s. Throws Malformed for anything but JSON in UTF-8, with the place that is wrong.
 */
export function parseJson(body: Buffer, encoding?: string | string[]): unknown {
  if (!isUtf8(body)) throw new Malformed("the body", expectedOf(body, encoding));
  const text = body.toString("utf8").replace(/^\ufeff/, "");
  try {
    return JSON.parse(longNumber.test(text) ? quoteLongNumbers(text) : text);
  } catch {
    const { place, excerpt } = jsonProblem(text);
    throw new Malformed("the body", `JSON, but ${place}`, excerpt);
  }
}

function expectedOf(body: Buffer, encoding: string | string[] | undefined): string {
  const compression = compressionOf(body, encoding);
  if (compression !== undefined) return `JSON that is not compressed; these bytes are ${compression}`;
  return body[0] === 0xff || body[0] === 0xfe ? "JSON in UTF-8; these bytes are UTF-16" : "JSON in UTF-8";
}

// Cheap and linear: does a long number stand where a value may begin? It may be inside a string; the walk below knows.
const longNumber = /(?:^|[:,[])\s*-?[1-9][0-9]{15}/;

/** A string, or a number with the colon that would make it a key; each character is read once. */
const token = /"[^"\\]*(?:\\.[^"\\]*)*"?|[-+.0-9eE]+\s*:?/gs;

/** Only a whole number is quoted, never a key or a part of something else, so that what was not JSON does not become JSON. */
function quoteLongNumbers(text: string): string {
  return text.replace(token, (found) => found.replace(/^-?[1-9][0-9]{15,}(?=\s*$)/, '"$&"'));
}
