import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLedger, type Outcome, percentile, startLoad } from "../support/load.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { deliverySignature, insertConnections, post, secrets } from "../support/service.ts";

/*
 * What a stranger can send to the service: never a crash, a hang, a 500 or memory without bound. Beside it, honest callers
 * go on being served.
 */

const honestP99Ms = 50;
/** The container of the service gets 192. */
const mostMegabytes = 180;

let postgres: PostgresServer;
let service: ServiceProcess;
/** Of all tests here, since they share a database. */
const ledger = createLedger();

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

const head = (first: string, ...lines: string[]) => [first, ...lines, "", ""].join("\r\n");
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

describe("one request of each kind of nonsense", () => {
  for (const [what, bytes, right] of oddities)
    test(what, async () => {
      const answer = await exchange(bytes());
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
    const answer = await exchange(delivery + head("GET /nothing HTTP/1.1", "Host: x") + delivery + unknown + inner);
    assert.deepEqual(
      [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status),
      ["200", "404", "200", "404"],
    );
  });

  test("a thousand pipelined requests of one connection are answered, and are not kept in memory", async () => {
    const answer = await exchange(head("GET /healthz HTTP/1.1", "Host: x").repeat(1_000), 5_000, 1_000);
    assert.equal(answer.split("HTTP/1.1 200").length - 1, 1_000);
  });

  test("who goes on sending after 413 is cut off", async () => {
    const socket = open();
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
});

describe("beside honest callers", () => {
  test("5,000 idle connections, slow headers, slow bodies, and bodies held just below the limit", async (t) => {
    const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 8, pauseMs: 5 });
    const bare = await bareServer(t);
    await sleep(1_000);
    const calmP99 = p99Of(load.outcomes);
    const idleMegabytes = await residentMegabytes();
    const sockets: Socket[] = [];
    t.after(() => sockets.forEach((socket) => void socket.destroy()));
    await many(sockets, 5_000, () => "");
    await many(sockets, 300, () => `POST ${known} HTTP/1.1\r\nHost: x\r\nX-Slow: `);
    await many(sockets, 300, () => head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 60000"));
    await many(
      sockets,
      1_000,
      () => head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 65536") + "x".repeat(65_500),
    );
    // What opening so many costs ourselves is not the service's doing.
    const opened = load.outcomes.length;
    const openedBare = bare.outcomes.length;
    let megabytes = 0;
    const slow = sockets.slice(5_000, 5_600);
    for (const endMs = performance.now() + 6_000; performance.now() < endMs; await sleep(500)) {
      for (const socket of slow) if (!socket.destroyed) socket.write("x");
      megabytes = Math.max(megabytes, await residentMegabytes());
    }
    const during = load.outcomes.slice(opened);
    const p99 = p99Of(during);
    const bareP99 = p99Of(bare.outcomes.slice(openedBare));
    // Headers have 10 s, whole requests 15, and it is looked every 2.
    const isLeft = (socket: Socket) => !socket.destroyed;
    for (const endMs = performance.now() + 20_000; performance.now() < endMs && sockets.some(isLeft); await sleep(500));
    const left = sockets.filter(isLeft).length;
    await load.stop();
    t.diagnostic(
      `honest p99 ${p99.toFixed(1)} ms (a bare server ${bareP99.toFixed(1)}), ${during.length} answers; ` +
        `${idleMegabytes} → ${megabytes} MB; ${left} of ${sockets.length} strangers left at the end`,
    );
    assert.deepEqual(
      load.outcomes.filter(({ status }) => status !== 200),
      [],
    );
    // With slack for a machine that is busy otherwise; the figure to look at is the one above.
    const limitMs = Math.max(3 * honestP99Ms, 3 * bareP99, 2 * calmP99);
    assert.ok(p99 < limitMs, `p99 ${p99} ms, of a bare server ${bareP99} ms, before ${calmP99} ms`);
    assert.ok(megabytes < mostMegabytes, `${megabytes} MB`);
    assert.equal(left, 0);
    assert.deepEqual(await ledger.problems(postgres.sql), []);
  });

  test("bodies of single bytes, and more bodies than are awaited: the oldest are given up", async (t) => {
    const sockets: Socket[] = [];
    t.after(() => sockets.forEach((socket) => void socket.destroy()));
    const chunked = head(`POST ${known} HTTP/1.1`, "Host: x", "Transfer-Encoding: chunked");
    await many(sockets, 100, () => chunked + "1\r\nx\r\n".repeat(60_000));
    const answers: string[] = [];
    const note = (chunk: Buffer) => answers.push(chunk.toString("latin1").slice(9, 12));
    const large = head(`POST ${known} HTTP/1.1`, "Host: x", "Content-Length: 65536") + "x".repeat(65_500);
    await many(sockets, 2_000, () => large, note);
    let megabytes = 0;
    // Answers come before 15 s, when a body that is not complete is cut off.
    for (
      const endMs = performance.now() + 12_000;
      performance.now() < endMs && answers.length < 1_000;
      await sleep(200)
    )
      megabytes = Math.max(megabytes, await residentMegabytes());
    t.diagnostic(`${megabytes} MB; ${answers.length} answered, ${[...new Set(answers)]}`);
    assert.ok(megabytes < mostMegabytes, `${megabytes} MB`);
    assert.ok(answers.length >= 1_000 && answers.every((status) => status === "503"));
    const answer = await post(`${service.url}${known}`, body, {
      "x-signature": deliverySignature(secrets.battlemetrics, body),
    });
    assert.equal(answer.status, 200);
  });

  for (const [what, path] of [
    ["a connection", known],
    ["nobody", "/set-playtime/bm/nobody/"],
  ] as const)
    test(`4,500 requests to ${what} with heads at the limit whose bodies do not come are given up, and stop nobody`, async (t) => {
      const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 8, pauseMs: 5 });
      const sockets: Socket[] = [];
      t.after(() => sockets.forEach((socket) => void socket.destroy()));
      const big = head(`POST ${path} HTTP/1.1`, "Host: x", "Content-Length: 60000", `X-Big: ${"x".repeat(15_000)}`);
      await many(sockets, 4_500, () => `${big}{`);
      const isClosed = (socket: Socket) => socket.destroyed;
      let megabytes = 0;
      // Without that they would be cut off after 15 s.
      for (
        const endMs = performance.now() + 10_000;
        performance.now() < endMs && sockets.filter(isClosed).length < 4_000;
        await sleep(100)
      )
        megabytes = Math.max(megabytes, await residentMegabytes());
      const closed = sockets.filter(isClosed).length;
      await load.stop();
      t.diagnostic(`${megabytes} MB; ${closed} closed; ${load.outcomes.length} honest answers`);
      assert.ok(megabytes < mostMegabytes, `${megabytes} MB`);
      assert.ok(closed >= 4_000, `${closed}`);
      assert.ok(load.outcomes.length > 100);
      assert.deepEqual(
        load.outcomes.filter(({ status }) => status !== 200),
        [],
      );
      assert.deepEqual(await ledger.problems(postgres.sql), []);
    });

  test("of 8,000 idle connections the oldest are closed, and a newcomer is served", async (t) => {
    const sockets: Socket[] = [];
    t.after(() => sockets.forEach((socket) => void socket.destroy()));
    await many(sockets, 8_000, () => "");
    const answer = await post(`${service.url}${known}`, body, {
      "x-signature": deliverySignature(secrets.battlemetrics, body),
    });
    const megabytes = await residentMegabytes();
    assert.equal(answer.status, 200);
    const opened = () => sockets.filter(({ destroyed }) => !destroyed).length;
    for (const endMs = performance.now() + 5_000; performance.now() < endMs && opened() > 2_000; ) await sleep(50);
    t.diagnostic(`${megabytes} MB; ${opened()} open`);
    assert.ok(megabytes < mostMegabytes, `${megabytes} MB`);
    assert.ok(opened() <= 2_000, `${opened()}`);
    assert.ok(sockets.slice(-1_000).every(({ destroyed }) => !destroyed));
  });

  test("a flood of refused requests neither fills the log nor stops anybody", async (t) => {
    const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 8, pauseMs: 5 });
    const bare = await bareServer(t);
    await sleep(1_500);
    const calm = load.outcomes.length;
    const flood = ["nobody", "bm", "%d0%b6"].map((path) =>
      startLoad({ port: service.port, ledger: createLedger(), secret: "wrong", path, workers: 4, pauseMs: 1 }),
    );
    const linesBefore = service.lines().length;
    await sleep(5_000);
    for (const one of [load, ...flood]) await one.stop();
    const refused = flood.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
    const lines = service.lines().length - linesBefore;
    const p99 = p99Of(load.outcomes.slice(calm));
    const calmP99 = p99Of(load.outcomes.slice(0, calm));
    const bareP99 = p99Of(bare.outcomes);
    t.diagnostic(
      `${refused} refused, ${lines} lines in the log; honest p99 ${p99.toFixed(1)} ms (${calmP99.toFixed(1)} before, a bare server ${bareP99.toFixed(1)})`,
    );
    assert.ok(lines < 20, `${lines} lines for ${refused} refusals`);
    assert.deepEqual(
      load.outcomes.filter(({ status }) => status !== 200),
      [],
    );
    assert.ok(p99 < Math.max(honestP99Ms, 3 * calmP99, 3 * bareP99), `p99 ${p99} ms, of a bare server ${bareP99} ms`);
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
});

