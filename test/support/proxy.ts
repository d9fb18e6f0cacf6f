import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A way to a server that can be closed, blocked, slowed and cut; its own port stays the same. */
export async function startProxy(targetPort: number) {
  const pairs = new Set<[near: Socket, far: Socket]>();
  let target = targetPort;
  let server: Server | undefined;
  let isBlocked = false;
  let delayMs = 0;

  const listen = async (port: number) => {
    server = createServer(onConnection).listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };

  function onConnection(near: Socket): void {
    const far = connect(target, "127.0.0.1");
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on("data", async (chunk) => {
        if (delayMs > 0) await sleep(delayMs);
        other.write(chunk);
      });
      one.on("error", () => other.destroy());
      one.on("end", () => other.end());
      one.on("close", () => {
        other.destroy();
        pairs.delete(pair);
      });
      if (isBlocked) one.pause();
    }
  }

  const port = await listen(0);
  return {
    port,
    connections: () => pairs.size,
    /** Nothing passes any more, on what is open and on what is opened; nobody is told. */
    block: () => {
      isBlocked = true;
      for (const pair of pairs) for (const one of pair) one.pause();
    },
    /** New connections work; those that were blocked stay so when `onlyNew`. */
    unblock: ({ onlyNew = false } = {}) => {
      isBlocked = false;
      if (!onlyNew) for (const pair of pairs) for (const one of pair) one.resume();
    },
    cutBlocked: () => {
      for (const [near] of pairs) if (near.isPaused()) near.resetAndDestroy();
    },
    slowDown: (ms: number) => {
      delayMs = ms;
    },
    /** Resets every connection, in whatever it is in the middle of. */
    cut: () => {
      for (const [near] of pairs) near.resetAndDestroy();
    },
    /** Nothing listens there. */
    refuse: () => {
      server?.close();
      for (const [near] of pairs) near.destroy();
    },
    accept: () => listen(port),
    /** Where new connections lead; the open ones stay. */
    leadTo: (other: number) => {
      target = other;
    },
    close: () => {
      server?.close();
      for (const [near] of pairs) near.destroy();
    },
  };
}
