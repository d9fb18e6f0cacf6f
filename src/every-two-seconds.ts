import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "./log.ts";

const everyMs = 2_000;

/** Does each piece of work every two seconds, until the returned function is called. A failure is tried again. */
export function everyTwoSeconds(works: readonly (() => Promise<void>)[], log: Log): () => void {
  const stopping = new AbortController();
  void (async () => {
    while (!stopping.signal.aborted) {
      for (const work of works)
        await work().catch((error) => log.debug("what others changed could not be read", { error }));
      await sleep(everyMs, undefined, { ref: false, signal: stopping.signal }).catch(() => {});
    }
  })();
  return () => stopping.abort();
}
