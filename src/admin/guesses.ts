import { isIPv6 } from "node:net";

const freeGuesses = 5;
const slowestMs = 15 * 60_000;
const forgetMs = 60 * 60_000;
const addressesMost = 1_000;
const waitingMost = 6;
const waitingOfOneMost = 2;

/**
 * Slows guessing. After 5 wrong passwords an address must wait, twice as long after each further one; one password is
 * checked at a time, and few wait, so that a flood of guesses takes neither memory nor the processor.
 */
export function createGuesses(now: () => Date): Guesses {
  const wrong = new Map<string, { count: number; atMs: number; blockedUntilMs: number }>();
  const waiting: string[] = [];
  let last: Promise<unknown> = Promise.resolve();

  async function checkNow(who: string, isRight: () => Promise<boolean>): Promise<Outcome> {
    const nowMs = now().getTime();
    const before = wrong.get(who);
    if (before && before.blockedUntilMs > nowMs)
      return { waitSeconds: Math.ceil((before.blockedUntilMs - nowMs) / 1_000) };
    wrong.delete(who);
    if (await isRight()) return "right";
    const count = before === undefined || nowMs - before.atMs > forgetMs ? 1 : before.count + 1;
    const waitMs = count < freeGuesses ? 0 : Math.min(slowestMs, 1_000 * 2 ** (count - freeGuesses));
    wrong.set(who, { count, atMs: nowMs, blockedUntilMs: now().getTime() + waitMs });
    const [oldest] = wrong.keys();
    if (wrong.size > addressesMost && oldest !== undefined) wrong.delete(oldest);
    return "wrong";
  }

  return {
    check: (address, isRight) => {
      const who = networkOf(address);
      const isCrowded =
        waiting.length >= waitingMost || waiting.filter((one) => one === who).length >= waitingOfOneMost;
      if (isCrowded) return Promise.resolve({ waitSeconds: 2 });
      waiting.push(who);
      const checked = last.then(() => checkNow(who, isRight));
      const over = () => waiting.splice(waiting.indexOf(who), 1);
      last = checked.then(over, over);
      return checked;
    },
  };
}

export type Guesses = {
  /** `waitSeconds`: it was not looked at. */
  check: (address: string, isRight: () => Promise<boolean>) => Promise<Outcome>;
};

type Outcome = "right" | "wrong" | { waitSeconds: number };

/** Who has one IPv6 address has at least a /64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith("::ffff:")) return address.replace("::ffff:", "");
  const [head = "", tail] = address.split("::");
  const groups = head.split(":").filter((group) => group !== "");
  const behind = tail?.split(":").filter((group) => group !== "") ?? [];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - behind.length }, () => "0");
  return [...groups, ...zeros, ...behind].slice(0, 4).join(":");
}
