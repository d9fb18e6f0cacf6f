import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./support/eventually.ts";
import { key, openSteam, owned } from "./support/steam.ts";

const { stub, create } = await openSteam();

test("429, 5xx, a reset and a timeout are tried once more", async () => {
  for (const state of [{ status: 429 }, { status: 500 }, { status: 503 }, { reset: true }, { hang: true }] as const) {
    stub.calls.length = 0;
    stub.states = { owned: state };
    // Only where nothing comes: on a busy machine 100 ms may be over before a request has left.
    const { ask, saved } = create("hang" in state ? { timeoutMs: 100 } : {});
    assert.equal(await ask(), false);
    assert.deepEqual(saved, []);
    assert.equal(stub.calls.length, 2, JSON.stringify(state));
  }
});

test("the second try counts when the first failed", async () => {
  stub.states = { owned: { status: 500 } };
  const { ask, saved } = create();
  const answer = ask();
  await eventually("the first try", () => stub.calls.length > 0, { everyMs: 1 });
  stub.states = { owned: owned(1) };
  assert.equal(await answer, true);
  assert.equal(saved[0]?.seconds, 60);
});

test("400 and 404 concern that player alone: not tried again, and never counted towards the breaker", async () => {
  for (const status of [400, 404]) {
    const { ask, warnings } = create();
    stub.states = { owned: { status } };
    for (let number = 0; number < 20; number += 1) assert.equal(await ask(number), false);
    stub.states = { owned: owned(1) };
    assert.equal(await ask(1), true);
    assert.deepEqual(warnings(), []);
  }
});

test("after five failures in a row Steam is left alone, said once, until a probe succeeds", async () => {
  let clockMs = 0;
  const { ask: askBy, warnings, lines, status } = create({ limits: { openMs: 10_000, clockMs: () => clockMs } });
  const ask = (number: number) => askBy(number, { dropAtMs: Number.POSITIVE_INFINITY });
  stub.states = { owned: { raw: "nonsense" } };
  for (let number = 0; number < 20; number += 1) await ask(number);
  assert.equal(stub.calls.length, 5);
  assert.deepEqual([status().breaker, status().ended.nonsense, status().dropped], ["open", 5, 15]);
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0]?.message ?? "", /Steam does not answer properly/);

  clockMs += 10_000;
  assert.equal(status().breaker, "probing");
  await Promise.all([1, 2, 3, 4].map((number) => ask(number)));
  assert.equal(stub.calls.length, 6, "one probe, while the others are refused");
  clockMs += 19_999;
  await ask(1);
  assert.equal(stub.calls.length, 6, "the pause is doubled after a failed probe");

  clockMs += 1;
  stub.states = { owned: owned(1) };
  assert.equal(await ask(1), true);
  assert.equal(await ask(2), true);
  assert.equal(status().breaker, "closed");
  assert.match(lines.at(-1)?.message ?? "", /Steam answers again/);
  assert.equal(warnings().length, 1);
});

test("who waits for the next call a second when a pause is over is refused while the probe decides", async () => {
  const { ask } = create({ callsPerSecond: 10, limits: { burstCalls: 1, failures: 1, openMs: 1 } });
  stub.states = { owned: { raw: "nonsense" } };
  assert.equal(await ask(1), false);
  await new Promise((resolve) => setTimeout(resolve, 5));
  stub.states = { owned: owned(1) };
  assert.deepEqual(await Promise.all([2, 3, 4].map((number) => ask(number))), [true, false, false]);
});

test("401 and 403 close the way at once, and are said once, loudly", async () => {
  for (const status of [401, 403]) {
    stub.calls.length = 0;
    stub.states = { owned: { status } };
    let clockMs = 0;
    const { ask: askBy, warnings, text } = create({ limits: { clockMs: () => clockMs } });
    const ask = (number: number) => askBy(number, { dropAtMs: Number.POSITIVE_INFINITY });
    for (let number = 0; number < 10; number += 1) assert.equal(await ask(number), false);
    clockMs += 300_000;
    await ask(1);
    assert.equal(stub.calls.length, 2);
    assert.deepEqual(
      warnings().map(({ level }) => level),
      ["error"],
    );
    assert.match(warnings()[0]?.message ?? "", /KEY is wrong, or this server's address is blocked/);
    assert.ok(!text().includes(key));
  }
});
