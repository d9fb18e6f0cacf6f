import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFlood } from "../support/flood.ts";
import { createLedger, percentile, startLoad } from "../support/load.ts";
import { createBrowser, panelPassword } from "../support/panel.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { residentMegabytes, type ServiceProcess, startProcess } from "../support/process.ts";
import { hmac, insertConnections, secrets } from "../support/service.ts";

/*
 * Requests in heaps, pipelined and over thousands of connections, their answers read or not: the service goes on in its
 * memory, and no honest delivery is refused.
 */

/** What the container of the service gets. Of Node 24 itself 58 MB are counted, the pages of its file, of Node 20 45. */
const mostMegabytes = 192;
/** BattleMetrics waits so long; what was measured stands in the diagnostics. */
const mostHonestMs = 5_000;
const floodMs = 1_500;

let postgres: PostgresServer;
let service: ServiceProcess;
let style: string;
const ledger = createLedger();

before(async () => {
  postgres = await startPostgres();
  service = await startProcess({
    env: {
      DATABASE_URL: postgres.url,
      PLAYTIME_ADMIN_PASSWORD: panelPassword,
      PLAYTIME_METRICS_TOKEN: "a-token-of-nobody".repeat(2),
    },
  });
  const page = await (await fetch(`${service.url}/admin/sign-in/`)).text();
  style = /href="([^"]+\.css)"/.exec(page)?.[1] ?? "";
  assert.notEqual(style, "");
  await insertConnections(postgres);
  // Until the service knows them.
  await sleep(2_500);
});
after(async () => {
  await service?.end("SIGKILL");
  await postgres?.remove();
});

const head = (first: string, ...lines: string[]) => [first, "Host:", ...lines, "", ""].join("\r\n");
const body = JSON.stringify({ steam_id: "76561198000000001", playtime: "60", game_id: 1 });
const long = (character: string) => character.repeat(15_000);

type Kind = [what: string, text: () => string, connections: number, times: number];

const kinds: Kind[] = [
  ["pages, 1,500 pipelined", () => head("GET /admin/sign-in/ HTTP/1.1"), 10, 1_500],
  ["pages over many connections", () => head("GET /admin/sign-in/ HTTP/1.1"), 2_000, 1_500],
  ["styles, 900 pipelined", () => head(`GET ${style} HTTP/1.1`), 100, 900],
  ["health", () => head("GET /healthz HTTP/1.1"), 500, 1_500],
  ["readiness", () => head("GET /readyz HTTP/1.1"), 500, 1_500],
  ["metrics without the token", () => head("GET /metrics HTTP/1.1"), 500, 1_500],
  ["HEAD of pages", () => head("HEAD /admin/sign-in/ HTTP/1.1"), 500, 1_500],
  [
    "deliveries with a wrong signature",
    () => head("POST /set-playtime/bm/bm/ HTTP/1.1", "X-Signature: t=1,s=00", `Content-Length: ${body.length}`) + body,
    500,
    400,
  ],
  [
    "queries with a wrong signature",
    () => head("POST /get-playtime/plugin/ HTTP/1.1", "X-Signature: 00", `Content-Length: ${body.length}`) + body,
    500,
    400,
  ],
  ["a long `next`, one a connection", () => head(`GET /admin/sign-in/?next=/admin/${long("'")} HTTP/1.1`), 3_000, 1],
  ["a long `next`, pipelined", () => head(`GET /admin/sign-in/?next=/admin/${long("&")} HTTP/1.1`), 1_000, 4],
  ["long cookies", () => head("GET /admin/ HTTP/1.1", `Cookie: session=${long("x")}`), 2_000, 4],
  ["long paths", () => head(`GET /admin/${long("x")} HTTP/1.1`), 2_000, 4],
  ["heads that never end", () => `GET /healthz HTTP/1.1\r\nHost:\r\nX-A: ${long("x")}`, 3_000, 1],
  ["expectations that nobody meets", () => head("GET /healthz HTTP/1.1", "Expect: miracles"), 100, 900],
  ["requests without Host", () => "GET /healthz HTTP/1.1\r\n\r\n", 100, 2_500],
];

