import assert from "node:assert/strict";
import { test } from "node:test";
import { hoursOfBar, ranges, spansOf, startOf, sumOf } from "../../src/watch/spans.ts";

const now = new Date("2026-01-02T03:59:59Z");
const count = (hour: string, kind: "script" | "battlemetrics" | "steam", outcome: string, count: number) => ({
  hour: `2026-01-0${hour}:00:00.000Z`,
  kind,
  outcome,
  count,
});

test("the last 24 hours have their counts, whether anything came or not", () => {
  const hours = spansOf(
    "script",
    [
      count("1T03", "script", "accepted", 99),
      count("1T04", "script", "accepted", 1),
      count("2T03", "script", "accepted", 2),
      count("2T03", "script", "refused", 3),
      count("2T03", "battlemetrics", "accepted", 77),
      count("2T03", "steam", "answer", 77),
    ],
    "24h",
    now,
  );
  assert.equal(hours.length, 24);
  assert.deepEqual(hours[0], { at: "2026-01-01T04:00:00.000Z", accepted: 1, ignored: 0, refused: 0 });
  assert.deepEqual(hours[23], { at: "2026-01-02T03:00:00.000Z", accepted: 2, ignored: 0, refused: 3 });
  assert.deepEqual(sumOf(hours), { accepted: 3, ignored: 0, refused: 3 });
});

test("seven days have spans of six hours, thirty days of one, and paused deliveries count as ignored", () => {
  const counts = [count("1T23", "battlemetrics", "paused", 4), count("2T00", "battlemetrics", "ignored", 5)];
  const week = spansOf("battlemetrics", counts, "7d", now);
  assert.equal(week.length, 28);
  assert.deepEqual(week.at(-1), { at: "2026-01-02T00:00:00.000Z", accepted: 0, ignored: 5, refused: 0 });
  assert.equal(week.at(-2)?.ignored, 4);
  const month = spansOf("battlemetrics", counts, "30d", now);
  assert.deepEqual([month.length, month.at(-1)?.ignored, month.at(-2)?.ignored], [30, 5, 4]);
});

test("a range reaches from its start to the current moment", () => {
  for (const range of ranges) {
    const [first] = spansOf("script", [], range, now);
    assert.equal(first?.at, startOf(range, now).toISOString());
    const last = spansOf("script", [], range, now).at(-1)?.at ?? "";
    assert.ok(Date.parse(last) <= now.getTime());
    assert.ok(Date.parse(last) + hoursOfBar(range) * 3_600_000 > now.getTime());
  }
});
