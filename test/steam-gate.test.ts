import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./support/eventually.ts";
import { openSteam, owned, player, withSteam } from "./support/steam.ts";

const { stub, create } = await openSteam();

test("the same player is asked once however many wait, also by who comes a moment too late", async () => {
  stub.states = { owned: owned(1) };
  const { ask, saved } = create();
  assert.deepEqual(await Promise.all([ask(), ask(), ask(), ask(2)]), [true, true, true, true]);
  assert.equal(await ask(), true);
  assert.equal(stub.calls.length, 2);
  assert.equal(saved.length, 2);
});

test("a refresh asks anew, and so does the next question after a failure", async () => {
  stub.states = { owned: owned(1) };
  const { ask } = create();
  await ask();
  await ask(1, { refresh: true });
  assert.equal(stub.calls.length, 2);
  stub.states = { owned: { status: 404 } };
  await ask(2);
  stub.states = { owned: owned(1) };
  assert.equal(await ask(2), true);
  assert.equal(stub.calls.length, 4);
});

/**
 * A Steam with one call under way at a time and ten a day. Six are over, the seventh is held and the eighth waits, so that a
 * refresh that comes now waits too, and is over its four fifths of the day when its turn comes.
 */
async function almostUsedUp() {
  let release = () => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  stub.states = { owned: owned(1), players: { [player(7)]: { owned: { ...owned(1), until } } } };
  const { ask } = create({ callsPerDay: 10, limits: { callsAtOnce: 1 } });
  for (let number = 1; number <= 6; number += 1) assert.equal(await ask(number), true);
  const before = [ask(7), ask(8)];
  return {
    ask,
    ends: async (asked: Promise<boolean>[]) => {
      release();
      assert.deepEqual(await Promise.all(before), [true, true]);
      return Promise.all(asked);
    },
  };
}

test("a refresh has four fifths of the day's calls, also when it is over them only at its turn", async () => {
  const { ask, ends } = await almostUsedUp();
  assert.deepEqual(await ends([ask(9, { refresh: true })]), [false]);
});

test("who asks for a refresh and who does not share one call, which counts as an ordinary one, whoever was first", async () => {
  for (const refreshes of [
    [true, false],
    [false, true],
    [false, true, true],
  ]) {
    const { ask, ends } = await almostUsedUp();
    stub.calls.length = 0;
    const answers = await ends(refreshes.map((refresh) => ask(9, { refresh })));
    assert.ok(answers.every(Boolean), refreshes.join());
    assert.equal(stub.calls.filter(({ steamId }) => steamId === player(9)).length, 1);
  }
});

test("at most eight calls are under way at once", async () => {
  let underWay = 0;
  let most = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await withSteam(
    async (_, response) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await released;
      underWay -= 1;
      response.end(JSON.stringify({ response: owned(1) }));
    },
    async (url) => {
      const { ask } = create({ apiUrl: url, timeoutMs: 60_000 });
      const answers = Promise.all(Array.from({ length: 40 }, (_, number) => ask(number, { dropAtMs: Infinity })));
      await eventually("eight calls", () => underWay === 8);
      await new Promise((resolve) => setTimeout(resolve, 100));
      release();
      assert.ok((await answers).every(Boolean));
      assert.equal(most, 8);
    },
  );
});

test("a burst of 40 is let through at once, then so many a second", async () => {
  stub.states = { owned: owned(1) };
  let clockMs = 0;
  const { ask, status } = create({ callsPerSecond: 5, limits: { clockMs: () => clockMs } });
  const all = Promise.all(Array.from({ length: 100 }, (_, number) => ask(number, { dropAtMs: 1_000 })));
  await eventually("the burst to be over", () => status().ended.answer === 40);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(stub.calls.length, 40);
  clockMs = 600;
  await eventually("three calls more", () => status().ended.answer === 43);
  clockMs = 1_000;
  assert.equal((await all).filter(Boolean).length, 43, "what had not begun by its deadline was dropped");
  assert.equal(stub.calls.length, 43);
});

test("a query with a later deadline keeps a waiting call alive", async () => {
  stub.states = { owned: owned(1) };
  const { ask } = create({ callsPerSecond: 5, limits: { burstCalls: 1 } });
  await ask(1);
  const first = ask(2, { dropAtMs: performance.now() + 20 });
  const second = ask(2, { dropAtMs: performance.now() + 5_000 });
  assert.deepEqual(await Promise.all([first, second]), [true, true]);
});

test("the day's calls are limited, refreshes to four fifths of them, and the next day is new", async () => {
  stub.states = { owned: owned(1) };
  let now = new Date("2026-01-02T23:59:00Z");
  const { ask, warnings } = create({ callsPerDay: 10, now: () => now });
  const count = async (refresh: boolean, first = 0) => {
    const answers = [];
    for (let number = 0; number < 12; number += 1) answers.push(await ask(first + number, { refresh }));
    return answers.filter(Boolean).length;
  };
  assert.equal(await count(true), 8);
  assert.equal(await count(false, 100), 2);
  assert.equal(warnings().length, 1);
  now = new Date("2026-01-03T00:00:01Z");
  assert.equal(await count(false, 200), 10);
});

test("more than a thousand waiting calls are refused at once", async () => {
  stub.states = { owned: { hang: true } };
  const { ask } = create({ limits: { waitingCalls: 10 } });
  const answers = Array.from({ length: 30 }, (_, number) => ask(number, { dropAtMs: performance.now() + 100 }));
  assert.deepEqual(
    await Promise.race([Promise.all(answers.slice(18)), new Promise((resolve) => setTimeout(resolve, 90, "late"))]),
    Array(12).fill(false),
  );
  await Promise.all(answers.slice(8, 18));
});
