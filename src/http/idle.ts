import type { Server, Socket } from "node:net";

const mostIdle = 2_000;

/**
 * Connections without a request under way. Each takes 10 KB, so that strangers could fill the memory with them, or keep
 * others out: beyond 2,000 the one that has been idle for the longest time is closed. A connection is idle when it is
 * made; `remove` it for a request, and `add` it again after the answer.
 */
export function idleConnections(server: Server) {
  const idle = new Set<Socket>();

  function add(socket: Socket): void {
    if (socket.destroyed) return;
    // To the end: the first of the set is the one that has been idle for the longest time.
    idle.delete(socket);
    idle.add(socket);
    if (idle.size <= mostIdle) return;
    const [oldest = socket] = idle;
    idle.delete(oldest);
    oldest.destroy();
  }

  server.on("connection", (socket) => {
    add(socket);
    socket.once("close", () => idle.delete(socket));
  });
  return { add, remove: (socket: Socket) => idle.delete(socket) };
}
