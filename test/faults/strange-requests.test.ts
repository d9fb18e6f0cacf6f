import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { deliverySignature, insertConnections, post, secrets } from "../support/service.ts";
import { exchange, head, open } from "../support/stranger.ts";

/*
 * What a stranger can send to the service in one request: never a crash, a hang or a 500, and each gets the status that is
 * right for it.
 */

let postgres: PostgresServer;
let service: ServiceProcess;

before(async () => {
  postgres = await startPostgres();
  service = await startProcess({ env: { DATABASE_URL: postgres.url } });
  await insertConnections(postgres);
  await sleep(2_500);
});
after(async () => {
  await service?.end("SIGKILL");
  await postgres?.remove();
});

const known = "/set-playtime/bm/bm/";
const body = JSON.stringify({ steam_id: "76561198000000001", playtime: "60", game_id: 1 });
const signed = (text: string) => `X-Signature: ${deliverySignature(secrets.battlemetrics, text)}`;

/** Each with the statuses that are right; none: the connection may be closed without a word. */
const oddities: [what: string, bytes: () => string | Buffer, right: number[]][] = [
  [
    "a body at the limit",
    () => head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 65536") + " ".repeat(65_536),
    [401],
  ],
  [
    "a body over the limit",
    () => head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 65537") + " ".repeat(65_537),
    [413],
  ],
  [
    "chunks over the limit",
    () =>
      head(`POST ${known} HTTP/1.1`, "Host: x", "Transfer-Encoding: chunked") +
      `11000\r\n${"x".repeat(0x11000)}\r\n0\r\n\r\n`,
    [413],
  ],
  [
    "a Content-Length that is too long for a number",
    () => head(`POST ${known} HTTP/1.1`, "Host: x", `Content-Length: ${"9".repeat(400)}`),
    [400],
  ],
  ["a Content-Length below nought", () => head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: -1"), [400]],
  [
    "two Content-Lengths",
    () => `${head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 2", "Content-Length: 3")}{}`,
    [400],
  ],
  [
    "Content-Length and Transfer-Encoding",
    () => `${head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`,
    [400],
  ],
  [
    "an odd Transfer-Encoding",
    () => `${head(`POST ${known} HTTP/1.1`, "Host: x", "Transfer-Encoding: chunked, gzip")}0\r\n\r\n`,
    [400],
  ],
  [
    "a Transfer-Encoding in capitals with a blank",
    () => `${head(`POST ${known} HTTP/1.1`, "Host: x", "Transfer-Encoding : chunked")}0\r\n\r\n`,
    [400],
  ],
  [
    "chunks with a broken length",
    () => `${head(`POST ${known} HTTP/1.1`, "Host: x", "Transfer-Encoding: chunked")}xyz\r\n\r\n`,
    [400],
  ],
  [
    "a chunk longer than it says",
    () => `${head(`POST ${known} HTTP/1.1`, "Host: x", "Transfer-Encoding: chunked")}1\r\nabc\r\n0\r\n\r\n`,
    [400],
  ],
  [
    "a chunk extension without end",
    () => `${head(`POST ${known} HTTP/1.1`, "Host: x", "Transfer-Encoding: chunked")}1;${"x".repeat(70_000)}`,
    [400, 413],
  ],
  ["lines that end with LF alone", () => `POST ${known} HTTP/1.1\nHost: x\nContent-Length: 0\n\n`, [400, 401]],
  ["HTTP/0.9", () => `GET ${known}\r\n\r\n`, [400, 405]],
  ["HTTP/1.0", () => head("GET /healthz HTTP/1.0"), [200]],
  ["HTTP/2 in clear", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]],
  ["HTTP/9.9", () => head("GET / HTTP/9.9", "Host: x"), [400, 505]],
  ["a TLS greeting", () => Buffer.from("1603010200010001fc0303", "hex"), [400]],
  ["no Host", () => head("GET /healthz HTTP/1.1"), [400]],
  ["two Hosts", () => head("GET /healthz HTTP/1.1", "Host: a", "Host: b"), [200, 400]],
  ["headers over the limit", () => head("GET /healthz HTTP/1.1", "Host: x", `X-Big: ${"x".repeat(20_000)}`), [431]],
  [
    "very many headers",
    () => head("GET /healthz HTTP/1.1", "Host: x", ...Array.from({ length: 1_500 }, (_, i) => `A${i}: 1`)),
    [200, 431],
  ],
  ["a header folded over lines", () => "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n", [200, 400]],
  ["NUL in the path", () => head("GET /set-playtime/bm/a\0b/ HTTP/1.1", "Host: x"), [400]],
  [
    "NUL percent-encoded in the path",
    () => head("POST /set-playtime/bm/a%00b/ HTTP/1.1", "Host: x", "Content-Length: 0"),
    [404],
  ],
  [
    "bytes that are not UTF-8 in the path",
    () => Buffer.from(head("POST /set-playtime/bm/\xff\xfe/ HTTP/1.1", "Host: x", "Content-Length: 0"), "latin1"),
    [400, 404],
  ],
  [
    "percent-encoded bytes that are not UTF-8",
    () => head("POST /set-playtime/bm/%ff%fe/ HTTP/1.1", "Host: x", "Content-Length: 0"),
    [404],
  ],
  [
    "a path of surrogates",
    () => head("POST /set-playtime/bm/%ED%A0%80/ HTTP/1.1", "Host: x", "Content-Length: 0"),
    [404],
  ],
  [
    "a very long path",
    () => head(`POST /set-playtime/bm/${"%41".repeat(4_000)}/ HTTP/1.1`, "Host: x", "Content-Length: 0"),
    [404],
  ],
  [
    "a path that climbs",
    () => head("POST /set-playtime/bm/../../etc/passwd HTTP/1.1", "Host: x", "Content-Length: 0"),
    [404],
  ],
  [
    "names of objects as paths",
    () => head("POST /set-playtime/bm/__proto__/ HTTP/1.1", "Host: x", "Content-Length: 0"),
    [404],
  ],
  ["NUL in a header", () => head("GET /healthz HTTP/1.1", "Host: x", "X-A: a\0b"), [400]],
  [
    "bytes that are not UTF-8 in the signature",
    () =>
      Buffer.from(
        head(`POST ${known} HTTP/1.1`, "Host: x", "X-Signature: t=\xff,s=\xfe", "Content-Length: 0"),
        "latin1",
      ),
    [401],
  ],
  [
    "two signatures",
    () =>
      head(`POST ${known} HTTP/1.1`, "Host: x", "X-Signature: t=1,s=2", "X-Signature: t=3,s=4", "Content-Length: 0"),
    [401],
  ],
  [
    "a signature of many parts",
    () => head(`POST ${known} HTTP/1.1`, "Host: x", `X-Signature: t=1${",s=00".repeat(2_500)}`, "Content-Length: 0"),
    [401],
  ],
  [
    "the absolute form",
    () => head(`POST http://other.example${known} HTTP/1.1`, "Host: x", "Content-Length: 0"),
    [401],
  ],
  ["the asterisk form", () => head("OPTIONS * HTTP/1.1", "Host: x"), [404]],
  ["CONNECT", () => head("CONNECT other.example:443 HTTP/1.1", "Host: other.example:443"), []],
  [
    "an upgrade",
    () => head("GET /healthz HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: websocket"),
    [200, 400],
  ],
  ["TRACE", () => head(`TRACE ${known} HTTP/1.1`, "Host: x"), [405]],
  ["a method that nobody knows", () => head(`FROB ${known} HTTP/1.1`, "Host: x"), [400]],
  [
    "an expectation",
    () => head(`POST ${known} HTTP/1.1`, "Host: x", "Expect: 100-continue", "Content-Length: 0"),
    [401],
  ],
  [
    "an expectation that nobody knows",
    () => head(`POST ${known} HTTP/1.1`, "Host: x", "Expect: miracles", "Content-Length: 0"),
    [401, 417],
  ],
  ...(
    [
      ["deep JSON", `{"steam_id":${"[".repeat(30_000)}${"]".repeat(30_000)}}`],
      ["deep objects", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`],
      ["a huge number", `{"steam_id":"76561198000000001","playtime":${"9".repeat(60_000)},"game_id":1}`],
      ["a huge exponent", '{"steam_id":"76561198000000001","playtime":1e999999999,"game_id":1}'],
      ["many keys", `{${Array.from({ length: 6_000 }, (_, i) => `"${i}":0`).join(",")}}`],
      ["the key __proto__", '{"__proto__":{"steam_id":"76561198000000001"},"playtime":1,"game_id":1}'],
      ["NUL in a field", '{"steam_id":"7656119800000000\\u0000","playtime":1,"game_id":1}'],
      ["a half surrogate", '{"steam_id":"\\ud800","playtime":1,"game_id":1}'],
      ["an open string", `{"steam_id":"${"\\".repeat(60_001)}`],
      ["nothing", ""],
    ] as const
  ).map(([what, text]): [string, () => string, number[]] => [
    `${what}, signed`,
    () => head(`POST ${known} HTTP/1.1`, "Host: x", signed(text), `Content-Length: ${Buffer.byteLength(text)}`) + text,
    [400],
  ]),
  [
    "a body that is not UTF-8, signed",
    () =>
      Buffer.concat([
        Buffer.from(head(`POST ${known} HTTP/1.1`, "Host: x", "X-Signature: t=1,s=2", "Content-Length: 2")),
        Buffer.from([0xff, 0xfe]),
      ]),
    [401],
  ],
];

for (const [what, bytes, right] of oddities)
  test(what, async () => {
    const answer = await exchange(service, bytes());
    const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)/m.exec(answer)?.[1] ?? 0);
    if (right.length > 0) assert.ok(right.includes(status), `${status}: ${answer.slice(0, 300)}`);
    else assert.ok(status < 500, answer.slice(0, 300));
    assert.doesNotMatch(answer, /HTTP\/1\.1 500|node:internal|\.ts:/);
    assert.equal((await fetch(`${service.url}/healthz`)).status, 200);
  });

