import assert from "node:assert/strict";
import { test } from "node:test";
import { isUnsafePort } from "../../src/http/unsafe-ports.ts";

test("the ports that are named at the start are those to which fetch does not connect", async () => {
  // fetch answers for them at once, without the network.
  const unsafe = Array.from({ length: 65_535 }, (_, index) => index + 1).filter(isUnsafePort);
  assert.ok(unsafe.includes(6_000) && unsafe.includes(10_080));
  for (const port of unsafe)
    await assert.rejects(
      fetch(`http://127.0.0.1:${port}/`),
      (error: Error) => error.cause instanceof Error && error.cause.message === "bad port",
      String(port),
    );
});

test("the usual ports of a web service are safe", () => {
  assert.deepEqual([80, 443, 3_000, 5_432, 8_000, 8_080, 8_443].filter(isUnsafePort), []);
});
