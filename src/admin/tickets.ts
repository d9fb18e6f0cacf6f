import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const usableMs = 10 * 60_000;
const usedMost = 1_000;

/**
 * A browser that must wait is given a ticket: a signed text that says from when it counts, for one guess. Only this process
 * can read it, and it reads a clock that nobody sets.
 */
export function createTickets(nowMs = () => performance.now()): Tickets {
  const key = randomBytes(32);
  const used = new Set<string>();
  const sign = (text: string) => createHmac("sha256", key).update(text).digest("base64url");

  /** When it becomes valid; undefined for one that is not ours, too old or used. */
  function dueMs(ticket: string | undefined): number | undefined {
    const [id = "", due = "", signature = ""] = (ticket ?? "").split(".");
    if (!isSame(signature, sign(`${id}.${due}`)) || used.has(id)) return undefined;
    return nowMs() > Number(due) + usableMs ? undefined : Number(due);
  }

  return {
    waitSeconds: (ticket) => {
      const due = dueMs(ticket);
      return due === undefined ? undefined : Math.max(0, Math.ceil((due - nowMs()) / 1_000));
    },
    give: (waitSeconds) => {
      const text = `${randomBytes(12).toString("base64url")}.${Math.round(nowMs()) + waitSeconds * 1_000}`;
      return `${text}.${sign(text)}`;
    },
    use: (ticket) => {
      const due = dueMs(ticket);
      if (ticket === undefined || due === undefined || due > nowMs()) return false;
      used.add(ticket.split(".")[0] ?? "");
      const [oldest] = used;
      if (used.size > usedMost && oldest !== undefined) used.delete(oldest);
      return true;
    },
  };
}

export type Tickets = {
  /** How many seconds are left to wait, 0 when its time has come; undefined for anything that is no ticket. */
  waitSeconds: (ticket: string | undefined) => number | undefined;
  give: (waitSeconds: number) => string;
  /** Whether its time has come; it is then used up. */
  use: (ticket: string | undefined) => boolean;
};

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
