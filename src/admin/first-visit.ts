import { randomBytes, timingSafeEqual } from "node:crypto";

export const firstVisitHours = 24;

/** The link in the service's log: whoever reads it there sets the panel's first password. */
export type FirstVisit = {
  /** Where the link leads: /admin/first-visit/…/ */
  path: string;
  /** Whether `link` is this one, and not older than 24 hours. A password that exists ends it too, see sessions.ts. */
  isOpen: (link: string) => boolean;
};

/** It lives as long as the process: a restart makes another one. `nowMs`: of a clock that nobody sets. */
export function createFirstVisit(nowMs = () => performance.now()): FirstVisit {
  const token = randomBytes(24).toString("base64url");
  const endMs = nowMs() + firstVisitHours * 3_600_000;
  return {
    path: `/admin/first-visit/${token}/`,
    isOpen: (link) => {
      const [given, own] = [Buffer.from(link), Buffer.from(token)];
      return given.length === own.length && timingSafeEqual(given, own) && nowMs() < endMs;
    },
  };
}
