const turnMs = 1;

/**
 * Work that strangers can cause in large amounts is done a little at a time. In between comes everything else: new connections,
 * deliveries, queries. Node accepts one new connection per round of its event loop, so the rounds must be short.
 */
export function createTurns(): Turns {
  let waiting: (() => void)[] = [];
  let isUnderWay = false;

  function run(): void {
    const untilMs = performance.now() + turnMs;
    let done = 0;
    do waiting[done++]?.();
    while (done < waiting.length && performance.now() < untilMs);
    waiting = waiting.slice(done);
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