describe("beside honest deliveries and queries, read and unread", () => {
  for (const [what, text, connections, times] of kinds)
    test(what, async (t) => {
      for (const reads of [true, false]) {
        const flood = () => startFlood({ port: service.port, connections, text: text(), times, reads, ms: floodMs });
        await besideHonest(t, reads ? "read" : "unread", flood);
      }
    });

  test("half-read downloads of the table", async (t) => {
    await postgres.sql`
      insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at)
      select 76561198100000000 + n, 1, n, now() from generate_series(1, 200000) as n`;
    const browser = createBrowser(service);
    await browser.signIn();
    const text = head("GET /admin/players.csv HTTP/1.1", `Cookie: ${browser.sessionCookie()}`);
    await besideHonest(t, "unread", () =>
      startFlood({ port: service.port, connections: 200, text, times: 50, reads: false, ms: floodMs }),
    );
    const open = async () => (await readdir(`/proc/${service.pid}/fd`)).length;
    for (let tries = 0; tries < 100 && (await open()) > 60; tries += 1) await sleep(200);
    // One that has begun and is read no further holds the only place for long work, until it is given up after 30 s.
    for (let tries = 0, begins = ""; !begins.startsWith("HTTP/1.1 200"); tries += 1) {
      assert.ok(tries < 90, begins);
      const hanging = connect({ port: service.port, host: "127.0.0.1" });
      t.after(() => hanging.destroy());
      hanging.on("error", () => {}).write(text);
      begins = String(await new Promise((resolve) => hanging.once("data", resolve).once("close", () => resolve(""))));
      hanging.pause();
      if (!begins.startsWith("HTTP/1.1 200")) await sleep(500);
    }
    // Whoever reads waits for it, and then gets all. 303: others hold all places.
    let table = await browser.get("/admin/players.csv");
    for (let tries = 0; tries < 90 && table.status === 303; tries += 1) {
      await sleep(500);
      table = await browser.get("/admin/players.csv");
    }
    assert.equal(table.status, 200);
    assert.equal(table.html.split("\n").length >= 200_002, true);
  });

  test("after all that it is the same process, without an error in its log, and small again", async (t) => {
    await sleep(1_000);
    const megabytes = await residentMegabytes(service);
    t.diagnostic(`${megabytes} MB`);
    assert.equal(service.child.exitCode, null);
    assert.deepEqual(
      service.lines().filter(({ level }) => level === "error"),
      [],
    );
    assert.ok(megabytes < mostMegabytes);
  });
});

async function besideHonest<T>(t: TestContext, what: string, flood: () => Promise<T>): Promise<void> {
  const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 8, pauseMs: 5 });
  const queries = startQueries();
  // What the flood before left behind is still taken, one connection each time round Node's loop.
  for (let tries = 0; tries < 300 && load.outcomes.length < 50; tries += 1) await sleep(50);
  const calm = load.outcomes.length;
  let megabytes = 0;
  let isOver = false;
  const counted = flood().finally(() => {
    isOver = true;
  });
  for (; !isOver; await sleep(50)) megabytes = Math.max(megabytes, await residentMegabytes(service));
  const count = await counted;
  await load.stop();
  const asked = await queries.stop();
  const during = load.outcomes.slice(calm);
  const refused = load.outcomes.filter(({ status }) => status !== 200);
  const times = during.map(({ ms }) => ms);
  const p99 = percentile(times, 0.99);
  t.diagnostic(
    `${what}: ${megabytes} MB; honest p50 ${percentile(times, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms of ${times.length}, ` +
      `${asked.length} queries; ${JSON.stringify(count)}`,
  );
  assert.equal(service.child.exitCode ?? service.child.signalCode, null, service.text().slice(-2_000));
  assert.deepEqual(refused, []);
  assert.ok(times.length > 10, `${times.length} deliveries`);
  assert.deepEqual(
    asked.filter((status) => status !== 200),
    [],
  );
  assert.ok(p99 < mostHonestMs, `p99 ${p99} ms`);
  assert.ok(megabytes > 0 && megabytes < mostMegabytes, `${megabytes} MB`);
  assert.deepEqual(await ledger.problems(postgres.sql), []);
}

/** One query after the other, until `stop`, which tells their statuses; 0: no answer. */
function startQueries() {
  let isRunning = true;
  const statuses: number[] = [];
  const text = JSON.stringify({ steam_ids: ["76561198000000001"], game_id: 393380 });
  const asking = (async () => {
    for (; isRunning; await sleep(20)) {
      const asked = fetch(`${service.url}/get-playtime/plugin/`, {
        method: "POST",
        body: text,
        headers: { "x-signature": hmac(secrets.script, text) },
      });
      statuses.push(
        await asked.then(
          async (answer) => {
            await answer.text();
            return answer.status;
          },
          () => 0,
        ),
      );
    }
  })();
  return {
    stop: async () => {
      isRunning = false;
      await asking;
      return statuses;
    },
  };
}
