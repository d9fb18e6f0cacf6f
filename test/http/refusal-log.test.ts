import assert from "node:assert/strict";
import { test } from "node:test";
import { refusalLog } from "../../src/http/refusal-log.ts";
import { memoryLog } from "../support/service.ts";

test("a thousand equal refusals within a minute are two lines, and another kind is one of its own", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { log, lines } = memoryLog("info");
  const say = refusalLog(log);
  for (let count = 0; count < 1_000; count += 1)
    say("warn", "refused", { connection: "battlemetrics/?", path: `guess-${count}`, code: "unknown-path" });
  say("warn", "refused", { connection: "battlemetrics/bm", code: "bad-signature" });
  assert.deepEqual(
    lines.map(({ path, code }) => [code, path]),
    [
      ["unknown-path", "guess-0"],
      ["bad-signature", undefined],
    ],
  );

  t.mock.timers.tick(60_000);
  assert.equal(lines.length, 3);
  assert.equal(lines[2]?.message, "refused, again and again");
  assert.equal(lines[2]?.["times"], 999);

  say("warn", "refused", { connection: "battlemetrics/?", path: "later", code: "unknown-path" });
  assert.equal(lines[3]?.["path"], "later");
});

test("at the level debug every refusal is a line", () => {
  const { log, lines } = memoryLog("debug");
  const say = refusalLog(log);
  for (let count = 0; count < 3; count += 1) say("warn", "refused", { code: "unknown-path" });
  assert.deepEqual(
    lines.map(({ level }) => level),
    ["warn", "debug", "debug"],
  );
});
