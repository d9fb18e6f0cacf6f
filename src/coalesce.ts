import { Refusal } from "./http/refusal.ts";

/**
 * Calls that arrive while one is running share the next one. A lone caller waits for nothing, there is no timer,
 * and each caller hears only of its own item.
 *
 * `run` gets up to `batchItems` items, the time (performance.now) since which the first of them waits, and answers with
 * what gives each its result. When it throws, the batch is halved
 * and run again until only the guilty items fail; an error that `concernsAll` (the database is away) fails all that
 * wait, at once. More than `waitingItems` waiting: Refusal "overloaded".
 */
export function coalesce<Item, Result>(options: CoalesceOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { run, batchItems, waitingItems, concernsAll } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let running = false;

  async function runAll(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchItems);
      waiting = waiting.slice(batchItems);
      await settle(batch);
    }
    running = false;
  }

  async function settle(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const resultOf = await run(
        batch.map(({ item }) => item),
        batch[0]?.sinceMs ?? performance.now(),
      );
      for (const { item, resolve } of batch) resolve(resultOf(item));
    } catch (error) {
      if (concernsAll(error)) return fail([...batch, ...waiting.splice(0)], error);
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
      if (!running) void runAll();
    });
}

export type CoalesceOptions<Item, Result> = {
  run: (items: Item[], sinceMs: number) => Promise<(item: Item) => Result>;
  batchItems: number;
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
