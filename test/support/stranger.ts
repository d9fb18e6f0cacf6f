import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceProcess } from "./process.ts";

/* A stranger who writes to the service byte by byte, since an HTTP client would write nothing that is odd. */

type Address = Pick<ServiceProcess, "port">;

/** The lines of a request down to the empty one. */
export const head = (first: string, ...lines: string[]) => [first, ...lines, "", ""].join("\r\n");

/** A connection whose errors and answers nobody looks at, unless they listen too. */
export function open({ port }: Address): Socket {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.resume();
  return socket;
}

/** Sends, and reads until the other side closes or has been silent for a moment. */
export function exchange(
  service: Address,
  bytes: string | Buffer,
  patienceMs = 3_000,
  silenceMs = 150,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = open(service);
    let received = "";
    const done = () => {
      clearTimeout(late);
      clearTimeout(silent);
      socket.destroy();
      resolve(received);
    };
    const late = setTimeout(done, patienceMs);
    let silent: NodeJS.Timeout | undefined;
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      clearTimeout(silent);
      silent = setTimeout(done, silenceMs);
    });
    socket.on("close", done);
    socket.write(bytes);
  });
}

/** Opens connections a few at a time, and says the same on each. */
export async function many(
  service: Address,
  sockets: Socket[],
  count: number,
  text: () => string,
  onData: (chunk: Buffer) => void = () => {},
): Promise<void> {
  for (let made = 0; made < count; made += 250) {
    const some = Array.from({ length: Math.min(250, count - made) }, () => open(service));
    for (const socket of some) {
      socket.on("data", onData);
      const words = text();
      if (words) socket.write(words);
    }
    sockets.push(...some);
    await sleep(25);
  }
}
