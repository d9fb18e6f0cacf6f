import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";

export const bodyBytes = 64 * 1024;
const heldMostBytes = 64 * 1024 * 1024;
const mostChunks = 4_096;
const joinedChunks = 128;

export type ReadBody = (request: IncomingMessage) => Promise<Buffer>;

/**
 * Reads bodies of up to 64 KiB; all that have begun to arrive hold at most 64 MiB together. Throws the Refusals
 * "body-too-large", by what is announced or by what came, and "overloaded", as soon as that is known.
 */
export function bodyReader(): ReadBody {
  let heldBytes = 0;

  return (request) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      let count = 0;
      const letGo = () => {
        heldBytes -= bytes;
        bytes = 0;
        chunks.length = 0;
        request.off("data", collect);
      };
      const fail = (error: Error) => {
        letGo();
        reject(error);
      };
      const collect = (chunk: Buffer) => {
        bytes += chunk.length;
        heldBytes += chunk.length;
        count += 1;
        if (bytes > bodyBytes) return fail(new Refusal("body-too-large"));
        if (heldBytes > heldMostBytes) return fail(new Refusal("overloaded"));
        // Single bytes, each in a chunk of its own, take a hundred times their room, and far more work.
        if (count > mostChunks) return void request.destroy();
        if (chunks.push(chunk) === joinedChunks) chunks.splice(0, joinedChunks, Buffer.concat(chunks));
      };
      if (Number(request.headers["content-length"]) > bodyBytes) return fail(new Refusal("body-too-large"));
      request.on("data", collect);
      request.on("end", () => {
        resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
        letGo();
      });
      // Comes after every request; to make an error each time would cost as much as the signature.
      request.on("close", () => {
        if (!request.complete) fail(new Refusal("malformed", { detail: "The body ended early." }));
      });
    });
}
