import type { Standing } from "../watch/health.ts";
import type { Texts } from "./texts/en.ts";

/** The state of a connection in a few words; for refusals with the reason. */
export function stateWords(texts: Texts, { connection: { kind }, state, summary }: Standing): string {
  const { states, waiting } = texts.health;
  if (state === "waiting") return waiting[kind];
  if (state !== "refusing" || !summary?.refusedCode) return states[state];
  return `${states.refusing}: ${refusalWords(texts, summary.refusedCode)}`;
}

/** What is wrong and what to do about it; "" when nothing is wrong. */
export function adviceOn(texts: Texts, { connection, state, summary }: Standing, now: Date): string {
  const { advice, otherCure } = texts.health;
  const isScript = connection.kind === "script";
  switch (state) {
    case "up":
      return "";
    case "refusing":
      return cureOf(texts, summary?.refusedCode ?? "") || otherCure;
    case "off":
      return isScript ? advice.offScript : advice.off;
    case "waiting":
      if (isScript) return advice.waitingScript;
      return now.getTime() - Date.parse(connection.createdAt) < longMs ? advice.waiting : advice.waitingLong;
    default:
      return advice[state];
  }
}

const longMs = 3_600_000;

export function refusalWords({ refused }: Texts, code: string): string {
  return Object.hasOwn(refused, code) ? refused[code as keyof typeof refused] : code;
}

/** What to do about a refusal; "" where its own words say it. */
export function cureOf({ health: { cures } }: Texts, code: string): string {
  return Object.hasOwn(cures, code) ? (cures[code] ?? "") : "";
}
