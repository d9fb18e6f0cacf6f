import assert from "node:assert/strict";
import { test } from "node:test";
import { crowd } from "../../src/http/crowd.ts";
import { createTurns } from "../../src/http/turns.ts";
import { eventually } from "../support/eventually.ts";

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

test("of work in heaps ten pieces are done, then what came meanwhile, and all of it in its order", async () => {
  const turns = createTurns();
  const done: (number | string)[] = [];
  for (let piece = 0; piece < 25; piece += 1) turns.take(() => done.push(piece));
  assert.deepEqual([turns.waiting(), done], [25, []]);
  const between = () => {
    done.push("another");
    if (done.length < 27) setImmediate(between);
  };
  setImmediate(between);
  await eventually("everybody's turn", () => turns.waiting() === 0);
  assert.deepEqual(
    done.filter((piece) => piece !== "another"),
    Array.from({ length: 25 }, (_, piece) => piece),
  );
  assert.equal(done[10], "another");
});
