import type { Log } from "./log.ts";

/**
 * Decides when a call to Steam may begin: at most so many at once, a second and a day, none while Steam is failing.
 * After `enter` gave true, `leave` must follow with how it went.
 */
export type Gate = {
  enter: (entrant: Entrant) => Promise<boolean>;
  /** Somebody else waits for the same call: it may wait for as long as either, and is a refresh only while all want one. */
  join: (entrant: Entrant, other: Entrant) => void;
  /** Forgets the failures so far, since they say nothing about the next call. */
  closeBreaker: () => void;
  leave: (outcome: { kind: CallEnd; reason?: string }) => void;
  status: () => GateStatus;
  /**
   * The calls of a day (UTC, such as 2026-01-02) that all services together have made, ours in as far as they had `ended`; and
   * how many services share the calls a second.
   */
  share: (shared: Shared, ended: Readonly<Record<CallEnd, number>>) => void;
};

export type Shared = { steamCallsToday: number; day: string; replicas: number };

/** How a call to Steam went; `steam.ts` says what each means. */
export type CallEnd = "answer" | "passing" | "nonsense" | "forbidden" | "player";

export type GateStatus = {
  /** Probing: the pause is over, and the next call decides. */
  breaker: "closed" | "open" | "probing";
  /** Calls since the start, by how they went. */
  ended: Record<CallEnd, number>;
  /** Calls that were not allowed, since the start. */
  dropped: number;
  waiting: number;
  callsToday: number;
  callsPerDay: number;
  /** When a call had an answer; undefined: not since the start. */
  answeredAt: Date | undefined;
  /** Why the breaker is not closed, in a few words; else empty. */
  reason: string;
  /** The breaker is not closed because Steam refuses the key or our address. */
  isForbidden: boolean;
};

/** Both may change while it waits: another query may join with a later deadline. */
export type Entrant = { readonly refresh: boolean; readonly dropAtMs: number };

export type GateLimits = {
  callsAtOnce: number;
  burstCalls: number;
  waitingCalls: number;
  /** So many failures in a row open the breaker. */
  failures: number;
  /** How long it stays open at first; doubled while probes fail, up to `openMostMs`. */
  openMs: number;
  openMostMs: number;
  /** How long at first when Steam forbids us to ask: more calls would make a block longer. */
  forbiddenMs: number;
  /** What `dropAtMs` is measured by. */
  clockMs: () => number;
};

const defaults: GateLimits = {
  callsAtOnce: 8,
  burstCalls: 40,
  waitingCalls: 1_000,
  failures: 5,
  openMs: 15_000,
  openMostMs: 600_000,
  forbiddenMs: 300_000,
  clockMs: () => performance.now(),
};

/** Refreshes leave a fifth of the day's calls to players whom nobody knows yet. */
const refreshShare = 0.8;