test("pipelined requests are answered in their order, and none is smuggled in a body", async () => {
  const unknown = head("POST /set-playtime/bm/nobody/ HTTP/1.1", "Host: x", "Content-Length: 44");
  const inner = head("GET /healthz HTTP/1.1", "Host: smuggled").padEnd(44, " ").slice(0, 44);
  const delivery = head(`POST ${known} HTTP/1.1`, "Host: x", signed(body), `Content-Length: ${body.length}`) + body;
  const answer = await exchange(
    service,
    delivery + head("GET /nothing HTTP/1.1", "Host: x") + delivery + unknown + inner,
  );
  assert.deepEqual(
    [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status),
    ["200", "404", "200", "404"],
  );
});

test("a thousand pipelined requests of one connection are answered, and are not kept in memory", async () => {
  const answer = await exchange(service, head("GET /healthz HTTP/1.1", "Host: x").repeat(1_000), 5_000, 1_000);
  assert.equal(answer.split("HTTP/1.1 200").length - 1, 1_000);
});

test("who goes on sending after 413 is cut off", async () => {
  const socket = open(service);
  let sent = 0;
  socket.write(head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 10000000000"));
  const chunk = Buffer.alloc(64 * 1024);
  const fromMs = performance.now();
  while (!socket.destroyed && performance.now() - fromMs < 10_000) {
    if (socket.write(chunk)) await sleep(1);
    else await Promise.race([sleep(100), new Promise((resolve) => socket.once("drain", resolve))]);
    sent += chunk.length;
  }
  assert.ok(socket.destroyed, `still open after ${sent} bytes`);
  assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken`);
});

test("after all that the service is the same process, without an error in its log", async () => {
  assert.equal(service.child.exitCode, null);
  assert.deepEqual(
    service.lines().filter(({ level }) => level === "error"),
    [],
  );
  const answer = await post(`${service.url}${known}`, body, {
    "x-signature": deliverySignature(secrets.battlemetrics, body),
  });
  assert.equal(answer.status, 200);
});
