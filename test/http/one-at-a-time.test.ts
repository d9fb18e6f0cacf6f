import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { router } from "../../src/http/router.ts";
import { type Server, serve } from "../../src/http/server.ts";
import { memoryLog } from "../support/service.ts";

/* One request of a connection at a time, however its bytes come. */

const { log } = memoryLog();
let server: Server;
let underWay = 0;
let mostUnderWay = 0;
let begun = 0;

before(async () => {
  const route = router({
    "POST /echo": async (call) => {
      begun += 1;
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      const body = (await call.body()).toString("latin1");
      await sleep(1);
      underWay -= 1;
      return { status: 200, body: JSON.stringify(body) };
    },
    "GET /large": () => {
      begun += 1;
      return { status: 200, body: "x".repeat(2_000_000) };
    },
    "GET /slow": () => sleep(300, { status: 200, body: '"slow"' }),
  });
  server = await serve({ route, host: "127.0.0.1", port: 0, log });
});
after(() => server.stop());
beforeEach(() => {
  begun = 0;
  mostUnderWay = 0;
});

const head = (first: string, ...lines: string[]) => [first, ...lines, "", ""].join("\r\n");
const echo = (body: string) => head("POST /echo HTTP/1.1", "Host: x", `Content-Length: ${body.length}`) + body;
const last = head("GET /none HTTP/1.1", "Host: x", "Connection: close");

type Sending = { pauseMs?: number; ends?: boolean };

/** Sends each part by itself and reads until the other side closes. */
function exchange(parts: string[], { pauseMs = 5, ends = false }: Sending = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: server.port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    let received = "";
    socket.setEncoding("latin1").on("data", (text) => {
      received += text;
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error(`nothing more came after: ${received.slice(-300)}`)));
    socket.on("error", reject);
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(received));
    const send = async () => {
      for (const part of parts) {
        socket.write(part, "latin1");
        if (parts.length > 1) await sleep(pauseMs);
      }
      if (ends) socket.end();
    };
    send().catch(reject);
  });
}

const statusesOf = (answers: string) => [...answers.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);
const bodiesOf = (answers: string) =>
  [...answers.matchAll(/\r\n\r\n(".*?")/gs)].map(([, text]) => JSON.parse(text ?? ""));

test("500 pipelined requests are answered in their order, never two at once", async () => {
  const bodies = Array.from({ length: 500 }, (_, index) => `body ${index}`);
  const answers = await exchange([bodies.map(echo).join("") + last]);
  assert.deepEqual(bodiesOf(answers), bodies);
  assert.equal(mostUnderWay, 1);
});

/** Bodies that look like heads, blank lines where they are and are not the end, and every way to say where a body ends. */
const inner = head("POST /echo HTTP/1.1", "Host: smuggled", "Content-Length: 0");
const mixed: [bytes: string, body: string][] = [
  [echo(""), ""],
  [echo(inner), inner],
  [echo("\r\n\r\n\n\n"), "\r\n\r\n\n\n"],
  [`\r\n\r\n${echo("after blank lines")}`, "after blank lines"],
  [
    `${head("POST /echo HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")}4\r\n\r\n\r\n\r\n3;x=y\r\n0\r\n\r\n0\r\n\r\n`,
    "\r\n\r\n0\r\n",
  ],
  [`${head("POST /echo HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")}2\r\nab\r\n0\r\nTrailer: 1\r\n\r\n`, "ab"],
  [echo("the last"), "the last"],
];
const stream = mixed.map(([bytes]) => bytes).join("");
const expected = mixed.map(([, body]) => body);

test("wherever the bytes are parted, the requests are the same", async () => {
  const cuts = Array.from({ length: stream.length - 1 }, (_, index) => index + 1);
  for (let from = 0; from < cuts.length; from += 50)
    await Promise.all(
      cuts.slice(from, from + 50).map(async (cut) => {
        const answers = await exchange([stream.slice(0, cut), stream.slice(cut) + last]);
        assert.deepEqual(
          bodiesOf(answers),
          expected,
          `parted at ${cut}: ${JSON.stringify(stream.slice(cut - 20, cut))}`,
        );
      }),
    );
});

