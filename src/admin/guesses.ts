import { networkOf } from "./address.ts";
import { createLanes } from "./lanes.ts";
import type { WrongGuesses } from "./wrong-guesses.ts";

const freeGuesses = 5;
const slowestMs = 30_000;
const patientEveryMs = 10_000;
const rememberedMost = 1_000;
const laneMost = 2;
const patientLaneMost = 4;
const lanesMost = 20;
const crowdedSeconds = 2;
/** The limit for all strangers together: this many wrong passwords at once, then one a second. */
const budget = { most: 20, everyMs: 1_000 };

/** Who gives a password. */
export type Guesser = {
  /** An address from `ipAddress`, or another text that stands for a place. */
  address: string;
  /** The name of a browser that was signed in before. */
  device: string | undefined;
  /** It was told to wait, and did. */
  hasWaited: boolean;
};

export type Outcome = "right" | "wrong" | { waitSeconds: number };

/**
 * Slows guessing without locking the owner out. After 5 wrong passwords an address (of IPv6: a /64), or a browser that was
 * signed in before, must wait; twice as long after each further one, 30 s at most. One password is checked at a time, so that a
 * flood of guesses takes neither memory nor the processor.
 *
 * Guesses wait for their check in lanes. A known browser has a lane of its own, which comes first. All others share a budget and
 * wait in the lane of their wider network (/24 or /48); the lanes take turns, so ever new addresses gain nothing. Whoever waited
 * as told goes to a quick lane, since at a shared address a stranger may start a new wait again and again.
 */
export function createGuesses({ wrongGuesses, stopping, nowMs = () => performance.now() }: GuessesDeps): Guesses {
  const lanes = createLanes<Waiting>({
    mostIn: (lane) => (lane.startsWith(patient) ? patientLaneMost : laneMost),
    isFree: (lane) => lane.startsWith(known),
    lanesMost,
    onTurnedAway: ({ resolve }) => resolve({ waitSeconds: crowdedSeconds }),
  });
  const pauses = new Map<string, { count: number; untilMs: number }>();
  let isChecking = false;
  let timer: NodeJS.Timeout | undefined;
  let tokens = budget.most;
  let tokensAtMs = nowMs();

  function pauseMs(who: string): number {
    return Math.max(0, (pauses.get(who)?.untilMs ?? 0) - nowMs());
  }

  function note(who: string, count: number, ms: number): void {
    pauses.delete(who);
    pauses.set(who, { count, untilMs: nowMs() + ms });
    const [oldest] = pauses.keys();
    if (pauses.size > rememberedMost && oldest !== undefined) pauses.delete(oldest);
  }

  function next(): void {
    clearTimeout(timer);
    const names = lanes.names();
    if (isChecking || names.length === 0) return;
    const strangers = names.filter((name) => !name.startsWith(known));
    const delays = strangers.map((name) => Math.max(budgetMs(), pauseMs(name)));
    const lane = names.find((name) => name.startsWith(known)) ?? strangers.find((_, index) => delays[index] === 0);
    const guess = lane === undefined ? undefined : lanes.take(lane);
    if (!guess) {
      timer = setTimeout(next, Math.min(...delays) + 1);
      return;
    }
    isChecking = true;
    judge(guess)
      .then(guess.resolve, guess.reject)
      .finally(() => {
        isChecking = false;
        next();
      });
  }

  function budgetMs(): number {
    const now = nowMs();
    tokens = Math.min(budget.most, tokens + (now - tokensAtMs) / budget.everyMs);
    tokensAtMs = now;
    return tokens >= 1 ? 0 : (1 - tokens) * budget.everyMs;
  }

  /** Whoever waited goes to the quick lane if nobody else is in the way. */
  function laneOf({ address, device, hasWaited }: Guesser, isPaused: boolean): string {
    if (device !== undefined) return known + device;
    const network = networkOf(address, { v4: 24, v6: 48 });
    const quick = `new ${network}`;
    return hasWaited && (isPaused || lanes.names().includes(quick)) ? patient + network : quick;
  }

  async function judge({ guesser, isRight, lane }: Waiting): Promise<Outcome> {
    const who = whoIs(guesser);
    const count = await wrongGuesses.count(who);
    // Also counts wrong passwords that another replica saw, or this one before a restart.
    if (count > (pauses.get(who)?.count ?? 0)) note(who, count, pauseAfter(count));
    const leftMs = pauseMs(who);
    if (leftMs > 0 && !guesser.hasWaited) return { waitSeconds: Math.ceil(leftMs / 1_000) };
    if (await isRight()) {
      pauses.delete(who);
      if (count > 0) await wrongGuesses.forget(who);
      return "right";
    }
    if (guesser.device === undefined) tokens -= 1;
    if (lane.startsWith(patient)) note(lane, 0, patientEveryMs);
    const counted = await wrongGuesses.add(who);
    note(who, counted, pauseAfter(counted));
    return "wrong";
  }

  stopping?.addEventListener("abort", lanes.clear);

  return {
    check: (guesser, isRight) =>
      new Promise((resolve, reject) => {
        const leftMs = pauseMs(whoIs(guesser));
        if (leftMs > 0 && !guesser.hasWaited) return resolve({ waitSeconds: Math.ceil(leftMs / 1_000) });
        if (stopping?.aborted) return resolve({ waitSeconds: crowdedSeconds });
        const lane = laneOf(guesser, leftMs > 0);
        lanes.enter(lane, { guesser, lane, isRight, resolve, reject });
        next();
      }),
  };
}

export type GuessesDeps = {
  wrongGuesses: WrongGuesses;
  /** When aborted, nobody waits any longer. */
  stopping?: AbortSignal;
  /** A clock that nobody sets. */
  nowMs?: () => number;
};

export type Guesses = {
  /** `waitSeconds`: the password was not checked. */
  check: (guesser: Guesser, isRight: () => Promise<boolean>) => Promise<Outcome>;
};

type Waiting = {
  guesser: Guesser;
  lane: string;
  isRight: () => Promise<boolean>;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
};

const known = "known ";
const patient = "patient ";

const whoIs = ({ address, device }: Guesser) =>
  device === undefined ? networkOf(address, { v4: 32, v6: 64 }) : `browser ${device}`;

const pauseAfter = (count: number) =>
  count < freeGuesses ? 0 : Math.min(slowestMs, 1_000 * 2 ** (count - freeGuesses));
