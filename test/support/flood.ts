import { Worker } from "node:worker_threads";

export type Flood = {
  port: number;
  connections: number;
  /** What each connection sends. */
  text: string;
  /** So many times in one go. */
  times: number;
  /** Whether it reads the answers. */
  reads: boolean;
  /** How long it goes on: what is cut is opened anew, and who has sent all sends it again. */
  ms: number;
};

export type FloodCount = { opened: number; closed: number; sent: number; received: number; answers: number };

/** Strangers in a thread of their own, so that honest callers beside them are measured and not the strangers. They stop by themselves. */
export function startFlood(flood: Flood): Promise<FloodCount> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(stranger, {
      eval: true,
      workerData: flood,
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

const stranger = `
const { connect } = require("node:net");
const { parentPort, workerData } = require("node:worker_threads");
const { port, connections, text, times, reads, ms } = workerData;
const bytes = Buffer.from(text.repeat(times), "latin1");
const count = { opened: 0, closed: 0, sent: 0, received: 0, answers: 0 };
const endMs = performance.now() + ms;
const sockets = new Set();
function open() {
  const socket = connect({ port, host: "127.0.0.1" });
  sockets.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => { count.closed += 1; sockets.delete(socket); });
  if (reads) socket.on("data", (chunk) => {
    count.received += chunk.length;
    if (chunk.length > 12 && chunk[0] === 72 && chunk[7] === 46) count.answers += 1;
  });
  else socket.pause();
  const send = () => {
    if (socket.destroyed || performance.now() > endMs) return;
    socket.write(bytes, () => { count.sent += bytes.length; setTimeout(send, 20); });
  };
  socket.on("connect", () => { count.opened += 1; send(); });
}
const fill = setInterval(() => {
  for (let some = 0; some < 100 && sockets.size < connections; some += 1) open();
}, 20);
setTimeout(() => {
  clearInterval(fill);
  for (const socket of sockets) socket.destroy();
  setTimeout(() => { parentPort.postMessage(count); process.exit(); }, 50);
}, ms);
`;
