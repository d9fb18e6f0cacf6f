import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../src/cli/run.ts";
import { settings } from "../src/config.ts";
import { refusalCodes } from "../src/http/refusal.ts";

/* What each page of the manual must name. */

const text = (file: string) => readFileSync(file, "utf8");

test("the page of the settings names every setting", () => {
  for (const keys of Object.values(settings))
    for (const key of Object.keys(keys)) assert.ok(text("configs/README.md").includes(key), key);
});

test("the page of the requests names every refusal", () => {
  for (const code of refusalCodes) assert.ok(text("src/README.md").includes(`\`${code}\``), code);
});

test("the page of the command line names every command", () => {
  for (const name of Object.keys(commands)) assert.ok(text("src/cli/README.md").includes(`\`${name}`), name);
});
