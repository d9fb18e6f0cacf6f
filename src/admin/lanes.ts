export type LanesOptions<Item> = {
  /** How many may wait in a lane. */
  mostIn: (lane: string) => number;
  /** Lanes without a limit to their number: not everybody can begin one. */
  isFree: (lane: string) => boolean;
  /** Of all other lanes. */
  lanesMost: number;
  onTurnedAway: (item: Item) => void;
};

/** Lanes that have their turn one after another. Where there is no room, one is turned away by lot, the newcomer or another. */
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
  /** The first of the lane, which then goes to the end of the row. */
  take: (lane: string) => Item | undefined;
  /** Turns all away. */
  clear: () => void;
};
