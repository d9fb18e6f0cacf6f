import assert from "node:assert/strict";
import { test } from "node:test";
import { limitsWithin, limitWarning } from "../../src/http/limits.ts";

test("without a known limit, or with a high one, there are 5,000 connections and no warning", () => {
  for (const openFiles of [undefined, 20_000, 1_048_576]) {
    assert.deepEqual(limitsWithin(openFiles), {
      all: 5_000,
      idle: 2_000,
      idleKnown: 500,
      awaited: 300,
      unread: 200,
      held: 100,
    });
    assert.equal(limitWarning(openFiles), undefined);
  }
});

test("within a low limit files are left over, and what strangers may take is less than all", () => {
  for (const openFiles of [150, 256, 1_024, 4_096]) {
    const { all, ...shares } = limitsWithin(openFiles);
    assert.equal(all, openFiles - 100);
    const together = Object.values(shares).reduce((sum, share) => sum + share);
    assert.ok(together < all && Object.values(shares).every((share) => share > 0), JSON.stringify(shares));
    assert.match(limitWarning(openFiles) ?? "", new RegExp(`only ${openFiles} files.* ${all} network connections`));
  }
  assert.equal(limitsWithin(20).all, 50);
});
