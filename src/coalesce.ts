import { Refusal } from "./http/refusal.ts";

/**
 * Calls that arrive while one is running share the next one. A lone caller waits for nothing, there is no timer,
 * and each caller hears only of its own item.
 *
 * `run` gets items of up to `batchSize` together and the time (performance.now) since which the first of them waits, and
 * answers with what gives each its result, by its index. When it throws, the batch is halved and run again until only
 * the guilty items fail; an error that `concernsAll` (the database is away) fails all that wait, at once. More than
 * `waitingItems` waiting: Refusal "overloaded".
 */
export function coalesce<Item, Result>(options: CoalesceOptions<Item, Result>): (item: Item) => Promise<Result> {
  const {
    run,
    besideSize = Number.POSITIVE_INFINITY,
    sizeOf = () => 1,
    batchSize,
    waitingItems,
    concernsAll,
  } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let waitingSize = 0;
  let running = 0;

  async function runAll(): Promise<void> {
    while (waiting.length > 0 && (running === 1 || waitingSize >= besideSize)) await settle(nextBatch());
    running -= 1;
  }

  /** At least one item, whatever its size. */
  function nextBatch(): Waiting<Item, Result>[] {
    let count = 0;
    let size = 0;
    for (const { item } of waiting) {
      const more = sizeOf(item);
      if (size + more > batchSize && count > 0) break;
      size += more;
      count += 1;
    }
    waitingSize -= size;
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  }

  async function settle(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const items = batch.map(({ item }) => item);
      const resultOf = await run(items, batch[0]?.sinceMs ?? performance.now());
      for (const [index, { resolve }] of batch.entries()) resolve(resultOf(index));
    } catch (error) {
      if (concernsAll(error)) {
        waitingSize = 0;
        return fail([...batch, ...waiting.splice(0)], error);
      }
      if (batch.length === 1) return fail(batch, error);
      const half = batch.length >> 1;
      await settle(batch.slice(0, half));
      await settle(batch.slice(half));
    }
  }

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      if (waiting.length >= waitingItems) throw new Refusal("overloaded");
      waiting.push({ item, sinceMs: performance.now(), resolve, reject });
      waitingSize += sizeOf(item);
      if (running === 2 || (running === 1 && waitingSize < besideSize)) return;
      running += 1;
      // Not at once: what came in the same moment, behind this one in the queue of the event loop, takes part.
      setImmediate(runAll);
    });
}

export type CoalesceOptions<Item, Result> = {
  run: (items: Item[], sinceMs: number) => Promise<(index: number) => Result>;
  /**
   * While a batch is under way, a second one begins beside it as soon as items of this size wait. By default never: then
   * batches do not overtake each other.
   */
  besideSize?: number;
  /** What an item counts for these sizes; by default 1. */
  sizeOf?: (item: Item) => number;
  batchSize: number;
  waitingItems: number;
  concernsAll: (error: unknown) => boolean;
};

type Waiting<Item, Result> = {
  item: Item;
  sinceMs: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

function fail(waiting: Waiting<unknown, never>[], error: unknown): void {
  for (const { reject } of waiting) reject(error);
}
