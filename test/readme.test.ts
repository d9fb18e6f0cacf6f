import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/* The front page. */

const readme = readFileSync("README.md", "utf8");
const { scripts, version } = JSON.parse(readFileSync("package.json", "utf8"));

test("the commands of the README are the scripts of package.json, and each script is named", () => {
  const named = [...readme.matchAll(/npm (?:run (?:-s )?)?([a-z:-]+)/g)].map(([, name]) => name ?? "");
  assert.deepEqual([...new Set(named)].filter((name) => name in scripts).sort(), Object.keys(scripts).sort());
});

test("the two commands of the first screen run the service and pass the tests", () => {
  const firstScreen = readme.split("\n").slice(0, 25).join("\n");
  assert.ok(firstScreen.includes("\n    npm ci && npm start\n"));
  assert.ok(firstScreen.includes("\n    npm ci && npm test\n"));
});

test("the front page stays short, in both languages", () => {
  for (const file of ["README.md", "README.ru.md"])
    assert.ok(readFileSync(file, "utf8").split("\n").length <= 220, `${file} has too many lines for a front page`);
});

test("the newest entry of the changelog is this version", () => {
  assert.equal(/^## (\S+)/m.exec(readFileSync("CHANGELOG.md", "utf8"))?.[1], version);
});
