import { html } from "../html.ts";
import type { Answer } from "../http/call.ts";
import type { RefusalCode } from "../http/refusal.ts";
import { page } from "./page.ts";
import type { Reader } from "./reader.ts";

export type ShownProblem = {
  status: number;
  code: RefusalCode | "cross-site";
  headers: Record<string, string>;
  /** For who was signed in, as far as the browser says. */
  hasMenu: boolean;
  /** The page before this one. */
  back: string;
};

/** Answers a request that was refused or failed. */
export function problemPage(reader: Reader, { status, code, headers, hasMenu, back }: ShownProblem): Answer {
  const { errors, common, nav } = reader.texts;
  const words = Object.hasOwn(errors, code) ? errors[code as keyof typeof errors] : errors.malformed;
  const ways = back === "/admin/" ? [] : [html`<a class="button" href="${back}">${common.back}</a>`];
  const body = html`<h1>${errors.title}</h1><p>${words}</p><p class="row">${ways}<a class="button" href="/admin/">${nav.overview}</a></p>`;
  const part = hasMenu ? ({ part: "none" } as const) : {};
  const answer = page(reader, { title: errors.title, ...part, body, status });
  return { ...answer, headers: { ...answer.headers, ...headers } };
}
