import type { IncomingHttpHeaders } from "node:http";

/** One request, as plain data. The body is waited for only by who needs it, so that a "no" can come before it. */
export type Call = {
  readonly method: string;
  /** As it came, still percent-encoded, without the query string. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The address's `:name` part, percent-decoded; undefined where its encoding is broken. */
  param: string | undefined;
  /** The whole body; Refusal "body-too-large" over the limit. */
  readonly body: () => Promise<Buffer>;
  /** What the handler wants in the log line of a refusal. */
  readonly facts: Record<string, string>;
};

export type Answer = { status: number; headers?: Record<string, string>; body?: string };

export type Handler = (call: Call) => Answer | Promise<Answer>;
