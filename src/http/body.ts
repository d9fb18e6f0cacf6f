import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { crowd } from "./crowd.ts";
import { Refusal } from "./refusal.ts";

export const bodyBytes = 64 * 1024;
const mostChunks = 4_096;
const joinedChunks = 16;

const closes = { connection: "close" };

export type Bodies = {
  /**
   * A body of up to 64 KiB. Throws the Refusals "body-too-large", as soon as that is known by what is announced or by what
   * came, "malformed" when it ends early, and "overloaded".
   */
  read: (request: IncomingMessage) => Promise<Buffer>;
  /** For a request that was answered before its body came: the connection waits for that too. */
  skip: (request: IncomingMessage) => void;
};

/**
 * An honest body comes with its head or right behind it. So that strangers cannot fill the memory with requests whose bodies do
 * not come, at most `most` are awaited: when one more begins, the one that is awaited for the longest time is given up.
 * Connections that brought a right signature before are not among them.
 */
export function createBodies(most: number, isKnown: (socket: Socket) => boolean): Bodies {
  const awaited = crowd<() => void>(most, (giveUp) => giveUp());

  const read = (request: IncomingMessage) =>
    new Promise<Buffer>((resolve, reject) => {
      if (Number(request.headers["content-length"]) > bodyBytes) throw new Refusal("body-too-large");
      const chunks: Buffer[] = [];
      let bytes = 0;
      let count = 0;
      const end = () => {
        awaited.remove(giveUp);
        request.off("data", collect);
        chunks.length = 0;
      };
      const fail = (error: Error) => {
        end();
        reject(error);
      };
      const giveUp = () => fail(new Refusal("overloaded", { headers: closes }));
      const collect = (chunk: Buffer) => {
        bytes += chunk.length;
        count += 1;
        if (bytes > bodyBytes) return fail(new Refusal("body-too-large", { headers: closes }));
        // Single bytes, each in a chunk of its own, take a hundred times their room, and far more work.
        if (count > mostChunks) return void request.destroy();
        if (chunks.push(chunk) === joinedChunks) chunks.splice(0, joinedChunks, Buffer.concat(chunks));
      };
      request.on("data", collect);
      request.on("end", () => {
        resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
        end();
      });
      // Comes after every request; to make an error each time would cost as much as the signature.
      request.on("close", () => {
        if (!request.complete) fail(new Refusal("malformed", { detail: "The body ended early." }));
      });
      if (!isKnown(request.socket)) awaited.add(giveUp);
    });

  function skip(request: IncomingMessage): void {
    const giveUp = () => void request.destroy();
    request.on("close", () => awaited.remove(giveUp));
    awaited.add(giveUp);
  }

  return { read, skip };
}
