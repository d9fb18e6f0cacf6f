import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { Writable } from "node:stream";
import type { Log } from "../log.ts";
import { type Bodies, bodyBytes, createBodies } from "./body.ts";
import { type Answer, type Call, type Facts, type Handler, requestIdOf } from "./call.ts";
import { crowd } from "./crowd.ts";
import { limitsWithin, limitWarning } from "./limits.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { refusalLog, type SayRefusal } from "./refusal-log.ts";
import { createTurns } from "./turns.ts";

/**
 * Connections that wait to be accepted. Above Node's 511, so that clients of a burst need not try again after a second; low
 * enough that the last one is answered within the 5 s that BattleMetrics waits.
 */
const backlog = 1_024;
const headerBytes = 16 * 1024;
const headersMs = 10_000;
const requestMs = 15_000;
const idleMs = 65_000;
const checkMs = 2_000;
const drainMs = 2_000;
const drainBytes = 8 * 1024 * 1024;
const graceMs = 200;
const finishMs = 10_000;
const idleReaderMs = 30_000;

/**
 * node:http ↔ Call and Answer. Every error of a request becomes its answer here: a Refusal its own, Malformed a 400,
 * anything else a 500 that is logged with its stack.
 */
export async function serve({ route, host, port, openFiles, log }: ServeOptions): Promise<Server> {
  let isStopping = false;
  const server = createServer(
    {
      maxHeaderSize: headerBytes,
      headersTimeout: headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: checkMs,
      // Node would refuse these by itself; here they are answered as every other request is.
      requireHostHeader: false,
    },
    (request, response) => void handle(request, response),
  );

  const most = limitsWithin(openFiles);
  const warning = limitWarning(openFiles);
  if (warning !== undefined) log.warn(warning);
  const say = refusalLog(log);
  const closing = (code: string) => (oldest: { destroy: () => unknown }) => {
    oldest.destroy();
    say("warn", "too many connections at once: the oldest of a kind is closed", { code });
  };

  server.maxConnections = most.all;
  server.on("drop", () => say("warn", "too many connections at once: a new one is refused", { code: "connections" }));
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  // A client that has proved to know a secret is not cut off to make room for strangers.
  const known = new WeakSet<Socket>();
  const idle = crowd<Socket>(most.idle, closing("idle-connections"));
  const idleKnown = crowd<Socket>(most.idleKnown, closing("idle-connections"));
  oneAtATime(server, {
    idle: {
      add: (socket) => (known.has(socket) ? idleKnown : idle).add(socket),
      remove: (socket) => (known.has(socket) ? idleKnown : idle).remove(socket),
    },
    held: crowd<Socket>(most.held, closing("pipelined-requests")),
    turns: createTurns(),
  });
  const unread = crowd<ServerResponse>(most.unread, closing("unread-answers"));
  const bodies = createBodies(most.awaited, (socket) => known.has(socket));

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = callOf(request, bodies);
    try {
      if (request.headers.host === undefined && request.httpVersion === "1.1") throw new Refusal("malformed", hostless);
      const handler = route(call);
      const answer = await handler(call);
      if (answer.stream) {
        untaken(response);
        await stream(request, response, answer, answer.stream);
      } else send(request, response, answer, isStopping);
    } catch (error) {
      if (response.headersSent || response.destroyed) return cut(response, error, call, log);
      send(request, response, refuse(error, call, log, say), isStopping);
    } finally {
      if (call.facts.isSigned) known.add(request.socket);
      if (request.socket.writableLength > 0) untaken(response);
      // An answer that closes the connection does not wait for the body.
      const isClosing = request.destroyed || response.getHeader("connection") === "close";
      if (!request.complete && !isClosing) bodies.skip(request);
    }
  }

  /** The kernel has no room for the answer: its reader takes nothing, or slowly. */
  function untaken(response: ServerResponse): void {
    if (response.destroyed) return;
    unread.add(response);
    response.on("close", () => unread.remove(response));
    response.setTimeout(idleReaderMs, () => {
      // Else its reader waits for us: a download for its turn at the database.
      if (response.socket?.writableLength) response.destroy();
    });
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, backlog, ...(host ? { host } : {}) }, resolve);
  });
  server.on("error", (error) => log.error("the HTTP server failed", { error, withStack: true }));

  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      isStopping = true;
      // Not the HTTP server's own close: it cuts idle connections at once, though a request may be on its way on one. Here
      // that request is still answered, and then its connection is closed.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      const grace = setTimeout(() => server.closeIdleConnections(), graceMs);
      // Answers under way close their connection once they are sent; a client that never finishes is cut off.
      const deadline = setTimeout(() => server.closeAllConnections(), finishMs);
      await closed;
      clearTimeout(grace);
      clearTimeout(deadline);
    },
  };
}

