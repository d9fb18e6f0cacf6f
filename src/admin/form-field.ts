import { type Html, html } from "../html.ts";

export type Field = {
  /** Also the id, of the field on its page. */
  name: string;
  label: string;
  hint?: string | undefined;
  value: string;
  /** What is wrong with what was typed. */
  problem?: string | undefined;
  attributes?: Html;
  /** Below all else. */
  more?: Html | false;
};

/** A field of a form, and below it what is wrong and what to enter. */
export function field({ name, label, hint, value, problem, attributes, more }: Field): Html {
  const described = [hint && `${name}-hint`, problem && `${name}-problem`].filter((id) => id);
  return html`<div class="field${problem && " wrong"}"><label for="${name}">${label}</label>
<input id="${name}" name="${name}" value="${value}"${attributes}${described.length > 0 && html` aria-describedby="${described.join(" ")}"`}${problem && html` aria-invalid="true"`}>
${problem && html`<p class="problem" id="${name}-problem">${problem}</p>`}
${hint && html`<p class="hint" id="${name}-hint">${hint}</p>`}${more}</div>`;
}
