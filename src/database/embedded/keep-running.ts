import { setTimeout as sleep } from "node:timers/promises";
import { type QuietLog, quietLog } from "../../quiet-log.ts";
import { isFullDisk } from "./cause.ts";
import type { Guarded } from "./guarded.ts";
import { probe } from "./probe.ts";
import { launch, type ServerOptions } from "./server.ts";

/**
 * Starts the server, and restarts it whenever it dies or does not answer, until it has failed five times in a minute; on a full
 * disk it never gives up. Resolves when it is ready for the first time, with the function that shuts it down for good.
 */
export async function keepRunning(options: ServerOptions): Promise<() => Promise<void>> {
  const stopping = new AbortController();
  const say = quietLog(options.log);
  const first = await launch(options, say, stopping.signal);
  const ended = supervise(first, options, say, stopping.signal);
  return () => {
    stopping.abort();
    return ended;
  };
}

async function supervise(server: Guarded, options: ServerOptions, say: QuietLog, stopping: AbortSignal): Promise<void> {
  const { log, onGone, patience } = options;
  let failures: number[] = [];
  let inARow = 0;
  let readyAtMs = performance.now();
  for (let running: Guarded | undefined = server, reason = ""; ; ) {
    if (running) reason = (await untilItFails(running, options, stopping)) || running.reason();
    if (stopping.aborted) return;
    const now = performance.now();
    failures = [...failures.filter((time) => time > now - 60_000), now];
    inARow = running && now - readyAtMs > 60_000 ? 1 : inARow + 1;
    if (failures.length >= 5 && !isFullDisk(reason)) {
      log.error("The database failed five times in a minute: giving up", { reason });
      return onGone();
    }
    log.warn("The database died: starting it again", { reason });
    const pauseMs = Math.min(25 * 4 ** (inARow - 1), patience.pauseMostMs);
    await sleep(pauseMs, undefined, { signal: stopping }).catch(() => {});
    try {
      running = await launch(options, say, stopping);
      readyAtMs = performance.now();
      log.info("The database runs again", { seconds: Math.round(readyAtMs - now) / 1000 });
    } catch (error) {
      running = undefined;
      reason = error instanceof Error ? error.message : String(error);
    }
  }
}

/** Fulfilled when the server has ended: with the reason when we ended it because it did not answer, else with "". */
async function untilItFails(
  server: Guarded,
  { socketDir, patience }: ServerOptions,
  stopping: AbortSignal,
): Promise<string> {
  const ended = new AbortController();
  const gone = server.gone.then(() => ended.abort());
  const { askEveryMs, questions, startingMs, stopMs } = patience;
  let silent = 0;
  let startingSinceMs: number | undefined;
  for (;;) {
    const pause = sleep(askEveryMs, undefined, { signal: ended.signal, ref: false }).catch(() => {});
    const state = await probe(socketDir, askEveryMs);
    await pause;
    if (ended.signal.aborted || stopping.aborted) {
      await gone;
      return "";
    }
    silent = state === "silent" ? silent + 1 : 0;
    if (state === "answers") startingSinceMs = undefined;
    else if (state === "starting") startingSinceMs ??= performance.now();
    const isStuck = startingSinceMs !== undefined && performance.now() - startingSinceMs > startingMs;
    if (silent < questions && !isStuck) continue;
    server.stop(stopMs);
    await gone;
    const words = isStuck ? "it did not come up" : "it did not answer";
    const seconds = Math.round((isStuck ? startingMs : questions * askEveryMs) / 1_000);
    return [`${words} within ${seconds} s, though it lived`, server.cause()].filter(Boolean).join(": ");
  }
}
