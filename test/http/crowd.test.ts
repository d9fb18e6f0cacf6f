import assert from "node:assert/strict";
import { test } from "node:test";
import { crowd } from "../../src/http/crowd.ts";
import { createTurns } from "../../src/http/turns.ts";

test("with one more than the most the oldest is given up; who comes again is the newest", () => {
  const [a, b, c, d] = [{ name: "a" }, { name: "b" }, { name: "c" }, { name: "d" }];
  const givenUp: string[] = [];
  const three = crowd<{ name: string }>(3, ({ name }) => givenUp.push(name));
  for (const one of [a, b, c, a]) three.add(one);
  assert.deepEqual(givenUp, []);
  three.add(d);
  three.remove(c);
  three.add(b);
  assert.deepEqual(givenUp, ["b"]);
  three.add(c);
  assert.deepEqual(givenUp, ["b", "a"]);
});

test("of work in heaps a little is done, then what came meanwhile, and all of it in its order", async () => {
  const turns = createTurns();
  const done: number[] = [];
  let rounds = 0;
  const busy = (piece: number) => {
    for (const endMs = performance.now() + 0.4; performance.now() < endMs; );
    done.push(piece);
    // What a piece of work brings about comes after all that waits already.
    if (piece === 0) turns.take(() => busy(30));
  };
  for (let piece = 0; piece < 30; piece += 1) turns.take(() => busy(piece));
  assert.deepEqual([turns.waiting(), done], [30, []]);
  for (; turns.waiting() > 0 && rounds < 100; rounds += 1) await new Promise(setImmediate);
  assert.deepEqual(
    done,
    Array.from({ length: 31 }, (_, piece) => piece),
  );
  assert.ok(rounds >= 8, `${rounds} rounds`);
});
