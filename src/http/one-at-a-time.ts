import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { Crowd } from "./crowd.ts";
import type { Turns } from "./turns.ts";

/** An honest body in chunks, of at most 64 KiB, has fewer blank lines. */
const mostPieces = 4_096;

export type Crowds = {
  /** Connections without a request under way. */
  idle: Crowd<Socket>;
  /** Connections on which another request came before the client took the last answer. */
  held: Crowd<Socket>;
  /** For the requests on those: between two of them, other connections are served. */
  turns: Turns;
};

/**
 * One request of a connection at a time: the next head is parsed after the socket has taken the answer to the one before. By
 * itself Node parses all that came, and one read of 64 KB holds 1,500 requests. So its parser gets the bytes in pieces, each up
 * to the end of a head or a body. Node alone decides what a request is; we only decide when it sees which bytes.
 * A client that sends no more (FIN) still gets its answer.
 */
export function oneAtATime(server: Server, crowds: Crowds): void {
  const connections = new WeakMap<Socket, Pace>();
  server.on("connection", (socket: Socket) => {
    // Node's own listener, just added. Ours on "data" also keeps bytes from going straight from the kernel to the parser.
    const parse = socket.listeners("data").at(-1);
    const finish = socket.listeners("end").at(-1);
    if (!parse || !finish) return;
    socket.removeAllListeners("data");
    socket.removeAllListeners("end");
    const parser: Parser = {
      parse: (piece) => Reflect.apply(parse, socket, [piece]),
      finish: () => Reflect.apply(finish, socket, []),
    };
    connections.set(socket, pace(socket, parser, crowds));
  });
  server.prependListener("request", (request, response) => {
    const own = connections.get(request.socket);
    if (!own) return;
    own.begin(request);
    response.on("close", own.answered);
  });
}

type Pace = { begin: (request: IncomingMessage) => void; answered: () => void };

type Parser = { parse: (piece: Buffer) => void; finish: () => void };

function pace(socket: Socket, { parse, finish }: Parser, { idle, held, turns }: Crowds): Pace {
  const { resume } = socket;
  const stay = () => socket;
  let rest: Buffer = nothing;
  /** The end of the last piece, when it stopped inside a head or between chunks. */
  let before = "";
  /** The newest request, until all of it has come and it is answered. */
  let request: IncomingMessage | undefined;
  let underWay = 0;
  /** The bytes that were passed on together with the end of a head. */
  let ahead = 0;
  let bodyLeft = 0;
  let pieces = 0;
  let isHeld = false;
  let hasEnded = false;

  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!isHeld) advance();
  });
  socket.on("end", () => {
    hasEnded = true;
    const isWaiting = rest.length > 0 || (underWay > 0 && request?.complete);
    if (!isWaiting) finish();
  });
  socket.on("close", () => {
    rest = nothing;
    idle.remove(socket);
    held.remove(socket);
  });
  idle.add(socket);

  return {
    begin: (begun) => {
      idle.remove(socket);
      request = begun;
      underWay += 1;
      bodyLeft = Number(begun.headers["content-length"] ?? 0) - ahead;
      // It ended in a body of known length: nothing needs to be remembered.
      if (bodyLeft >= 0 && begun.headers["transfer-encoding"] === undefined) before = "";
      pieces = 0;
    },
    answered: () => {
      underWay -= 1;
      if (underWay > 0 || !request?.complete) return;
      if (rest.length > 0) turns.take(advance);
      else advance();
    },
  };

  function advance(): void {
    while (rest.length > 0 && socket.writable) {
      if (request?.complete) {
        if (underWay > 0) {
          hold();
          return;
        }
        request = undefined;
      }
      const bytes = request ? pieceOfBody(request) : pieceOfHead();
      const piece = bytes < rest.length ? rest.subarray(0, bytes) : rest;
      rest = bytes < rest.length ? rest.subarray(bytes) : nothing;
      if (bytes > 0) parse(piece);
      else if (rest.length > 0) socket.destroy();
    }
    if (isHeld) release();
    if (underWay > 0 || !request?.complete) return;
    request = undefined;
    // A closed one would stay in the crowd for ever.
    if (socket.destroyed) return;
    if (hasEnded) finish();
    else idle.add(socket);
  }

  function pieceOfHead(): number {
    // Blank lines before a head are skipped, as Node's parser does.
    let blank = 0;
    if (before === "") while (rest[blank] === cr || rest[blank] === lf) blank += 1;
    if (blank > 0) rest = rest.subarray(blank);
    ahead = 0;
    const bytes = toBlankLine();
    // The usual request: no other head follows, so everything is passed on at once.
    if (before !== "" || bytes === rest.length || blankLineEnd(rest, "", bytes) > 0) return bytes;
    ahead = rest.length - bytes;
    before = tailOf(rest);
    return rest.length;
  }

  function pieceOfBody({ headers }: IncomingMessage): number {
    if (headers["transfer-encoding"] !== undefined) {
      pieces += 1;
      if (pieces > mostPieces) socket.destroy();
      // The end of the last chunk is a blank line.
      return toBlankLine();
    }
    const bytes = Math.min(bodyLeft, rest.length);
    bodyLeft -= bytes;
    return bytes;
  }

  function toBlankLine(): number {
    const end = blankLineEnd(rest, before);
    before = end > 0 ? "" : (before + tailOf(rest)).slice(-2);
    return end > 0 ? end : rest.length;
  }

  function hold(): void {
    if (isHeld) return;
    isHeld = true;
    socket.pause();
    // Else Node would resume the socket after each request.
    socket.resume = stay;
    held.add(socket);
  }

  function release(): void {
    isHeld = false;
    socket.resume = resume;
    socket.resume();
    held.remove(socket);
  }
}

const nothing = Buffer.alloc(0);
const [lf, cr] = [10, 13];

const tailOf = (bytes: Buffer) => bytes.toString("latin1", Math.max(0, bytes.length - 2));

/** Where the first blank line of `bytes` ends; `before` are the bytes that came before them. 0: there is none. */
function blankLineEnd(bytes: Buffer, before: string, from = 0): number {
  const byteAt = (at: number) => (at >= 0 ? bytes[at] : before.charCodeAt(before.length + at));
  for (let at = bytes.indexOf(lf, from); at >= 0; at = bytes.indexOf(lf, at + 1)) {
    const last = byteAt(at - 1);
    if (last === lf || (last === cr && byteAt(at - 2) === lf)) return at + 1;
  }
  return 0;
}
