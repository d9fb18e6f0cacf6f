import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { lineWriter } from "../src/lines.ts";

/** A disk that can be full, and a reader who can stop reading. */
function disk() {
  const state = { isFull: false, isStopped: false };
  const written: string[] = [];
  const waiting: (() => void)[] = [];
  const stream = new Writable({
    decodeStrings: false,
    autoDestroy: false,
    write: (text, _encoding, done) => {
      if (state.isFull) return done(Object.assign(new Error("full"), { code: "ENOSPC" }));
      written.push(text);
      if (state.isStopped) waiting.push(done);
      else done();
    },
  });
  return { state, written, stream, resume: () => waiting.splice(0).forEach((done) => void done()) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a reader who stops reading costs a bounded memory, and is told what is missing when reading goes on", async () => {
  const { state, written, stream, resume } = disk();
  const write = lineWriter(stream, (lines) => `missing ${lines}\n`);
  state.isStopped = true;
  for (let count = 0; count < 1_000; count += 1) write(`${"x".repeat(999)}\n`);
  assert.ok(stream.writableLength < 300_000, `${stream.writableLength}`);
  state.isStopped = false;
  resume();
  await settled();
  const missing = Number(/missing (\d+)/.exec(written.join(""))?.[1]);
  assert.equal(written.filter((text) => text.startsWith("x")).length + missing, 1_000);
});

test("on a full disk nothing is thrown, and the number of lost lines follows the first line that is written again", async () => {
  const { state, written, stream } = disk();
  const write = lineWriter(stream, (lines) => `missing ${lines}\n`);
  write("first\n");
  await settled();
  state.isFull = true;
  for (const line of ["a\n", "b\n", "c\n"]) {
    write(line);
    await settled();
    // As Node's own streams of standard output are: an error does not end them.
    Reflect.apply(Reflect.get(stream, "_undestroy"), stream, []);
  }
  state.isFull = false;
  write("again\n");
  await settled();
  assert.equal(written.join(""), "first\n\nagain\nmissing 3\n");
});
