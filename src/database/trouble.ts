import postgres from "postgres";
import { errorCode } from "../error-code.ts";

/** No answer in time. The statement may still run. */
export class TimedOut extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

/** What an error of a statement means for the statement, its connection, and all others. */
export type Trouble = {
  /** As the metrics count it. */
  kind: "timeout" | "connection" | "refused" | "statement";
  /** Why the database could not do it, in a few words without secrets; empty when the statement is at fault. */
  reason: string;
  /** Worth another try at once. */
  mayPass: boolean;
  /** Which connections are of no use any more. */
  lost: "none" | "its own" | "all";
};

/** The codes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function troubleOf(error: unknown): Trouble {
  const code = errorCode(error);
  if (error instanceof TimedOut) return { kind: "timeout", reason: error.message, mayPass: false, lost: "none" };
  if (!(error instanceof postgres.PostgresError)) {
    if (code === "") return ofStatement;
    return { kind: "connection", reason: code, mayPass: true, lost: "its own" };
  }
  const reason = error.message;
  // A server that stops or starts or has become a standby; a pooler that has lost a prepared statement.
  if (/^(08|57P|26000|25006)/.test(code)) return { kind: "connection", reason, mayPass: true, lost: "all" };
  // The server is full: others go on.
  if (code === "53300") return { kind: "connection", reason, mayPass: true, lost: "its own" };
  // A deadlock, or a conflict with another transaction.
  if (code.startsWith("40")) return { kind: "connection", reason, mayPass: true, lost: "none" };
  if (code === "57014" || code === "55P03") return { kind: "timeout", reason, mayPass: false, lost: "none" };
  // The login is refused, a disk is full, or the server's system fails.
  if (/^(28|3D|53|58)/.test(code)) return { kind: "refused", reason, mayPass: false, lost: "none" };
  return ofStatement;
}

const ofStatement: Trouble = { kind: "statement", reason: "", mayPass: false, lost: "none" };
