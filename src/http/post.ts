import { request } from "node:http";

export type Posted = { status: number; text: string };

const answerBytes = 1024 * 1024;

/**
 * POSTs to an http:// address, and gives up after `timeoutMs`. It does not use fetch, which refuses some ports that we may
 * listen on (see unsafe-ports.ts). Throws the errors of the network, which carry a `code`, and a TimeoutError.
 */
export function post(url: string, body: string, headers: Record<string, string>, timeoutMs: number): Promise<Posted> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (error: Error) => reject(signal.aborted ? signal.reason : error);
    const length = { "content-length": Buffer.byteLength(body) };
    const sent = request(
      url,
      { method: "POST", agent: false, headers: { ...headers, ...length }, signal },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > answerBytes) sent.destroy(new Error("the answer is too long"));
          else chunks.push(chunk);
        });
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
        answer.on("error", fail);
      },
    );
    sent.on("error", fail);
    sent.end(body);
  });
}
