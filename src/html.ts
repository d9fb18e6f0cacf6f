import { visibleLines } from "./visible.ts";

class Markup {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  toString(): string {
    return this.#text;
  }
}

/** Markup; only `html` makes it. */
export type Html = Markup;

/** What may stand in a template: text is escaped, Html stays, of lists each part; undefined, null and false are nothing. */
export type Value = string | number | Html | readonly Value[] | undefined | null | false;

/**
 * html`<p title="${text}">${text}</p>`: every value is escaped, for text and for attributes in double quotes, and nothing in
 * it can hide or turn round what stands beside it. Never put one into a script, a style or an on… attribute: this does not
 * protect there.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = parts[0] ?? "";
  for (const [index, value] of values.entries()) text += escaped(value) + (parts[index + 1] ?? "");
  return new Markup(text);
}

function escaped(value: Value): string {
  if (value instanceof Markup) return value.toString();
  if (typeof value === "string")
    return visibleLines(value).replace(/[&<>"']/g, (character) => entities[character] ?? "");
  if (typeof value === "number") return String(value);
  return Array.isArray(value) ? value.map(escaped).join("") : "";
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
