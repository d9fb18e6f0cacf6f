/** For the database, the log, backups, Steam and Node itself: twice what they need. */
const reservedFiles = 100;
const fewestConnections = 50;

/** How many network connections may be open, and how many of them may be in a state that costs a stranger nothing. */
export type Limits = {
  all: number;
  /** Without a request under way. */
  idle: number;
  /** Without a request under way, after an earlier request with a right signature. */
  idleKnown: number;
  /** With a body that has not come yet. */
  awaited: number;
  /** With an answer that is not read. */
  unread: number;
  /** With more requests sent before the first is answered. */
  held: number;
};

/**
 * The limits that fit what the system allows: `openFiles` is the process's limit, undefined where it is not known. The shares
 * add up to less than the whole, so a new connection always finds room.
 */
export function limitsWithin(openFiles = Number.POSITIVE_INFINITY): Limits {
  const all = Math.max(fewestConnections, Math.min(5_000, openFiles - reservedFiles));
  const share = (most: number, part: number) => Math.min(most, Math.floor(all * part));
  return {
    all,
    idle: share(2_000, 0.4),
    idleKnown: share(500, 0.1),
    awaited: share(300, 0.15),
    unread: share(200, 0.15),
    held: share(100, 0.1),
  };
}

/** A warning for the operator when the limit is too low; else undefined. */
export function limitWarning(openFiles: number | undefined): string | undefined {
  const { all } = limitsWithin(openFiles);
  if (openFiles === undefined || all >= limitsWithin().all) return undefined;
  return (
    `This process may open only ${openFiles} files, so it takes at most ${all} network connections instead of ${limitsWithin().all}. ` +
    "Raise the limit: LimitNOFILE=8192 in a systemd unit, `ulimit -Hn 8192` in a shell, `ulimits` in Docker."
  );
}