export function createGate(options: GateOptions): Gate {
  const { callsPerSecond, callsPerDay, now, log } = options;
  const limits = { ...defaults, ...options };
  const { clockMs } = limits;
  let waiting: Waiting[] = [];
  let active = 0;
  let timer: NodeJS.Timeout | undefined;
  const bucket = { tokens: limits.burstCalls, filledAtMs: clockMs() };
  const today = { date: dateOf(now()), calls: options.callsToday ?? 0, saidFull: false };
  const breaker = { failures: 0, openUntilMs: 0, openMs: 0, probing: false, reason: "", isForbidden: false };
  const ended: Record<CallEnd, number> = { answer: 0, passing: 0, nonsense: 0, forbidden: 0, player: 0 };
  let dropped = 0;
  let begun = 0;
  let replicas = 1;
  let answeredAt: Date | undefined;

  return {
    enter: (entrant) => {
      if (waiting.length >= limits.waitingCalls || isOpen() || !isInDay(entrant)) {
        dropped += 1;
        return Promise.resolve(false);
      }
      return new Promise((enter) => {
        waiting.push({ entrant, enter });
        letIn();
      });
    },
    join: (entrant, { refresh, dropAtMs }) => {
      Object.assign(entrant, {
        refresh: entrant.refresh && refresh,
        dropAtMs: Math.max(entrant.dropAtMs, dropAtMs),
      } satisfies Entrant);
    },
    leave: ({ kind, reason }) => {
      active -= 1;
      ended[kind] += 1;
      if (kind === "answer" || kind === "player") succeeded();
      else failed(kind === "forbidden", reason ?? "");
      letIn();
    },
    share: (shared, ended) => {
      replicas = Math.max(1, shared.replicas);
      if (shared.day !== dateOf(now())) return;
      const known = Object.values(ended).reduce((sum, count) => sum + count, 0);
      if (shared.day !== today.date) Object.assign(today, { date: shared.day, saidFull: false });
      today.calls = shared.steamCallsToday + begun - known;
    },
    closeBreaker,
    status: () => ({
      breaker: breaker.openUntilMs === 0 ? "closed" : breaker.openUntilMs > clockMs() ? "open" : "probing",
      ended: { ...ended },
      dropped,
      waiting: waiting.length,
      callsToday: today.date === dateOf(now()) ? today.calls : 0,
      callsPerDay,
      answeredAt,
      reason: breaker.reason,
      isForbidden: breaker.isForbidden,
    }),
  };

  function letIn(): void {
    clearTimeout(timer);
    refuse(({ entrant }) => entrant.dropAtMs <= clockMs() || isOpen() || !isInDay(entrant));
    while (waiting.length > 0 && active < limits.callsAtOnce && takeToken()) {
      if (breaker.openUntilMs > 0) breaker.probing = true;
      active += 1;
      today.calls += 1;
      begun += 1;
      waiting.shift()?.enter(true);
      if (breaker.probing) refuse(() => true);
    }
    if (waiting.length === 0) return;
    const soonestMs = Math.min(...waiting.map(({ entrant }) => entrant.dropAtMs)) - clockMs();
    const tokenMs = active < limits.callsAtOnce ? (1_000 * replicas) / callsPerSecond : Number.POSITIVE_INFINITY;
    timer = setTimeout(letIn, Math.max(1, Math.min(soonestMs, tokenMs)));
    timer.unref();
  }

  function refuse(which: (one: Waiting) => boolean): void {
    const refused = waiting.filter(which);
    if (refused.length === 0) return;
    dropped += refused.length;
    waiting = waiting.filter((one) => !refused.includes(one));
    for (const { enter } of refused) enter(false);
  }

  function takeToken(): boolean {
    const nowMs = clockMs();
    const filled = (((nowMs - bucket.filledAtMs) / 1_000) * callsPerSecond) / replicas;
    bucket.tokens = Math.min(Math.max(1, limits.burstCalls / replicas), bucket.tokens + filled);
    bucket.filledAtMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  function isInDay({ refresh }: Entrant): boolean {
    const date = dateOf(now());
    if (date !== today.date) Object.assign(today, { date, calls: 0, saidFull: false });
    const isIn = today.calls < (refresh ? callsPerDay * refreshShare : callsPerDay);
    if (!isIn && !today.saidFull) {
      today.saidFull = true;
      log.warn("today's calls to Steam are used up", { calls: today.calls, callsPerDay, onlyRefreshes: refresh });
    }
    return isIn;
  }

  /** Open for all but one: when its time is over, the next call is the probe. */
  function isOpen(): boolean {
    return breaker.probing || breaker.openUntilMs > clockMs();
  }

  function succeeded(): void {
    answeredAt = now();
    if (breaker.openUntilMs > 0) log.info("Steam answers again");
    closeBreaker();
  }

  function closeBreaker(): void {
    Object.assign(breaker, { failures: 0, openUntilMs: 0, openMs: 0, probing: false, reason: "", isForbidden: false });
  }

  function failed(isForbidden: boolean, reason: string): void {
    breaker.failures += 1;
    // Calls that were under way when it opened change nothing more.
    if (breaker.openUntilMs > clockMs()) return;
    if (!isForbidden && !breaker.probing && breaker.failures < limits.failures) return;
    const startMs = isForbidden ? limits.forbiddenMs : limits.openMs;
    breaker.openMs = Math.min(limits.openMostMs, Math.max(startMs, breaker.openMs * 2));
    breaker.openUntilMs = clockMs() + breaker.openMs;
    breaker.probing = false;
    breaker.isForbidden = isForbidden;
    if (reason === breaker.reason) return;
    breaker.reason = reason;
    if (isForbidden) log.error(forbiddenWords, { reason });
    else
      log.warn("Steam does not answer properly; it is asked less often until it does", {
        reason,
        pauseSeconds: breaker.openMs / 1_000,
      });
  }
}

const dateOf = (time: Date) => time.toISOString().slice(0, 10);

const forbiddenWords =
  "Steam refuses our calls: the key in [STEAM] KEY is wrong, or this server's address is blocked. Compare the key with https://steamcommunity.com/dev/apikey";

export type GateOptions = {
  callsPerSecond: number;
  callsPerDay: number;
  /** Those of this day, in UTC, before the start; default: none. */
  callsToday?: number;
  now: () => Date;
  log: Log;
} & Partial<GateLimits>;
type Waiting = { entrant: Entrant; enter: (may: boolean) => void };
