/** Runs at most `count` pieces of work at once. Any further one is "busy" and does not begin. */
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
