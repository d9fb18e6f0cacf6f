import { type Agent, request } from "node:http";

export type Reply = { status: number; body: string };

type Sent = { method: string; headers: Record<string, string>; body?: string; timeoutMs: number; agent?: Agent };

function send(url: string, { method, headers, body, timeoutMs, agent }: Sent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const sent = request(url, { method, headers: { ...headers, ...length }, ...(agent ? { agent } : {}) }, (reply) => {
      let text = "";
      reply.setEncoding("utf8");
      reply.on("data", (part: string) => {
        text += part;
      });
      reply.on("end", () => {
        clearTimeout(timer);
        resolve({ status: reply.statusCode ?? 0, body: text });
      });
      reply.on("error", fail);
    });
    const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    function fail(error: Error) {
      clearTimeout(timer);
      reject(error);
    }
    sent.on("error", fail);
    sent.end(body);
  });
}

export const get = (url: string) => send(url, { method: "GET", headers: {}, timeoutMs: 1_500 });

/** HAProxy takes 15 s at most for its tries. */
export const post = (url: string, body: string, headers: Record<string, string>, agent: Agent) =>
  send(url, { method: "POST", headers, body, timeoutMs: 20_000, agent });
