import type { Config } from "../config.ts";
import type { Connection } from "../connections/connections.ts";
import { stateOf } from "./health.ts";
import type { Summary } from "./read.ts";

/** Something that the operator should know. The texts of each language say what to do about it. */
export type Warning =
  | { code: "no-connection" | "no-steam-key" | "hmac-off" }
  | { code: "steam-fails"; reason: string }
  | { code: "silent" | "no-secret" | "bad-signatures" | "stale-timestamps"; connection: Connection; at: string | null }
  /** `reason`: what is wrong with which field, or only the field's name; for "refusing", why the last request was refused. */
  | { code: "malformed" | "ignored" | "refusing"; connection: Connection; at: string | null; reason: string };

const badSignaturesInARow = 3;
const fewestIgnored = 3;

/** All warnings that hold now, the worst first. */
export function warningsOf({ config, connections, summaries, steam, now }: Judged): Warning[] {
  const found: Warning[] = [];
  if (!config.HMAC.ENABLE) found.push({ code: "hmac-off" });
  if (connections.length === 0) found.push({ code: "no-connection" });
  for (const connection of connections.filter(({ enabled }) => enabled)) {
    const summary = summaries.find(({ kind, path }) => kind === connection.kind && path === connection.path);
    const refusedLast = (summary?.refusedAt ?? "") > (summary?.acceptedAt ?? "");
    const at = summary?.acceptedAt ?? null;
    if (connection.secret === null) found.push({ code: "no-secret", connection, at });
    else if (refusedLast && summary?.refusedCode === "stale-timestamp")
      found.push({ code: "stale-timestamps", connection, at: summary.refusedAt });
    else if ((summary?.badSignatures ?? 0) >= badSignaturesInARow)
      found.push({ code: "bad-signatures", connection, at: summary?.refusedAt ?? null });
    else if (summary && connection.kind === "battlemetrics" && isMostlyMalformed(summary, refusedLast))
      found.push({ code: "malformed", connection, at: summary.refusedAt, reason: summary.malformedReason ?? "" });
    else if (summary && stateOf(connection, summary, now) === "refusing")
      found.push({ code: "refusing", connection, at: summary.refusedAt, reason: summary.refusedReason ?? "" });
    else if (summary && connection.kind === "battlemetrics" && isMostlyIgnored(summary))
      found.push({ code: "ignored", connection, at, reason: summary.ignoredField ?? "" });
    else if (stateOf(connection, { acceptedAt: at, refusedInARow: 0 }, now) === "late")
      found.push({ code: "silent", connection, at });
  }
  if (config.STEAM.KEY === "") found.push({ code: "no-steam-key" });
  else if (steam && steam.breaker !== "closed") found.push({ code: "steam-fails", reason: steam.reason });
  return found;
}

/** One refusal is enough when nothing came after it: BattleMetrics stops calling after errors. */
function isMostlyMalformed({ accepted, ignored, malformed, refusedCode }: Summary, refusedLast: boolean): boolean {
  return malformed > 0 && ((refusedLast && refusedCode === "malformed") || malformed > accepted + ignored);
}

const isMostlyIgnored = ({ accepted, ignored }: Summary) => ignored >= fewestIgnored && ignored > accepted;

type Judged = {
  config: Pick<Config, "HMAC" | "STEAM">;
  connections: readonly Connection[];
  summaries: readonly Summary[];
  /** Undefined outside the service, as in the CLI. */
  steam: { breaker: string; reason: string } | undefined;
  now: Date;
};
