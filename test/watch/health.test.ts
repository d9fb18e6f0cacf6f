import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf } from "../../src/watch/health.ts";

/* One state for each connection. */

const now = new Date("2026-01-02T12:00:00Z");
const bm = { kind: "battlemetrics", enabled: true, secret: "s", isPaused: false, expectHours: 24 } as const;
const at = (hoursAgo: number) => new Date(now.getTime() - hoursAgo * 3_600_000).toISOString();
const fresh = { acceptedAt: at(1), refusedInARow: 0 };

test("each connection has one state, the operator's own choice and the missing secret before what came", () => {
  assert.equal(stateOf(bm, fresh, now), "up");
  assert.equal(stateOf(bm, { ...fresh, acceptedAt: null }, now), "waiting");
  assert.equal(stateOf({ ...bm, enabled: false, secret: null }, { ...fresh, refusedInARow: 9 }, now), "off");
  assert.equal(stateOf({ ...bm, secret: null }, { ...fresh, refusedInARow: 9 }, now), "no-secret");
  assert.equal(stateOf({ ...bm, isPaused: true }, { ...fresh, acceptedAt: at(99) }, now), "paused");
  assert.equal(stateOf({ ...bm, isPaused: true }, { ...fresh, refusedInARow: 3 }, now), "refusing");
});

test("three refusals in a row are refusing, two are not, also where nothing was ever accepted", () => {
  assert.equal(stateOf(bm, { ...fresh, refusedInARow: 2 }, now), "up");
  assert.equal(stateOf(bm, { ...fresh, refusedInARow: 3 }, now), "refusing");
  assert.equal(stateOf(bm, { acceptedAt: null, refusedInARow: 3 }, now), "refusing");
});

test("a webhook is late after its own hours; never where none are set, and a script never", () => {
  assert.equal(stateOf(bm, { ...fresh, acceptedAt: at(23.9) }, now), "up");
  assert.equal(stateOf(bm, { ...fresh, acceptedAt: at(24) }, now), "late");
  assert.equal(stateOf({ ...bm, expectHours: 2 }, { ...fresh, acceptedAt: at(2.5) }, now), "late");
  assert.equal(stateOf({ ...bm, expectHours: null }, { ...fresh, acceptedAt: at(999) }, now), "up");
  assert.equal(stateOf({ ...bm, kind: "script" }, { ...fresh, acceptedAt: at(999) }, now), "up");
  // Of a clock that was ahead.
  assert.equal(stateOf(bm, { ...fresh, acceptedAt: at(-48) }, now), "up");
});
