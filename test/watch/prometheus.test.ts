import assert from "node:assert/strict";
import { test } from "node:test";
import { counter, createHistogram, gauge, histogram, textOf } from "../../src/watch/prometheus.ts";

test("each number has a line of help, of its type, and one for each of its labels", () => {
  const text = textOf([
    counter("calls_total", "How many.", [
      { value: 3, labels: { kind: "a", code: "b" } },
      { value: 0.5, labels: { kind: "c" } },
    ]),
    gauge("up", "Whether.", 1),
  ]);
  assert.equal(
    text,
    `# HELP calls_total How many.
# TYPE calls_total counter
calls_total{kind="a",code="b"} 3
calls_total{kind="c"} 0.5
# HELP up Whether.
# TYPE up gauge
up 1
`,
  );
});

test("quotes, backslashes and newlines are escaped in a label; other text stays as it is", () => {
  const text = textOf([gauge("x", "A \\ and\na line.", [{ value: 1, labels: { path: 'мой "сервер"\\n\n{},=' } }])]);
  assert.equal(text, `# HELP x A \\\\ and\\na line.\n# TYPE x gauge\nx{path="мой \\"сервер\\"\\\\n\\n{},="} 1\n`);
});

test("the buckets of a histogram are cumulative, with their edges in; sum and count follow", () => {
  const one = createHistogram([0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 1, 2, 100]) one.observe(value);
  const samples = textOf([histogram("x_seconds", "Time.", { fast: one }, "of")])
    .split("\n")
    .slice(2, -1);
  assert.deepEqual(samples, [
    'x_seconds_bucket{of="fast",le="0.1"} 2',
    'x_seconds_bucket{of="fast",le="1"} 4',
    'x_seconds_bucket{of="fast",le="+Inf"} 6',
    'x_seconds_sum{of="fast"} 103.65',
    'x_seconds_count{of="fast"} 6',
  ]);
});
