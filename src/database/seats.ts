import type { Sql } from "./client.ts";

/** A connection that one statement (or one long work) has to itself for as long as it takes. */
export type Seat = { client: Sql | undefined };

/**
 * At most `count` seats, of which long work gets at most `longAtOnce`. The seat that was given back last is taken first: so few
 * connections do most of the work, and the others need not be opened.
 */
export function createSeats(count: number, longAtOnce: number) {
  const all = Array.from({ length: count }, (): Seat => ({ client: undefined }));
  const free = [...all];
  const waiting: { isLong: boolean; enter: (seat: Seat) => void }[] = [];
  let long = 0;

  function takeNow(isLong: boolean): Seat | undefined {
    if (isLong && long >= longAtOnce) return undefined;
    const seat = free.pop();
    if (seat && isLong) long += 1;
    return seat;
  }

  function letIn(): void {
    for (let index = 0; index < waiting.length && free.length > 0; ) {
      const seat = takeNow(waiting[index]?.isLong === true);
      if (!seat) index += 1;
      else waiting.splice(index, 1)[0]?.enter(seat);
    }
  }

  return {
    all,
    /** Resolves when a seat is free, first come first served; undefined once `signal` ends the wait. */
    take: (isLong = false, signal?: AbortSignal): Promise<Seat | undefined> => {
      const seat = takeNow(isLong);
      if (seat) return Promise.resolve(seat);
      return new Promise((resolve) => {
        const one = { isLong, enter: resolve };
        waiting.push(one);
        signal?.addEventListener(
          "abort",
          () => {
            const place = waiting.indexOf(one);
            if (place >= 0) waiting.splice(place, 1);
            resolve(undefined);
          },
          { once: true },
        );
      });
    },
    give: (seat: Seat, isLong = false): void => {
      if (isLong) long -= 1;
      free.push(seat);
      letIn();
    },
  };
}
