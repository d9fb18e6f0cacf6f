import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../src/cli/run.ts";
import { settings } from "../src/config.ts";
import { refusalCodes } from "../src/http/refusal.ts";

const readme = readFileSync("README.md", "utf8");
const { scripts, version } = JSON.parse(readFileSync("package.json", "utf8"));

test("the commands of the README are the scripts of package.json, and each script is named", () => {
  const named = [...readme.matchAll(/npm (?:run (?:-s )?)?([a-z:-]+)/g)].map(([, name]) => name ?? "");
  const known = named.filter((name) => !["ci"].includes(name));
  assert.deepEqual([...new Set(known)].filter((name) => name in scripts).sort(), Object.keys(scripts).sort());
});

test("the two commands of the first screen run the service and pass the tests", () => {
  const firstScreen = readme.split("\n").slice(0, 25).join("\n");
  assert.ok(firstScreen.includes("\n    npm ci && npm start\n"));
  assert.ok(firstScreen.includes("\n    npm ci && npm test\n"));
});

test("the README names every setting, every refusal and every command of the CLI", () => {
  for (const keys of Object.values(settings)) for (const key of Object.keys(keys)) assert.ok(readme.includes(key), key);
  for (const code of refusalCodes) assert.ok(readme.includes(`\`${code}\``), code);
  for (const name of Object.keys(commands)) assert.ok(readme.includes(`\`${name}`), name);
});

test("the newest entry of the changelog is this version", () => {
  assert.equal(/^## (\S+)/m.exec(readFileSync("CHANGELOG.md", "utf8"))?.[1], version);
});

test("links to files of the repository lead somewhere", () => {
  for (const [, file] of readme.matchAll(/\]\(([^)#:]+)\)/g)) assert.doesNotThrow(() => readFileSync(file ?? ""), file);
});
