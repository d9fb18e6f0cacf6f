import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, test } from "node:test";
import { englishPages, pages, pairedPages, russianOf } from "./support/pages.ts";

/*
 * The pages of the manual, each in English and in Russian. No test can read Russian, so it compares everything that is not
 * language: headings, code, tables, figures and links. Whoever changes one page is reminded here of the other.
 */

test("every page exists in English and in Russian, and each begins with a link to the other", () => {
  assert.ok(pairedPages.length >= 9, String(pairedPages));
  for (const file of pairedPages) {
    assert.ok(existsSync(russianOf(file)), `${russianOf(file)} is missing`);
    const [name, russianName] = [file, russianOf(file)].map((path) => path.replace(/^.*\//, ""));
    assert.ok(readFileSync(file, "utf8").startsWith(`[По-русски](${russianName})`), file);
    assert.ok(readFileSync(russianOf(file), "utf8").startsWith(`[English](${name})`), russianOf(file));
  }
  assert.deepEqual(
    pages.filter((file) => file.endsWith(".ru.md")),
    pairedPages.map(russianOf).sort(),
  );
});

for (const file of pairedPages)
  describe(`${file} and ${russianOf(file)}`, () => {
    const english = read(file);
    const russian = read(russianOf(file));

    test("have the same headings, code blocks, lists and tables in the same order", () => {
      assert.deepEqual(russian.shape, english.shape);
    });

    english.sections.forEach((section, index) => {
      const translated = russian.sections[index] ?? { title: "", text: "" };
      test(`"${section.title}": the same commands, settings and codes, figures, links`, () => {
        for (const facts of [codes, figures, links]) assert.deepEqual(facts(translated.text), facts(section.text));
      });
    });
  });

test("every link of every page leads to a file, and to a heading of it", () => {
  for (const file of pages)
    for (const { to, path, anchor } of linksOf(file)) {
      assert.ok(existsSync(path), `${file}: ${to}`);
      if (anchor !== undefined) assert.ok(anchorsOf(path).includes(anchor), `${file}: ${to}`);
    }
});

test("a page links to pages of its own language, but for the link on top", () => {
  const paired = [...pairedPages, ...pairedPages.map(russianOf)];
  for (const file of pages)
    for (const { to, path } of linksOf(file).slice(1))
      if (paired.includes(path)) assert.equal(path.endsWith(".ru.md"), file.endsWith(".ru.md"), `${file}: ${to}`);
});

test("every page can be reached from the front page", () => {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file) || !file.endsWith(".md")) return;
    reached.add(file);
    for (const { path } of linksOf(file)) visit(path);
  };
  visit("README.md");
  assert.deepEqual(
    englishPages.filter((file) => !reached.has(file)),
    [],
  );
});

type Section = { title: string; text: string };

/** `shape` has a line for each heading, list item and table row, and the code itself; `sections` have what is left: text. */
function read(file: string) {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const shape: string[] = [];
  const sections: Section[] = [];
  let fenced = false;
  for (const line of lines) {
    const heading = fenced ? null : /^(#+) (.*)/.exec(line);
    const fence = line.trimStart().startsWith("```");
    if (fence) fenced = !fenced;
    if (heading) {
      shape.push(heading[1] ?? "");
      sections.push({ title: heading[2] ?? "", text: "" });
    } else if (fence || fenced || (/^ {4}/.test(line) && !/^ +- /.test(line))) shape.push(line);
    else {
      // Of a table row: what is no language in each of its cells, so that no row can be left out or change places.
      if (line.startsWith("|"))
        shape.push(
          line
            .split(/(?<!\\)\|/)
            .map((cell) => codes(cell).join(" "))
            .join("|"),
        );
      else if (/^ *(-|\d+\.) /.test(line)) shape.push(/^ *\S+/.exec(line)?.[0] ?? "");
      const section = sections.at(-1);
      if (section) section.text += `${line}\n`;
    }
  }
  return { shape, sections };
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

/** Each as often as there. The page of the other language counts as the same, and headings are translated with their anchors. */
function links(text: string): string[] {
  return [...text.matchAll(/\]\(([^)]+)\)/g)]
    .map(([, to = ""]) => to.replace(/\.ru\.md\b/, ".md").replace(/(?<!:\/\/.*)#.*/, "#"))
    .sort();
}

/** The links to files of the repository. */
function linksOf(file: string) {
  const prose = readFileSync(file, "utf8").replaceAll(/^ *```.*?^ *```/gms, "");
  return [...prose.matchAll(/\]\(([^)]+)\)/g)]
    .map(([, to = ""]) => to)
    .filter((to) => !/^https?:/.test(to))
    .map((to) => {
      const [path = "", anchor] = to.split("#");
      return { to, path: path === "" ? file : normalize(join(dirname(file), path)), anchor };
    });
}

/** As GitHub makes them of a page's headings. */
function anchorsOf(file: string): string[] {
  const text = readFileSync(file, "utf8").replaceAll(/^ *```.*?^ *```/gms, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
