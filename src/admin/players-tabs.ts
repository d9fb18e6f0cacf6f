import { type Html, html } from "../html.ts";
import type { Reader } from "./reader.ts";

const paths = { list: "/admin/players/", top: "/admin/top/", activity: "/admin/activity/" } as const;

/** The pages about many players, on top of each of them. */
export function playersTabs({ texts }: Reader, current: keyof typeof paths): Html {
  const words = { list: texts.players.everybody, top: texts.top.title, activity: texts.activity.title };
  return html`<nav class="tabs" aria-label="${texts.nav.players}">${(["list", "top", "activity"] as const).map(
    (one) => html`<a href="${paths[one]}"${one === current && html` aria-current="page"`}>${words[one]}</a>`,
  )}</nav>`;
}
