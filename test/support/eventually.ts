import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

type Truthy<T> = Exclude<T, false | undefined | null | 0 | "">;

/**
 * What `look` finds, asked again and again until it is something. Fails after a minute with `what`, the words on what was
 * waited for: a busy machine may be slow, and none of this is a test of speed.
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  { everyMs = 10, seconds = 60 } = {},
): Promise<Truthy<T>> {
  for (const giveUpAt = performance.now() + seconds * 1_000; performance.now() < giveUpAt; await sleep(everyMs)) {
    const found = await look();
    if (found) return found as Truthy<T>;
  }
  return assert.fail(`waited ${seconds} seconds in vain for ${what}`);
}
