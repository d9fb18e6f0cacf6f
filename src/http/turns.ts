const atOnce = 10;

/**
 * Work that strangers can cause in heaps: ten pieces of it, then whatever else has come, deliveries and queries above all,
 * then the next ten.
 */
export function createTurns(): Turns {
  const waiting: (() => void)[] = [];
  let isUnderWay = false;

  function run(): void {
    for (const work of waiting.splice(0, atOnce)) work();
    isUnderWay = waiting.length > 0;
    if (isUnderWay) setImmediate(run);
  }

  return {
    take: (work) => {
      waiting.push(work);
      if (isUnderWay) return;
      isUnderWay = true;
      setImmediate(run);
    },
    waiting: () => waiting.length,
  };
}

export type Turns = { take: (work: () => void) => void; waiting: () => number };
