export type LanesOptions<Item> = {
  /** How many may wait in a lane. */
  mostIn: (lane: string) => number;
  /** Lanes without a limit on their number, since strangers cannot open them. */
  isFree: (lane: string) => boolean;
  /** How many other lanes there may be. */
  lanesMost: number;
  onTurnedAway: (item: Item) => void;
};

/** Lanes that take turns. When there is no room, one of those waiting, or the newcomer, is turned away at random. */
export function createLanes<Item>({ mostIn, isFree, lanesMost, onTurnedAway }: LanesOptions<Item>): Lanes<Item> {
  const lanes = new Map<string, Item[]>();

  function turnAway(lane: string): void {
    const waiting = lanes.get(lane) ?? [];
    const [item] = waiting.splice(Math.floor(Math.random() * waiting.length), 1);
    if (waiting.length === 0) lanes.delete(lane);
    if (item !== undefined) onTurnedAway(item);
  }

  return {
    names: () => [...lanes.keys()],
    enter: (lane, item) => {
      const waiting = lanes.get(lane) ?? [];
      lanes.set(lane, waiting);
      waiting.push(item);
      if (waiting.length > mostIn(lane)) turnAway(lane);
      const crowd = [...lanes.keys()].filter((name) => !isFree(name));
      if (crowd.length > lanesMost) turnAway(crowd[Math.floor(Math.random() * crowd.length)] ?? lane);
    },
    take: (lane) => {
      const [item, ...others] = lanes.get(lane) ?? [];
      lanes.delete(lane);
      if (others.length > 0) lanes.set(lane, others);
      return item;
    },
    clear: () => {
      for (const lane of [...lanes.keys()]) while (lanes.has(lane)) turnAway(lane);
    },
  };
}

export type Lanes<Item> = {
  /** In the order of their turns. */
  names: () => string[];
  enter: (lane: string, item: Item) => void;
  /** Takes the first of a lane; the lane then goes to the end of the queue. */
  take: (lane: string) => Item | undefined;
  /** Turns everybody away. */
  clear: () => void;
};
