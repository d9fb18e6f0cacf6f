import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { after, before, test } from "node:test";
import type { Answer, Handler } from "../../src/http/call.ts";
import { Refusal } from "../../src/http/refusal.ts";
import { router } from "../../src/http/router.ts";
import { type Server, serve } from "../../src/http/server.ts";
import { Malformed } from "../../src/parse.ts";
import { eventually } from "../support/eventually.ts";
import { memoryLog, post } from "../support/service.ts";

const echo: Handler = async (call) => ({
  status: 200,
  body: JSON.stringify({ param: call.param, path: call.path, body: (await call.body()).toString("latin1") }),
});

const { log, lines } = memoryLog();
let server: Server;
let url: string;
let release: (answer: Answer) => void;

before(async () => {
  const route = router({
    "POST /echo/:name/": echo,
    "POST /plain": echo,
    "GET /plain": () => ({ status: 200, body: "{}" }),
    "POST /no": () => {
      throw new Refusal("disabled-connection");
    },
    "POST /malformed": () => {
      throw new Malformed("field", "right");
    },
    "POST /bug": () => {
      throw new TypeError("a bug with a secret");
    },
    "POST /late-bug": async (call) => {
      await call.body();
      throw new TypeError("a later bug");
    },
    "POST /slow": () => new Promise<Answer>((resolve) => (release = resolve)),
  });
  server = await serve({ route, host: "127.0.0.1", port: 0, log });
  url = `http://127.0.0.1:${server.port}`;
});
after(() => server.stop());

/** Sends bytes as they are and reads all that comes until the other side closes. */
function raw(text: string, { port = server.port } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(port, "127.0.0.1");
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (part) => {
      received += part;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
    socket.write(text, "latin1");
  });
}

test("an address is found with and without its last slash, its name decoded, its query string ignored", async () => {
  for (const path of ["/echo/a%20b", "/echo/a%20b/", "/echo/a%20b/?x=/y/"])
    assert.equal((await post(url + path, "")).json.param, "a b", path);
  assert.equal((await post(`${url}/echo/%D1%8E`, "")).json.param, "ю");
  assert.equal((await post(`${url}/echo/%`, "")).json.param, undefined);
  assert.equal((await post(`${url}/plain/`, "x")).json.body, "x");
});

test("other addresses are 404 in JSON", async () => {
  for (const path of [
    "/",
    "/echo",
    "/echo/",
    "/echo/a/b",
    "//echo/a",
    "/ECHO/a",
    "/plain//",
    "/%65cho/a",
    "/__proto__",
    "/constructor/x",
  ]) {
    const answer = await post(url + path, "");
    assert.deepEqual([answer.status, answer.json.code], [404, "not-found"], path);
  }
});