export type ServeOptions = {
  route: (call: Call) => Handler;
  host: string;
  port: number;
  /** How many files the process may have open; undefined: not known. */
  openFiles?: number | undefined;
  log: Log;
};
export type Server = { port: number; stop: () => Promise<void> };

function callOf(request: IncomingMessage, bodies: Bodies): Call {
  return {
    method: request.method ?? "",
    path: pathOf(request.url ?? ""),
    search: () => /\?(.*)$/s.exec(request.url ?? "")?.[1] ?? "",
    headers: request.headers,
    remoteAddress: () => request.socket.remoteAddress ?? "",
    param: undefined,
    body: () => bodies.read(request),
    facts: {},
  };
}

/** The path of a request target in origin form (`/a?b`) or absolute form (`http://host/a?b`). */
function pathOf(target: string): string {
  const origin = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/?]*/i, "");
  const query = origin.indexOf("?");
  return query < 0 ? origin : origin.slice(0, query);
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer, isStopping: boolean): void {
  const { status, body, headers } = answer;
  const isEndless = !request.complete && hasLargeBody(request);
  if (headers) for (const name of Object.keys(headers)) response.setHeader(name, headers[name] ?? "");
  if (answer.cookies?.length) response.setHeader("set-cookie", answer.cookies);
  if (isEndless || isStopping) response.setHeader("connection", "close");
  if (body === undefined) {
    response.writeHead(status, noBody).end();
    return;
  }
  response.writeHead(status, {
    "content-type": headers?.["content-type"] ?? jsonType,
    "content-length": Buffer.byteLength(body),
  });
  const content = request.method === "HEAD" ? "" : body;
  if (!isEndless) return void response.end(content);
  response.write(content);
  drain(request, () => response.end());
}

/** A client that reads nothing for a while is cut off. */
async function stream(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = {} }: Answer,
  write: (to: Writable) => Promise<unknown>,
): Promise<void> {
  response.writeHead(status, headers);
  if (request.method === "HEAD") return void response.end();
  await write(response);
}

function cut(response: ServerResponse, error: unknown, { facts }: Call, log: Log): void {
  if (response.destroyed) return;
  log.error("an answer was cut off", { ...logged(facts), error });
  response.destroy();
}

const hostless = { detail: "The request has no Host header.", headers: { connection: "close" } };
const jsonType = "application/json; charset=utf-8";
const noBody = { "content-length": 0 };

/** Node reads the rest of a body after the answer, to keep the connection: only small bodies are worth that. */
function hasLargeBody({ headers }: IncomingMessage): boolean {
  return "transfer-encoding" in headers || Number(headers["content-length"] ?? 0) > bodyBytes;
}

/**
 * If we closed now, a caller that is still sending would get a reset instead of the answer. So for a moment we read on and
 * throw away what it sends.
 */
function drain(request: IncomingMessage, done: () => void): void {
  let bytes = 0;
  const timer = setTimeout(done, drainMs);
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > drainBytes) request.destroy();
  });
  request.on("close", () => {
    clearTimeout(timer);
    done();
  });
  request.on("error", () => {});
}

/** What the log says about a call. */
function logged({ isSigned: _, dropped: __, isSample: ___, ...facts }: Facts): Partial<Facts> {
  return facts;
}

function refuse(error: unknown, call: Call, log: Log, say: SayRefusal): Answer {
  const refusal = refusalOf(error);
  const requestId = requestIdOf(call);
  const fields = { ...logged(call.facts), code: refusal.code, ...(requestId ? { requestId } : {}) };
  if (refusal.code === "internal") log.error("a request failed", { ...fields, error, withStack: true });
  else if (refusal.code === "not-found") say("debug", "refused", { ...fields, method: call.method });
  else say("warn", "refused", { ...fields, detail: refusal.message });
  return {
    status: refusal.status,
    headers: refusal.headers,
    body: JSON.stringify({ code: refusal.code, detail: refusal.detail }),
  };
}
