import type { Connection } from "../connections/connections.ts";
import { type Html, html } from "../html.ts";
import type { Standing } from "../watch/health.ts";
import { type Field, field } from "./form-field.ts";
import { ago, type Reader } from "./reader.ts";
import { adviceOn, stateWords } from "./state-words.ts";
import type { Texts } from "./texts/en.ts";

/** A form that was sent, as it was typed, and by field what is wrong. */
export type Filled = {
  values: Record<string, string>;
  problems: Record<string, keyof Texts["connections"]["problems"]>;
};

type Named = Pick<Connection, "kind" | "path">;

export const connectionsPage = "/admin/connections/";
/** Where the panel shows a connection. */
export const pageOf = ({ kind, path }: Named) => `/admin/connections/${kind}/${encodeURIComponent(path)}/`;
/** Where it shows what to paste at its sender. */
export const setUpOf = ({ kind, path }: Named) => `/admin/connections/${kind}/set-up/${encodeURIComponent(path)}/`;
export const settingsOf = ({ kind, path }: Named) => `/admin/connections/${kind}/settings/${encodeURIComponent(path)}/`;

/** What was just done, when the page's address says so. */
export function doneText({ texts }: Reader, query: URLSearchParams): string | undefined {
  const done = query.get("done") ?? "";
  const said: Record<string, string> = { ...texts.connections.done, ...texts.health.done };
  return Object.hasOwn(said, done) ? said[done] : undefined;
}

/** On top of its three pages: what it is, its switch, and the way to the others. */
export function connectionHead(reader: Reader, standing: Standing, here: "log" | "setUp" | "settings"): Html {
  const { connections: words, kinds } = reader.texts;
  const { connection } = standing;
  const tabs = [
    ["log", pageOf(connection), words.now],
    ["setUp", setUpOf(connection), words.setUpTab],
    ["settings", settingsOf(connection), words.settingsTab],
  ] as const;
  return html`<div class="head"><div><p class="above">${kinds[connection.kind]}</p><h1><bdi>${connection.path}</bdi></h1></div>${switchForm(reader, connection, false)}</div>
<nav class="tabs" aria-label="${words.pages}">${tabs.map(([name, path, text]) => html`<a href="${path}"${name === here && html` aria-current="page"`}>${text}</a>`)}</nav>`;
}

/** Switches it on or off, and pauses it. */
export function switchForm({ texts }: Reader, connection: Connection, isInList: boolean): Html {
  const { connections: words, health } = texts;
  const { enabled, isPaused, kind, path } = connection;
  // Before it is switched off, another page asks.
  if (enabled && isInList)
    return html`<a class="button small" href="${pageOf(connection)}?confirm=disable&from=list" aria-label="${words.switchOff}: ${path}">${words.switchOff}</a>`;
  return html`<form method="post" action="${pageOf(connection)}" class="row">
${isInList && html`<input type="hidden" name="from" value="list">`}
${!isInList && kind === "battlemetrics" && html`<button class="small" name="action" value="${isPaused ? "resume" : "pause"}">${isPaused ? health.resume : health.pause}</button>`}
${
  enabled
    ? html`<a class="button small" href="${pageOf(connection)}?confirm=disable">${words.switchOff}</a>`
    : html`<button class="small" name="action" value="enable" aria-label="${words.switchOn}: ${path}">${words.switchOn}</button>`
}</form>`;
}

/** A shape and a colour beside the words. */
export function stateMark({ texts }: Reader, standing: Standing): Html {
  return html`<span class="state ${standing.state}">${stateWords(texts, standing)}</span>`;
}

/** How it stands, and what to do. */
export function standingCard(reader: Reader, standing: Standing): Html {
  const { connections: words, health } = reader.texts;
  const { summary } = standing;
  const advice = adviceOn(reader.texts, standing, reader.now);
  return html`<section class="card standing" data-live="state" aria-label="${words.state}"><p class="now">${stateMark(reader, standing)}</p>
${advice !== "" && html`<p>${advice}</p>`}
<p class="hint">${words.lastAccepted}: ${ago(reader, summary?.acceptedAt ?? null)}. ${summary?.refusedAt != null && html`${health.lastRefused}: ${ago(reader, summary.refusedAt)}.`}</p></section>`;
}

type OwnField = Pick<Field, "name" | "label" | "value" | "attributes"> & {
  hint?: string;
  filled: Filled | undefined;
};

/** A field of a connection's form. */
export function connectionField(reader: Reader, { filled, ...one }: OwnField): Html {
  const problem = filled?.problems[one.name];
  return field({ ...one, problem: problem && reader.texts.connections.problems[problem] });
}

type Filling = Pick<OwnField, "hint" | "value" | "filled">;

export const pathField = (reader: Reader, filling: Filling) =>
  connectionField(reader, {
    ...filling,
    name: "path",
    label: reader.texts.connections.path,
    attributes: html` required maxlength="255" autocapitalize="none" spellcheck="false"`,
  });

export const gameField = (reader: Reader, filling: Filling) =>
  connectionField(reader, {
    ...filling,
    name: "game",
    label: reader.texts.connections.game,
    attributes: html` inputmode="numeric"`,
  });