test("another method is 405 and told which are allowed; GET serves HEAD too", async () => {
  const response = await fetch(`${url}/echo/a`, { method: "PUT" });
  assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST"]);
  assert.equal((await fetch(`${url}/plain`, { method: "DELETE" })).headers.get("allow"), "POST, GET, HEAD");
  const head = await fetch(`${url}/plain`, { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

test("an absolute target is served like its path, and OPTIONS * is refused", async () => {
  assert.match(
    await raw(
      "POST http://any.example/echo/x?y HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb",
    ),
    /^HTTP\/1\.1 200 .*"param":"x","path":"\/echo\/x","body":"b"/s,
  );
  assert.match(await raw("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 404 /);
});

test("a body of 64 KiB is read, one byte more is 413, by its length or by what comes", async () => {
  const most = 65_536;
  assert.equal((await post(`${url}/plain`, "x".repeat(most))).json.body.length, most);
  const announced = await post(`${url}/plain`, "x".repeat(most + 1));
  assert.deepEqual([announced.status, announced.json.code], [413, "body-too-large"]);
  const chunks = `${"8000\r\n"}${"x".repeat(0x8000)}\r\n`.repeat(3);
  assert.match(
    await raw(`POST /plain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`),
    /^HTTP\/1\.1 413 .*body-too-large/s,
  );
});

test("413 comes before the body is sent to its end, and megabytes that follow do not destroy the answer", async () => {
  assert.match(await raw("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"), /^HTTP\/1\.1 413 /);
  assert.equal((await post(`${url}/plain`, "x".repeat(3_000_000))).status, 413);
});

test("a refusal does not wait for the body; a connection with a large or endless one is closed", async () => {
  for (const header of [
    "Content-Length: 5\r\nConnection: close",
    "Content-Length: 70000",
    "Transfer-Encoding: chunked",
  ]) {
    const answer = await raw(`POST /no HTTP/1.1\r\nHost: a\r\n${header}\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 403 .*connection: close.*"code":"disabled-connection"/is);
  }
});

test("after a refusal the same connection serves the next request", async () => {
  const requests =
    "POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nPOST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx";
  assert.match(await raw(requests), /^HTTP\/1\.1 403 .*HTTP\/1\.1 200 .*"body":"x"/s);
});

test("a wrong shape is 400 with the place, a bug 500 without a word of it, and others are served", async () => {
  const malformed = await post(`${url}/malformed`, "");
  assert.deepEqual([malformed.status, malformed.json], [400, { code: "malformed", detail: "field must be right." }]);
  lines.length = 0;
  for (const path of ["/bug", "/late-bug"]) {
    const bug = await post(url + path, "x");
    assert.deepEqual([bug.status, bug.json.code], [500, "internal"]);
    assert.ok(!bug.text.includes("bug with"));
  }
  assert.equal(
    lines.filter(({ level, stack }) => level === "error" && String(stack).includes("server.test.ts")).length,
    2,
  );
  assert.equal((await post(`${url}/plain`, "x")).status, 200);
});

test("what Node's parser refuses is refused, and hurts nobody", async () => {
  for (const text of [
    "nonsense\r\n\r\n",
    "GET /plain HTTP/9.9\r\n\r\n",
    "POST /plain HTTP/1.1\r\nContent-Length: 1\r\n\r\nx".replace("Host", ""),
    "POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    "POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    `POST /plain HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
    "POST /plain HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  ])
    assert.match(await raw(text), /^HTTP\/1\.1 4\d\d /, text.slice(0, 60));
  assert.equal((await post(`${url}/plain`, "x")).status, 200);
});

test("a client that leaves in the middle of its body hurts nobody", async () => {
  for (let count = 0; count < 5; count += 1) {
    const socket = connectSocket(server.port, "127.0.0.1");
    await new Promise<void>((resolve) =>
      socket.write("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nabc", () => resolve()),
    );
    socket.resetAndDestroy();
  }
  assert.equal((await post(`${url}/plain`, "x")).status, 200);
  assert.deepEqual(
    lines.filter(({ level, code }) => level === "error" && code === undefined),
    [],
  );
});

test("a stop lets the request under way finish, takes no new connection, and closes idle ones", async () => {
  const idle = connectSocket(server.port, "127.0.0.1");
  await new Promise<void>((resolve) => idle.once("connect", () => resolve()));
  const own = await serve({
    route: router({ "POST /slow": () => new Promise<Answer>((resolve) => (release = resolve)) }),
    host: "127.0.0.1",
    port: 0,
    log,
  });
  const answer = post(`http://127.0.0.1:${own.port}/slow`, "");
  await eventually("the request to arrive", () => release !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const stopped = own.stop();
  await assert.rejects(post(`http://127.0.0.1:${own.port}/slow`, ""));
  release({ status: 200, body: '"done"' });
  assert.equal((await answer).json, "done");
  assert.equal((await answer).headers.get("connection"), "close");
  await stopped;
  idle.destroy();
});

test("a port that is taken is an error of the start", async () => {
  await assert.rejects(serve({ route: router({}), host: "127.0.0.1", port: server.port, log }), { code: "EADDRINUSE" });
});