/** A server that does nothing, asked at the same time: what the machine itself takes, when others use it too. */
async function bareServer(t: TestContext) {
  const script =
    'require("http").createServer((q, r) => q.resume().on("end", () => r.end())).listen(0, "127.0.0.1", function () { console.log(this.address().port) })';
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = await once(child.stdout, "data");
  const load = startLoad({ port: Number(port), ledger: createLedger(), secret: "x", workers: 8, pauseMs: 5 });
  t.after(async () => {
    await load.stop();
    child.kill();
  });
  return load;
}

function open(): Socket {
  const socket = connect({ port: service.port, host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.resume();
  return socket;
}

/** Sends, and reads until the other side closes or has been silent for a moment. */
function exchange(bytes: string | Buffer, patienceMs = 3_000, silenceMs = 150): Promise<string> {
  return new Promise((resolve) => {
    const socket = open();
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
async function many(
  sockets: Socket[],
  count: number,
  text: () => string,
  onData: (chunk: Buffer) => void = () => {},
): Promise<void> {
  for (let made = 0; made < count; made += 250) {
    const some = Array.from({ length: Math.min(250, count - made) }, open);
    for (const socket of some) {
      socket.on("data", onData);
      const words = text();
      if (words) socket.write(words);
    }
    sockets.push(...some);
    await sleep(25);
  }
}

const p99Of = (outcomes: Outcome[]) =>
  percentile(
    outcomes.map(({ ms }) => ms),
    0.99,
  );

async function residentMegabytes(): Promise<number> {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${service.pid}/status`, "utf8"));
  return Math.round(Number(found?.[1]) / 1024);
}