test("bytes that come one by one are the same requests, and never two at once", async () => {
  assert.deepEqual(bodiesOf(await exchange([...stream, last], { pauseMs: 0 })), expected);
  assert.equal(mostUnderWay, 1);
});

test("what sends on while nobody reads waits: the next head is parsed when the answer was taken", async () => {
  const socket = connect({ port: server.port, host: "127.0.0.1" }).pause();
  socket.on("error", () => {});
  socket.write(head("GET /large HTTP/1.1", "Host: x").repeat(100));
  await sleep(500);
  const beforeReading = begun;
  socket.resume();
  for (let tries = 0; tries < 100 && begun < 100; tries += 1) await sleep(100);
  socket.destroy();
  // The kernel takes some megabytes for us.
  assert.ok(beforeReading < 10, `${beforeReading} answers were made for a reader who takes none`);
  assert.equal(begun, 100);
});

test("a client that stops sending after its requests gets the answers, and is then closed", async () => {
  const slow = await exchange([head("GET /slow HTTP/1.1", "Host: x")], { ends: true });
  assert.match(slow, /^HTTP\/1\.1 200 .*"slow"$/s);
  const several = await exchange([echo("one") + head("GET /slow HTTP/1.1", "Host: x") + echo("three")], { ends: true });
  assert.deepEqual(bodiesOf(several), ["one", "slow", "three"]);
});

test("a client that stops sending within its request is told so, and is closed", async () => {
  for (const part of [
    "POST /echo HTTP/1.1\r\nHost",
    `${head("POST /echo HTTP/1.1", "Host: x", "Content-Length: 50")}abc`,
    `${head("POST /echo HTTP/1.1", "Host: x", "Transfer-Encoding: chunked")}5\r\nabc`,
  ])
    assert.deepEqual(statusesOf(await exchange([part], { ends: true })), ["400"], part);
  assert.equal(await exchange([], { ends: true }), "");
});

test("Expect: 100-continue is asked on, another expectation is let be", async () => {
  const [first, rest] = [head("POST /echo HTTP/1.1", "Host: x", "Content-Length: 3", "Expect: 100-continue"), "abc"];
  assert.deepEqual(statusesOf(await exchange([first, rest + last], { pauseMs: 50 })), ["100", "200", "404"]);
  const odd = head("POST /echo HTTP/1.1", "Host: x", "Content-Length: 3", "Expect: miracles");
  assert.deepEqual(statusesOf(await exchange([`${odd}abc`.repeat(3) + last])), ["200", "200", "200", "404"]);
});

test("an upgrade is not taken and the request answered; CONNECT is closed", async () => {
  const upgrade = head("GET /slow HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket");
  assert.deepEqual(statusesOf(await exchange([upgrade + last])), ["200", "404"]);
  assert.equal(await exchange([head("CONNECT x:443 HTTP/1.1", "Host: x")]), "");
});

test("HTTP/1.0 is answered and closed, or kept where it asks for that", async () => {
  assert.deepEqual(statusesOf(await exchange([head("GET /slow HTTP/1.0") + echo("late")])), ["200"]);
  const kept = head("GET /slow HTTP/1.0", "Connection: keep-alive");
  assert.deepEqual(statusesOf(await exchange([kept + last])), ["200", "404"]);
});

test("a head that is broken, too large or without Host is refused after the answers before it", async () => {
  for (const [bad, status] of [
    ["nonsense\r\n\r\n", "400"],
    [head("POST /echo HTTP/1.1", "Host: x", "Content-Length: x"), "400"],
    [head("GET /slow HTTP/1.1", "Host: x", `X-Big: ${"x".repeat(20_000)}`), "431"],
    [head("GET /slow HTTP/1.1"), "400"],
  ] as const)
    assert.deepEqual(statusesOf(await exchange([echo("good") + bad + echo("never")])), ["200", status]);
});

test("a body of nothing but blank lines, each in a chunk of its own, is cut off", async () => {
  const bytes = head("POST /echo HTTP/1.1", "Host: x", "Transfer-Encoding: chunked") + "2\r\n\r\n\r\n".repeat(9_000);
  const answer = await exchange([bytes]).catch(() => "cut");
  assert.doesNotMatch(answer, /HTTP\/1\.1 200/);
  assert.deepEqual(bodiesOf(await exchange([echo("another") + last])), ["another"]);
});
