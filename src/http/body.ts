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
   * A body of up to 64 KiB. Throws these Refusals: "body-too-large" as soon as the announced or the received length is over
   * the limit, "malformed" when the body ends early, "overloaded" when it was given up for newer ones.
   */
  read: (request: IncomingMessage) => Promise<Buffer>;
  /** For a request that was answered before its body came: its connection still waits for the body. */
  skip: (request: IncomingMessage) => void;
};

/**
 * An honest body comes with its head or right behind it. Strangers could fill the memory with requests whose bodies never come.
 * So at most `most` bodies are awaited: when one more begins, the oldest is given up. This does not concern connections on
 * which a right signature came before.
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
        // A body in chunks of one byte each takes a hundred times its size in memory, and far more work.
        if (count > mostChunks) return void request.destroy();
        if (chunks.push(chunk) === joinedChunks) chunks.splice(0, joinedChunks, Buffer.concat(chunks));
      };
      request.on("data", collect);
      request.on("end", () => {
        resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
        end();
      });
      // This event comes after every request; making an error each time would cost as much as checking the signature.
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
