/** When a database that lives, but does not serve, is started again. */
export type Patience = {
  /** Between two questions on a connection of its own; each may take as long. */
  askEveryMs: number;
  /** So many without an answer, one after another, and it is started again. */
  questions: number;
  /** So long it may be starting up: a recovery that takes its time must not begin again and again. */
  startingMs: number;
  /** The longest pause before another start. */
  pauseMostMs: number;
  /** So long it may take to shut down before it is killed. */
  stopMs: number;
};

export const usualPatience: Patience = {
  askEveryMs: 5_000,
  questions: 12,
  startingMs: 600_000,
  pauseMostMs: 60_000,
  stopMs: 10_000,
};
