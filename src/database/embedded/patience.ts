/** When a database that runs but does not answer is restarted. */
export type Patience = {
  /** The pause between two checks, each on a new connection; a check may take as long as the pause. */
  askEveryMs: number;
  /** After this many checks in a row without an answer it is restarted. */
  questions: number;
  /** How long it may take to start: a long recovery must not begin again and again. */
  startingMs: number;
  /** The longest pause before a restart. */
  pauseMostMs: number;
  /** How long it may take to shut down before it is killed. */
  stopMs: number;
};

export const usualPatience: Patience = {
  askEveryMs: 5_000,
  questions: 12,
  startingMs: 600_000,
  pauseMostMs: 60_000,
  stopMs: 10_000,
};
