import { visible } from "./visible.ts";

const around = 6;

/**
 * Where a text stops being JSON, for a person: line and column, and a few characters as the end of the sentence. In linear time, and without
 * recursion.
 */
export function jsonProblem(text: string): { place: string; excerpt: string } {
  if (text.trim() === "") return { place: "it is empty", excerpt: "" };
  const at = problemAt(text);
  if (at >= text.length) return { place: "it ends early", excerpt: `, behind ${shown(text.slice(-around))}` };
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  return {
    place: `line ${line}, column ${column} is wrong`,
    excerpt: `, at ${shown(text.slice(at, at + around))}`,
  };
}

const shown = (text: string) => `“${visible(text)}”`;

const blank = /[ \t\r\n]*/y;
const text = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"?/uy;
const scalar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/** The place of the first character that cannot stand there; the text's length where something is missing at its end. */
function problemAt(json: string): number {
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const [found = ""] = pattern.exec(json) ?? [];
    at += found.length;
    return found;
  };
  /** A string that lacks its end stops where it goes wrong. */
  const takeText = () => {
    const found = take(text);
    return found.length > 1 && found.endsWith('"');
  };

  const open: string[] = [];
  for (let wants: "value" | "key" | "end" | "value-or-end" | "key-or-end" = "value"; ; ) {
    take(blank);
    const here = json[at];
    if (here === undefined) return at;
    if (wants === "end") {
      if (open.length === 0) return at;
      const inside = open.at(-1);
      if (here === inside) open.pop();
      else if (here === ",") wants = inside === "}" ? "key" : "value";
      else return at;
      at += 1;
    } else if (wants.endsWith("-or-end") && here === open.at(-1)) {
      open.pop();
      at += 1;
      wants = "end";
    } else if (wants.startsWith("key")) {
      if (here !== '"' || !takeText()) return at;
      take(blank);
      if (json[at] !== ":") return at;
      at += 1;
      wants = "value";
    } else if (here === "{" || here === "[") {
      open.push(here === "{" ? "}" : "]");
      wants = here === "{" ? "key-or-end" : "value-or-end";
      at += 1;
    } else {
      if (here === '"' ? !takeText() : take(scalar) === "") return at;
      wants = "end";
    }
  }
}
