import { passwordCharacters } from "../config.ts";
import { type Html, html } from "../html.ts";
import { program } from "../program.ts";
import type { Reader } from "./reader.ts";

/** The password form; `isReadable`: it travels over plain HTTP, so others on the network can read it. */
export function signInPage(reader: Reader, { next, isReadable }: { next: string; isReadable: boolean }): Html {
  const words = reader.texts.signIn;
  return html`<div class="narrow card"><h1>${words.title}</h1>
<form method="post" action="/admin/sign-in/?${new URLSearchParams({ next }).toString()}">
<label for="password">${words.password}</label>
<input name="username" value="operator" autocomplete="username" hidden>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1000" required autofocus>
<button class="main">${words.submit}</button>
</form>
${isReadable && html`<p class="hint warning">${words.plain}</p>`}</div>`;
}

/** Shown instead of the form while no password is set. */
export function noPasswordPage(reader: Reader): Html {
  const words = reader.texts.signIn;
  return html`<div class="narrow card"><h1>${words.shutTitle}</h1><p>${words.shut}</p><pre>${program} admin password</pre></div>`;
}

/** The form for the first password; `wrong`: what was typed cannot be used. */
export function firstVisitPage(reader: Reader, path: string, wrong: "short" | "different" | undefined): Html {
  const words = reader.texts.signIn;
  const field = (name: string, label: string) => html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="password" autocomplete="new-password" minlength="${passwordCharacters}" maxlength="1000" required${name === "password" ? html` autofocus` : undefined}>`;
  return html`<div class="narrow card"><h1>${words.firstVisitTitle}</h1><p>${words.firstVisit}</p>
${wrong && html`<p class="problem" role="alert">${words.firstVisitWrong[wrong]}</p>`}
<form method="post" action="${path}">
<input name="username" value="operator" autocomplete="username" hidden>
${field("password", words.newPassword(passwordCharacters))}
${field("repeated", words.repeatPassword)}
<button class="main">${words.firstVisitSubmit}</button>
</form></div>`;
}

export function firstVisitOverPage(reader: Reader): Html {
  const words = reader.texts.signIn;
  return html`<div class="narrow card"><h1>${words.firstVisitTitle}</h1><p>${words.firstVisitOver}</p><pre>${program} admin password</pre>
<p><a href="/admin/sign-in/">${words.title}</a></p></div>`;
}

/** Where a link leads: only the button uses it up, since chat programs open links to show what is there. */
export function linkPage(reader: Reader, link: string): Html {
  const words = reader.texts.signIn;
  return html`<div class="narrow card"><h1>${words.title}</h1><p>${words.link}</p>
<form method="post" action="/admin/sign-in-link/${link}/"><button class="main">${words.submit}</button></form></div>`;
}

export function linkOverPage(reader: Reader): Html {
  const words = reader.texts.signIn;
  return html`<div class="narrow card"><h1>${words.title}</h1><p>${words.linkOver}</p><pre>${program} admin sign-in-link</pre>
<p><a href="/admin/sign-in/">${words.withPassword}</a></p></div>`;
}
