import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "../src/html.ts";
import { createLog } from "../src/log.ts";
import { visible, visibleLines } from "../src/visible.ts";
import { cli } from "./support/cli.ts";
import { createTestDatabase, environmentOf } from "./support/database.ts";
import { post, startTestService } from "./support/service.ts";

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
/** Controls, separators, marks of direction, and what takes no room. */
const hidden = [
  ...range(0x00, 0x1f),
  ...range(0x7f, 0x9f),
  ...[0xad, 0x34f, 0x61c, 0x115f, 0x180e, 0x2028, 0x2029, 0x3164, 0xfe0f, 0xfeff, 0xfff9, 0xd800, 0xdfff],
  ...range(0x200b, 0x200f),
  ...range(0x202a, 0x202e),
  ...range(0x2060, 0x206f),
  ...[0xe0001, 0xe0041],
].map((code) => String.fromCodePoint(code));
const bad = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

test("what hides, turns or breaks the text around it is written out, and JSON stays the same JSON", () => {
  for (const character of hidden) {
    const text = `a${character}b`;
    assert.match(visible(text), /^a(?:\\u[0-9a-f]{4}){1,2}b$/, JSON.stringify(text));
    assert.equal(JSON.parse(visible(JSON.stringify(text))), text);
  }
  assert.equal(visible("a\u202eb\u{e0041}"), "a\\u202eb\\udb40\\udc41");
});

test("text of any script and emoji show as they are, but nothing hides behind an emoji", () => {
  for (const text of ["Игрок «1» — ёж", "玩家", "לשחק", "ไทย é", "a b ~ \u00a0", "👨‍👩‍👧 👩🏽‍🚀 ❤️ ☠️"])
    assert.equal(visible(text), text);
  assert.equal(visible("❤\ufe0f\ufe0f☠\u200d"), "❤\ufe0f\\ufe0f☠\\u200d");
});

test("lines stay lines where a text may have several", () => {
  assert.equal(visibleLines("a\n\tb\r\u2028c"), "a\n\tb\\u000d\\u2028c");
});

test("a log line and a page show a stranger's text so, in every place", () => {
  const stranger = `x${hidden.join("y")}z`;
  for (const readable of [true, false]) {
    const lines: string[] = [];
    const log = createLog({ level: "info", readable, write: (line) => lines.push(line) });
    log.warn(stranger, { path: stranger, [stranger]: [stranger], error: new Error(stranger), withStack: true });
    const all = lines.join("");
    assert.ok(!bad.test(all.replaceAll("\n", "")), JSON.stringify(all));
    // The stack has lines of its own, which are indented.
    assert.deepEqual(all.match(/^(?! {4}).+/gm)?.length, 1);
  }
  const page = String(html`<p title="${stranger}">${stranger}</p>`);
  assert.ok(!bad.test(page.replace(/[\n\t]/g, "")), JSON.stringify(page));
});

test("a stranger's path reaches the log as it was, and a command shows it written out", async (t) => {
  const db = await createTestDatabase();
  t.after(db.drop);
  const service = await startTestService(db);
  t.after(service.stop);
  const path = "x\u009b31m\u202e\u2028\u200b\u007f";
  const { status } = await post(`${service.url}/set-playtime/bm/${encodeURIComponent(path)}/`, "{}");
  assert.equal(status, 404);
  const said = service.lines.find(({ code }) => code === "unknown-path");
  assert.equal(said?.["path"], path);
  const { err } = await cli(`connections show script ${path}`, { env: environmentOf(db) });
  assert.match(err, /There is no script connection "x\\u009b31m\\u202e\\u2028\\u200b\\u007f"/);
});
