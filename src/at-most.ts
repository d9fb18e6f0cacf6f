/** Runs at most so many pieces of work at once; any further one is "busy" and is not begun. */
export function atMost(count: number) {
  let running = 0;
  return {
    isFull: () => running >= count,
    run: async <T>(work: () => Promise<T>): Promise<T | "busy"> => {
      if (running >= count) return "busy";
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
      }
    },
  };
}
