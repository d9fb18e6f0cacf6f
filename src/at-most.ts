/** Runs at most `count` pieces of work at once. Any further one is "busy" and does not begin. */
export function atMost(count: number) {
  let running = 0;

  function take(): (() => void) | undefined {
    if (running >= count) return undefined;
    running += 1;
    return () => {
      running -= 1;
    };
  }

  return {
    /** A place for work that begins a little later: to be called, once, when that work is over. undefined: busy. */
    take,
    run: async <T>(work: () => Promise<T>): Promise<T | "busy"> => {
      const leave = take();
      if (!leave) return "busy";
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
