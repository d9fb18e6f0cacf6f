import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

/*
 * The Russian README says the same as the English one. No test can read Russian, so it compares all that is no language:
 * headings, code, tables, figures and links. Who changes one file is reminded here of the other.
 */

const english = read("README.md");
const russian = read("README.ru.md");

test("each README begins with a link to the other", () => {
  assert.equal(english.lines[0], "[По-русски](README.ru.md)");
  assert.equal(russian.lines[0], "[English](README.md)");
});

test("both READMEs have the same headings, code blocks, lists and tables in the same order", () => {
  assert.deepEqual(russian.shape, english.shape);
});

describe("each section of the Russian README keeps what the English one names", () => {
  english.sections.forEach((section, index) => {
    const translated = russian.sections[index] ?? { title: "", text: "" };
    test(`"${section.title}": commands, settings and codes, figures, links`, () => {
      for (const facts of [codes, figures, links]) assert.deepEqual(facts(translated.text), facts(section.text));
    });
  });
});

test("links within a README lead to a heading of it", () => {
  for (const { text, sections } of [english, russian])
    for (const [, anchor] of text.matchAll(/\]\(#([^)]+)\)/g))
      assert.ok(sections.map(({ title }) => anchorOf(title)).includes(anchor ?? ""), `#${anchor}`);
});

type Section = { title: string; text: string };

/** `shape` has a line for each heading, list item and table row, and the code itself; `sections` have what is left: text. */
function read(file: string) {
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n");
  const shape: string[] = [];
  const sections: Section[] = [];
  let fenced = false;
  for (const line of lines) {
    const heading = fenced ? null : /^(#+) (.*)/.exec(line);
    const fence = line.startsWith("```");
    if (fence) fenced = !fenced;
    if (heading) {
      shape.push(heading[1] ?? "");
      sections.push({ title: heading[2] ?? "", text: "" });
    } else if (fence || fenced || line.startsWith("    ")) shape.push(line);
    else {
      // Of a table row: what is no language in each of its cells, so that no row can be left out or change places.
      if (line.startsWith("|"))
        shape.push(
          line
            .split(/(?<!\\)\|/)
            .map((cell) => codes(cell).join(" "))
            .join("|"),
        );
      else if (/^(-|\d+\.) /.test(line)) shape.push(line.slice(0, 2));
      const section = sections.at(-1);
      if (section) section.text += `${line}\n`;
    }
  }
  return { text, lines, shape, sections };
}

/** A sentence may need another order, and may name a thing once more or once less: so each once, sorted. */
function unique(found: string[]): string[] {
  return [...new Set(found)].sort();
}

function codes(text: string): string[] {
  return unique([...text.matchAll(/`[^`]+`/g)].map(([code]) => code));
}

/** 10,000 and 10 000 are 10000, and the decimal comma of Russian is a point. */
function figures(text: string): string[] {
  const prose = text.replaceAll(/`[^`]+`|\]\([^)]*\)/g, "").replaceAll(/(?<=\d)[,\u00a0](?=\d{3}\b)/g, "");
  return unique([...prose.matchAll(/\d+(?:[.,]\d+)*/g)].map(([figure]) => figure.replaceAll(",", ".")));
}

/** Each as often as there. Headings are translated, and so are the anchors made of them. */
function links(text: string): string[] {
  return [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, to = ""]) => (to.startsWith("#") ? "#" : to)).sort();
}

/** As GitHub makes it. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
    .replaceAll(" ", "-");
}
