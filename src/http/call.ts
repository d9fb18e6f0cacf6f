import type { IncomingHttpHeaders } from "node:http";
import type { Writable } from "node:stream";
import type { SteamId } from "../parse.ts";

/** One request, as plain data. Only a handler that needs the body waits for it, so a refusal can be answered before it comes. */
export type Call = {
  readonly method: string;
  /** As it came, still percent-encoded, without the query string. */
  readonly path: string;
  /** The query string without its `?`, still encoded. */
  readonly search: () => string;
  readonly headers: IncomingHttpHeaders;
  /** The address at the other end of the socket: a person's, a program's or a proxy's. */
  readonly remoteAddress: () => string;
  /** The address's `:name` part, percent-decoded; undefined where its encoding is broken. */
  param: string | undefined;
  /** The whole body; Refusal "body-too-large" over the limit. */
  readonly body: () => Promise<Buffer>;
  /** What became known while the request was handled: for `watch/`, and for the log line of a refusal. */
  readonly facts: Facts;
};

export type Facts = {
  /** Kind and path, such as `script/plugin`; `script/?` when no connection has the path that was asked for. */
  connection?: string;
  /** A path that no connection has: a stranger's text, cut short. */
  path?: string;
  /** What a script asked for, when it is not the query. */
  request?: "top";
  /** Of a request about one player. */
  steamId?: SteamId;
  /** Of a request about several: how many. */
  players?: number;
  /** The signature was right: whoever sends it knows the connection's secret. */
  isSigned?: true;
  /** Nothing was stored: BattleMetrics does not know the player, or the connection is paused. */
  dropped?: "ignored" | "paused";
  /** The operator tries the connection: the request is counted nowhere. */
  isSample?: true;
};

export type Answer = {
  status: number;
  headers?: Record<string, string>;
  /** Values of Set-Cookie, one header each. */
  cookies?: string[];
  body?: string | Buffer;
  /** Instead of `body`, for any size: writes the answer and ends it. When it throws, the answer is cut off, and the reader sees that the end is missing. */
  stream?: (to: Writable) => Promise<unknown>;
};

export type Handler = (call: Call) => Answer | Promise<Answer>;

/** The caller's X-Request-ID, a stranger's text: up to 64 printable ASCII characters are kept, anything else is dropped. */
export function requestIdOf({ headers }: Call): string | undefined {
  const id = headers["x-request-id"];
  return typeof id === "string" && /^[\x20-\x7e]{1,64}$/.test(id) ? id : undefined;
}
