import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal, refusalCodes } from "../../src/http/refusal.ts";

for (const code of refusalCodes)
  test(`the refusal ${code} has a kebab-case code, a status that fits and a sentence`, () => {
    const refusal = new Refusal(code);
    assert.match(code, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(refusal.status >= 400 && refusal.status <= 503);
    assert.match(refusal.message, /^[A-Z].*\.$/);
    assert.equal(refusal.headers["retry-after"], refusal.status === 503 ? "2" : undefined);
  });
