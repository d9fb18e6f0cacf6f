import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, type Level } from "../src/log.ts";

function logged(level: Level, readable: boolean) {
  const lines: string[] = [];
  return { lines, log: createLog({ level, readable, write: (line) => lines.push(line) }) };
}

test("elsewhere than on a terminal an event is one line of JSON", () => {
  const { lines, log } = logged("info", false);
  log.warn("refused", { code: "bad-signature", path: "a\nb" });
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^[^\n]+\n$/);
  const { time, ...rest } = JSON.parse(lines[0] ?? "");
  assert.ok(Number.isFinite(Date.parse(time)));
  assert.deepEqual(rest, { level: "warn", message: "refused", code: "bad-signature", path: "a\nb" });
});

test("on a terminal it is a readable line, and a stranger's text cannot draw another", () => {
  const { lines, log } = logged("info", true);
  log.info("refused", { code: "unknown-path", path: "a\n12:00:00 ERROR \u001b[31mfake", count: 3 });
  assert.match(
    lines[0] ?? "",
    /^\d\d:\d\d:\d\d INFO {2}refused {2}code=unknown-path path="a\\n12:00:00 ERROR \\u001b\[31mfake" count=3\n$/,
  );
});

test("levels below the chosen one are silent", () => {
  const { lines, log } = logged("warn", false);
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).message),
    ["c", "d"],
  );
});

test("an error is its message and code, with the stack only where it was asked for", () => {
  const { lines, log } = logged("info", false);
  const error = Object.assign(new Error("boom"), { code: "ECONNRESET" });
  log.error("failed", { error });
  log.error("failed", { error, withStack: true });
  const [plain, full] = lines.map((line) => JSON.parse(line));
  assert.equal(plain.error, "boom");
  assert.equal(plain.errorCode, "ECONNRESET");
  assert.equal(plain.stack, undefined);
  assert.match(full.stack, /log\.test\.ts/);
});
