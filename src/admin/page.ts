import { type Html, html } from "../html.ts";
import type { Answer, Call } from "../http/call.ts";
import { version } from "../version.ts";
import { assets } from "./assets.ts";
import type { Reader } from "./reader.ts";
import { languages, texts } from "./texts/texts.ts";

/** A request for a page, after the checks that every page shares. */
export type Request = {
  call: Call;
  reader: Reader;
  /** The query string without its `?`. */
  query: URLSearchParams;
  /** Scheme and host as the browser knows them; a stranger's text. */
  origin: string;
  /** The person's address; behind a trusted proxy, the one that the proxy names. */
  address: string;
  /** Tells the log what this person changed, in a few words and without a secret; `subject`: of what. */
  changed: (what: string, subject?: string) => Promise<void>;
};

export type PageHandler = (request: Request) => Answer | Promise<Answer>;

/** The fields of the form; throws the Refusal "body-too-large" over 64 KiB. */
export async function formOf({ call }: Request): Promise<URLSearchParams> {
  return new URLSearchParams((await call.body()).toString("utf8"));
}

/** What a browser may do with our pages: nothing but our own style, script and forms. */
const policy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

const headers = {
  "cache-control": "no-store",
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  // Without a referrer browsers send `Origin: null`. The page says the same in a meta tag, which beats what a proxy adds here.
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export type Page = {
  title: string;
  /** The part of the panel that it belongs to; undefined when nobody is signed in, and there is no menu. */
  part?: "none" | "overview" | "connections" | "players" | "alerts" | "settings";
  /** How much on it needs the operator; the browser's tab shows it. */
  warnings?: number;
  /** The message on top: what was just done, or why it was not. */
  notice?: { kind: "done" | "problem"; text: string } | undefined;
  body: Html;
  status?: number;
};

/** A whole page. */
export function page(reader: Reader, { title, part, warnings = 0, notice, body, status = 200 }: Page): Answer {
  const { nav, common, signIn, health } = reader.texts;
  const entry = (name: typeof part, path: string, text: string) =>
    html`<a href="${path}"${name === part ? html` aria-current="page"` : undefined}>${text}</a>`;
  const document = html`<!doctype html>
<html lang="${reader.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="referrer" content="same-origin">
<title>${warnings > 0 && `(${warnings}) `}${title} · Playtime-Service</title>
<link rel="icon" href="${assets.icon.path}">
<link rel="stylesheet" href="${assets.style.path}">
<script src="${assets.script.path}" defer></script>
</head>
<body data-copy="${common.copy}" data-copied="${common.copied}"${part && html` data-no-answer="${health.noAnswer}" data-signed-out="${health.signedOut}" data-sign-in="${signIn.submit}"`}>
<a class="skip" href="#content">${common.skip}</a>
<header class="top"><div class="width">
<a class="brand" href="/admin/"><img src="${assets.icon.path}" alt="" width="24" height="24">Playtime-Service</a>
${
  part &&
  html`<nav aria-label="${nav.main}">
${entry("overview", "/admin/", nav.overview)}
${entry("connections", "/admin/connections/", nav.connections)}
${entry("players", "/admin/players/", nav.players)}
${entry("alerts", "/admin/alerts/", nav.alerts)}
${entry("settings", "/admin/settings/", nav.settings)}
</nav>`
}
<div class="corner">
<form method="post" action="/admin/language/" class="languages" aria-label="${nav.language}">
${languages.map((language) => html`<button name="language" value="${language}" lang="${language}" title="${texts[language].name}"${language === reader.language ? html` aria-pressed="true"` : html` aria-pressed="false"`}>${language.toUpperCase()}</button>`)}
</form>
${part && html`<form method="post" action="/admin/sign-out/"><button class="plain">${signIn.signOut}</button></form>`}
</div>
</div></header>
<main id="content" class="width">
${notice && html`<p class="notice ${notice.kind}" role="${notice.kind === "done" ? "status" : "alert"}">${notice.text}</p>`}
${body}
</main>
<footer class="width">Playtime-Service ${version}</footer>
</body>
</html>
`;
  return {
    status,
    headers: { ...headers, "content-type": "text/html; charset=utf-8" },
    body: document.toString(),
  };
}

/** The answer to a form: the browser loads the page at `path`, so that a reload sends nothing twice. */
export function seeOther(path: string, cookies: string[] = []): Answer {
  return { status: 303, headers: { ...headers, location: path }, cookies, body: "" };
}

/** A file to keep, of any size. */
export function download(name: string, type: string, stream: NonNullable<Answer["stream"]>): Answer {
  return {
    status: 200,
    headers: { ...headers, "content-type": type, "content-disposition": `attachment; filename="${name}"` },
    stream,
  };
}
