import assert from "node:assert/strict";
import { test } from "node:test";
import { coalesce } from "../src/coalesce.ts";

/** Until what has come takes part. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A `run` that is let go by hand, and remembers its batches. */
function byHand<Item>() {
  const batches: Item[][] = [];
  const held: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const run = async (items: Item[]) => {
    batches.push(items);
    await new Promise<void>((resolve, reject) => held.push({ resolve, reject }));
    return (index: number) => `done ${items[index]}`;
  };
  return {
    run,
    batches,
    release: async () => {
      held.shift()?.resolve();
      await turn();
    },
    fail: async (error: Error) => {
      held.shift()?.reject(error);
      await turn();
    },
  };
}

const limits = { batchSize: 10, waitingItems: 100, concernsAll: (error: unknown) => error instanceof RangeError };

test("a lone call runs in the same turn of the event loop", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, run: hand.run });
  const answer = call(1);
  await turn();
  assert.deepEqual(hand.batches, [[1]]);
  await hand.release();
  assert.equal(await answer, "done 1");
});

test("calls that arrive while one is running share the next one, in their order", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, run: hand.run });
  const first = call(1);
  await turn();
  const answers = [first, ...[2, 3, 4].map(call)];
  await hand.release();
  assert.deepEqual(hand.batches, [[1], [2, 3, 4]]);
  await hand.release();
  const late = call(5);
  await turn();
  await hand.release();
  assert.deepEqual(await Promise.all([...answers, late]), ["done 1", "done 2", "done 3", "done 4", "done 5"]);
  assert.deepEqual(hand.batches.at(-1), [5]);
});

test("nobody is answered before its own batch is done", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, run: hand.run });
  let answered = 0;
  const count = async (item: number) => {
    await call(item);
    answered += 1;
  };
  const answers = [count(1)];
  await turn();
  answers.push(count(2));
  assert.equal(answered, 0);
  await hand.release();
  assert.equal(answered, 1);
  await hand.release();
  await Promise.all(answers);
  assert.equal(answered, 2);
});

test("a batch has a limit; the rest takes part in the one after", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, batchSize: 2, run: hand.run });
  const answers = [1, 2, 3, 4, 5].map(call);
  await turn();
  for (let batch = 0; batch < 3; batch += 1) await hand.release();
  await Promise.all(answers);
  assert.deepEqual(hand.batches, [[1, 2], [3, 4], [5]]);
});

test("a second batch begins beside the first as soon as enough waits, and what comes then shares the next", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, besideSize: 2, run: hand.run });
  const answers = [call(1)];
  await turn();
  answers.push(call(2));
  await turn();
  assert.deepEqual(hand.batches, [[1]]);
  answers.push(call(3));
  await turn();
  answers.push(...[4, 5, 6].map(call));
  await turn();
  assert.deepEqual(hand.batches, [[1], [2, 3]]);
  for (let batch = 0; batch < 3; batch += 1) await hand.release();
  assert.deepEqual(
    await Promise.all(answers),
    [1, 2, 3, 4, 5, 6].map((item) => `done ${item}`),
  );
  assert.deepEqual(hand.batches, [[1], [2, 3], [4, 5, 6]]);
});

test("of two batches that are under way, one goes on alone when little waits", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, besideSize: 2, run: hand.run });
  const answers = [call(1)];
  await turn();
  answers.push(call(2), call(3));
  await turn();
  answers.push(call(4));
  await hand.release();
  assert.deepEqual(hand.batches, [[1], [2, 3]]);
  await hand.release();
  assert.deepEqual(hand.batches, [[1], [2, 3], [4]]);
  await hand.release();
  assert.deepEqual(await Promise.all(answers), ["done 1", "done 2", "done 3", "done 4"]);
});

test("items may count for more than one, and one that is larger than a batch goes alone", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, sizeOf: (item: number) => item, run: hand.run });
  const answers = [4, 6, 1, 99, 1].map(call);
  await turn();
  for (let batch = 0; batch < 4; batch += 1) await hand.release();
  assert.deepEqual(await Promise.all(answers), ["done 4", "done 6", "done 1", "done 99", "done 1"]);
  assert.deepEqual(hand.batches, [[4, 6], [1], [99], [1]]);
});

test("one bad item fails alone, whatever its place in the batch", async () => {
  for (let bad = 1; bad <= 8; bad += 1) {
    const call = coalesce<number, string>({
      ...limits,
      run: async (items) => {
        await null;
        if (items.includes(bad)) throw new Error(`bad ${bad}`);
        return (index) => `done ${items[index]}`;
      },
    });
    const outcomes = await Promise.allSettled([0, 1, 2, 3, 4, 5, 6, 7, 8].map(call));
    for (const [item, outcome] of outcomes.entries())
      assert.equal(
        outcome.status === "fulfilled" ? outcome.value : outcome.reason.message,
        item === bad ? `bad ${bad}` : `done ${item}`,
      );
  }
});

test("an error that concerns all fails all that wait, at once, and the next call starts anew", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, run: hand.run });
  const first = call(1);
  await turn();
  const answers = Promise.allSettled([first, ...[2, 3].map(call)]);
  await hand.fail(new RangeError("away"));
  const outcomes = await answers;
  assert.ok(outcomes.every((outcome) => outcome.status === "rejected" && outcome.reason.message === "away"));
  assert.deepEqual(hand.batches, [[1]]);
  const next = call(4);
  await turn();
  await hand.release();
  assert.equal(await next, "done 4");
});

test("after an error that concerns all, nothing of what waited counts any more", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, besideSize: 3, run: hand.run });
  const all = [call(1)];
  await turn();
  all.push(call(2), call(3));
  const answers = Promise.allSettled(all);
  await hand.fail(new RangeError("away"));
  await answers;
  const first = call(4);
  await turn();
  const second = call(5);
  await turn();
  assert.deepEqual(hand.batches, [[1], [4]], "one that waits is no reason for a second batch");
  await hand.release();
  await hand.release();
  assert.deepEqual(await Promise.all([first, second]), ["done 4", "done 5"]);
});

test("more than may wait are refused as overloaded, and the others are served", async () => {
  const hand = byHand<number>();
  const call = coalesce({ ...limits, waitingItems: 2, run: hand.run });
  const first = call(1);
  await turn();
  const answers = [first, ...[2, 3].map(call)];
  await assert.rejects(call(4), { code: "overloaded", status: 503, headers: { "retry-after": "2" } });
  await hand.release();
  await hand.release();
  assert.deepEqual(await Promise.all(answers), ["done 1", "done 2", "done 3"]);
});

test("a batch is told since when the first of its items waits, also when it is halved after an error", async (t) => {
  let nowMs = 1_000;
  t.mock.method(performance, "now", () => nowMs);
  const hand = byHand<string>();
  const told: [items: string[], sinceMs: number][] = [];
  const run = (items: string[], sinceMs: number) => {
    told.push([items, sinceMs]);
    return hand.run(items);
  };
  const call = coalesce({ ...limits, run });
  const answers = [call("first")];
  await turn();
  for (const item of ["second", "third"]) {
    nowMs += 100;
    answers.push(call(item));
  }
  nowMs += 5_000;
  await hand.release();
  await hand.fail(new Error("one row's fault"));
  await hand.release();
  await hand.release();
  assert.equal((await Promise.all(answers)).length, 3);
  assert.deepEqual(told, [
    [["first"], 1_000],
    [["second", "third"], 1_100],
    [["second"], 1_100],
    [["third"], 1_200],
  ]);
});
