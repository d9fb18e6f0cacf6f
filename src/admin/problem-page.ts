import { html } from "../html.ts";
import type { Answer } from "../http/call.ts";
import type { RefusalCode } from "../http/refusal.ts";
import { page } from "./page.ts";
import type { Reader } from "./reader.ts";

/** Answers a request that was refused or failed. */
export function problemPage(
  reader: Reader,
  status: number,
  code: RefusalCode | "cross-site",
  headers: Record<string, string> = {},
): Answer {
  const { errors, common } = reader.texts;
  const words = Object.hasOwn(errors, code) ? errors[code as keyof typeof errors] : errors.malformed;
  const body = html`<h1>${errors.title}</h1><p>${words}</p><p><a href="/admin/">${common.back}</a></p>`;
  const answer = page(reader, { title: errors.title, body, status });
  return { ...answer, headers: { ...answer.headers, ...headers } };
}
