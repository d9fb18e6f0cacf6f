import { type Html, html } from "../html.ts";
import type { Reader } from "./reader.ts";

export type Confirmation = {
  above?: string;
  title: Html;
  words: string;
  /** The page of what is deleted: it asks at `?confirm=delete`, receives the form, and "cancel" leads back to it. */
  page: string;
  /** What is confirmed, where nothing is deleted. */
  action?: { value: string; text: string };
  /** Where it was asked for, if not on `page`: "cancel" leads there, and the form names it. */
  from?: { name: string; page: string };
  /** Another way, offered beside it. */
  instead?: { value: string; text: string };
};

/** Asks before something is lost for good. */
export function confirmation(
  { texts }: Reader,
  { above, title, words, page, action, from, instead }: Confirmation,
): Html {
  const { common } = texts;
  return html`<div class="narrow wide card">${above !== undefined && html`<p class="above">${above}</p>`}<h1>${title}</h1><p>${words}</p>
<form method="post" action="${page}" class="row">${from && html`<input type="hidden" name="from" value="${from.name}">`}<button class="danger" name="action" value="${action?.value ?? "delete"}">${action?.text ?? common.delete}</button>${instead && html`<button name="action" value="${instead.value}">${instead.text}</button>`}<a class="button" href="${from?.page ?? page}">${common.cancel}</a></form></div>`;
}
