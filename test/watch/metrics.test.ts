import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { connectionsIn } from "../../src/connections/connections.ts";
import { version } from "../../src/version.ts";
import { textType } from "../../src/watch/prometheus.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import {
  deliverySignature,
  hmac,
  insertConnections,
  post,
  secrets,
  startTestService,
  type TestService,
} from "../support/service.ts";
import { type SteamStub, startSteamStub } from "../support/steam-stub.ts";

const token = "planted-token-0123456789-abcdefgh";
const steamKey = "PLANTED-STEAM-KEY";
const game = 393_380;
const oddPath = 'мой-"сервер"\\1';

let db: TestDatabase;
let steam: SteamStub;
let service: TestService;

before(async () => {
  [db, steam] = await Promise.all([createTestDatabase(), startSteamStub()]);
  await insertConnections(db);
  await insertConnections(db, [
    { kind: "battlemetrics", path: oddPath, secret: secrets.battlemetrics, enabled: true, fixedGameId: game },
    { kind: "script", path: "off", secret: secrets.script, enabled: false, fixedGameId: null },
  ]);
});
after(async () => {
  await steam.stop();
  await db.drop();
});
beforeEach(async () => {
  steam.states = {};
  service = await start();
});
afterEach(() => service.stop());

const start = (config: Parameters<typeof startTestService>[1] = {}) =>
  startTestService(db, {
    config: { METRICS: { TOKEN: token }, STEAM: { KEY: steamKey, API_URL: steam.url, DEADLINE: 2 } },
    ...config,
  });

const ask = (headers: Record<string, string> = { authorization: `Bearer ${token}` }) =>
  fetch(`${service.url}/metrics`, { headers });

/** All samples, by their text up to the value. */
/** For all connections, those that are open end. */
async function setReadOnly({ sql, name }: TestDatabase, value: "on" | "off"): Promise<void> {
  await sql.unsafe(`alter database ${name} set default_transaction_read_only = ${value}`);
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name} and pid <> pg_backend_pid()`;
}

async function read(): Promise<Record<string, number>> {
  const lines = (await (await ask()).text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}

/** Those of one number that are not 0, by their labels. */
async function nonZero(name: string): Promise<Record<string, number>> {
  const found = Object.entries(await read()).filter(([sample, value]) => sample.startsWith(`${name}{`) && value !== 0);
  return Object.fromEntries(found.map(([sample, value]) => [sample.slice(name.length), value]));
}

const deliver = (
  body: unknown,
  { path = "bm", secret = secrets.battlemetrics, at = new Date().toISOString() } = {},
) => {
  const text = JSON.stringify(body);
  return post(`${service.url}/set-playtime/bm/${encodeURIComponent(path)}/`, text, {
    "x-signature": deliverySignature(secret, text, at),
  });
};
const delivery = (playtime: string) => ({ steam_id: "76561198000000001", playtime, game_id: game });

const query = (steamIds: string[], { path = "plugin", secret = secrets.script, refresh = false } = {}) => {
  const text = JSON.stringify({ steam_ids: steamIds, game_id: game, is_need_update: refresh });
  return post(`${service.url}/get-playtime/${path}/`, text, { "x-signature": hmac(secret, text) });
};

const top = (fields: Record<string, unknown>) => {
  const text = JSON.stringify({ game_id: game, ...fields });
  return post(`${service.url}/top-playtime/plugin/`, text, { "x-signature": hmac(secrets.script, text) });
};

test("deliveries are counted by connection and by what came of them", async () => {
  await deliver(delivery("60"));
  await deliver(delivery("60"));
  await deliver(delivery(""));
  await deliver(delivery("sixty"));
  await deliver(delivery("60"), { secret: "another" });
  await deliver(delivery("60"), { at: "2020-01-01T00:00:00Z" });
  await deliver(delivery("60"), { path: oddPath });
  assert.deepEqual(await nonZero("playtime_deliveries_total"), {
    '{connection="bm",outcome="accepted"}': 2,
    '{connection="bm",outcome="ignored"}': 1,
    '{connection="bm",outcome="refused",code="malformed"}': 1,
    '{connection="bm",outcome="refused",code="bad-signature"}': 1,
    '{connection="bm",outcome="refused",code="stale-timestamp"}': 1,
    '{connection="мой-\\"сервер\\"\\\\1",outcome="accepted"}': 1,
  });
  assert.deepEqual(await nonZero("playtime_queries_total"), {});
});

test("top lists are counted with the queries of their connection", async () => {
  await top({});
  await top({ days: 0 });
  assert.deepEqual(await nonZero("playtime_queries_total"), {
    '{connection="plugin",outcome="accepted"}': 1,
    '{connection="plugin",outcome="refused",code="malformed"}': 1,
  });
});

test("queries are counted likewise", async () => {
  await query(["76561198000000001"]);
  await query([]);
  await query(["76561198000000001"], { secret: "another" });
  await query(["76561198000000001"], { path: "off" });
  assert.deepEqual(await nonZero("playtime_queries_total"), {
    '{connection="off",outcome="refused",code="disabled-connection"}': 1,
    '{connection="plugin",outcome="accepted"}': 1,
    '{connection="plugin",outcome="refused",code="malformed"}': 1,
    '{connection="plugin",outcome="refused",code="bad-signature"}': 1,
  });
});

test("every outcome of a stored connection is there from the start, as zero", async () => {
  const samples = await read();
  for (const labels of ['outcome="accepted"', 'outcome="ignored"', 'outcome="refused",code="bad-signature"'])
    assert.equal(samples[`playtime_deliveries_total{connection="bm",${labels}}`], 0, labels);
  assert.equal(samples['playtime_queries_total{connection="plugin",outcome="ignored"}'], undefined);
});

test("strangers make no series: whatever paths they try, they are counted under one", async () => {
  const before = Object.keys(await read()).sort();
  for (let number = 0; number < 20; number += 1) {
    await deliver(delivery("60"), { path: `stranger-${number}"\n` });
    await query(["76561198000000001"], { path: `stranger-${number}` });
    await fetch(`${service.url}/stranger-${number}`);
    await fetch(`${service.url}/set-playtime/bm/stranger-${number}/`, { method: "PUT" });
  }
  await query(["76561198000000001"], { path: "%ff" });
  const after = await read();
  assert.deepEqual(Object.keys(after).sort(), before);
  const labels = '{connection="unknown",outcome="refused",code="unknown-path"}';
  assert.equal(after[`playtime_deliveries_total${labels}`], 20);
  assert.equal(after[`playtime_queries_total${labels}`], 21);
  assert.equal(after[`playtime_deliveries_total${labels.replace("unknown-path", "method-not-allowed")}`], 20);
  assert.equal(after['playtime_request_duration_seconds_count{request="delivery"}'], 0);
});

test("a connection that was removed has no series any more, one that was added has", async () => {
  const table = connectionsIn(db.database);
  const added = { kind: "battlemetrics", path: "late", secret: "x", enabled: true, fixedGameId: null } as const;
  await table.add(added);
  const ofIt = async () => Object.entries(await read()).filter(([sample]) => sample.includes('connection="late"'));
  await eventually("a series of the new connection", async () => (await ofIt()).length > 0, { everyMs: 50 });
  assert.ok((await ofIt()).every(([, value]) => value === 0));
  assert.equal((await deliver(delivery("60"), { path: "late", secret: "x" })).status, 200);
  const counted = (await ofIt()).filter(([, value]) => value !== 0);
  assert.deepEqual(counted, [['playtime_deliveries_total{connection="late",outcome="accepted"}', 1]]);
  await table.remove(added);
  await eventually("the end of its series", async () => (await ofIt()).length === 0, { everyMs: 50 });
});

test("the duration of requests is a histogram in seconds, its buckets cumulative", async () => {
  for (let number = 0; number < 5; number += 1) await deliver(delivery("60"));
  await query(["76561198000000001"]);
  for (const days of [7, 30]) await top({ days });
  const samples = Object.entries(await read());
  for (const [request, count] of [
    ["delivery", 5],
    ["query", 1],
    ["top", 2],
  ] as const) {
    const own = samples.filter(([name]) =>
      name.startsWith(`playtime_request_duration_seconds_bucket{request="${request}"`),
    );
    const values = own.map(([, value]) => value);
    assert.ok(own.at(-1)?.[0].endsWith('le="+Inf"}'));
    assert.deepEqual(
      values,
      values.toSorted((a, b) => a - b),
    );
    assert.equal(values.at(-1), count);
    const ending = new Map(samples);
    assert.equal(ending.get(`playtime_request_duration_seconds_count{request="${request}"}`), count);
    const sum = ending.get(`playtime_request_duration_seconds_sum{request="${request}"}`) ?? 0;
    assert.ok(sum > 0 && sum < 5 * count, String(sum));
  }
});

test("batches are counted by their size", async () => {
  await Promise.all(Array.from({ length: 30 }, (_, number) => deliver(delivery(String(number)))));
  await query(["76561198000000001", "76561198000000002"]);
  const samples = await read();
  assert.equal(samples['playtime_batch_items_sum{of="deliveries"}'], 30);
  // How many came together depends on the machine.
  const batches = samples['playtime_batch_items_count{of="deliveries"}'] ?? 0;
  assert.ok(batches >= 1 && batches <= 30, String(batches));
  assert.equal(samples['playtime_batch_items_sum{of="steam-answers"}'], 1);
  // Once more after Steam has answered.
  assert.equal(samples['playtime_batch_items_sum{of="queries"}'], 2);
});

test("calls to Steam are counted by their result, and the breaker's state is told", async () => {
  const breaker = () => nonZero("playtime_steam_breaker");
  assert.deepEqual(await breaker(), { '{state="closed"}': 1 });
  const before = (await read())["playtime_steam_calls_today"] ?? 0;
  steam.states = { owned: { games: [{ appid: game, playtime_forever: 60 }] } };
  await query(["76561198000000010"]);
  steam.states = { owned: { status: 400 } };
  await query(["76561198000000011"]);
  steam.states = { owned: { raw: "nonsense" } };
  await query(["76561198000000012"]);
  steam.states = { owned: { status: 403 } };
  await query(["76561198000000013"]);
  await query(["76561198000000014", "76561198000000015"]);
  assert.deepEqual(await nonZero("playtime_steam_calls_total"), {
    '{result="answer"}': 1,
    '{result="player"}': 1,
    '{result="nonsense"}': 1,
    '{result="forbidden"}': 1,
  });
  assert.deepEqual(await breaker(), { '{state="open"}': 1 });
  const samples = await read();
  assert.equal(samples["playtime_steam_calls_dropped_total"], 2);
  // Those of services before count too.
  assert.equal(samples["playtime_steam_calls_today"], before + 4);
  assert.equal(samples["playtime_steam_calls_per_day"], 90_000);
  assert.equal(samples["playtime_steam_calls_waiting"], 0);
});

test("the database's statements and failures are told, and whether it works", async () => {
  const own = await createTestDatabase();
  try {
    await insertConnections(own);
    await service.stop();
    service = await startTestService(own, { config: { METRICS: { TOKEN: token } } });
    await deliver(delivery("60"));
    const working = await read();
    assert.equal(working["playtime_database_up"], 1);
    assert.equal(working["playtime_database_connections"], 7);
    assert.equal(working["playtime_database_statements_active"], 0);
    assert.ok((working["playtime_database_statements_total"] ?? 0) >= 2);
    assert.ok((working["playtime_database_statement_seconds_total"] ?? 0) > 0);
    assert.deepEqual(await nonZero("playtime_database_failures_total"), {});

    await own.sql`alter table playtimes rename to lost`;
    assert.equal((await deliver(delivery("60"))).status, 500);
    const wrong = await read();
    assert.equal(wrong["playtime_database_up"], 1);
    assert.equal(wrong['playtime_database_failures_total{reason="statement"}'], 1);
    assert.equal(wrong["playtime_database_pool_renewals_total"], 0);
    await own.sql`alter table lost rename to playtimes`;
    await setReadOnly(own, "on");
    assert.equal((await deliver(delivery("60"))).status, 503);
    const failing = await read();
    assert.equal(failing["playtime_database_up"], 0);
    assert.ok((failing['playtime_database_failures_total{reason="connection"}'] ?? 0) > 0);
    assert.ok((failing["playtime_database_pool_renewals_total"] ?? 0) > 0);
    assert.equal(failing['playtime_deliveries_total{connection="bm",outcome="refused",code="database-away"}'], 1);
  } finally {
    await own.drop();
  }
});

test("the process tells its memory, its time, its version and how late its event loop is", async () => {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const startMs = performance.now();
  while (performance.now() - startMs < 200);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const samples = await read();
  assert.ok((samples["process_resident_memory_bytes"] ?? 0) > 10_000_000);
  assert.ok((samples["nodejs_heap_size_used_bytes"] ?? 0) > 1_000_000);
  assert.ok((samples["process_cpu_seconds_total"] ?? 0) > 0);
  assert.ok((samples["process_start_time_seconds"] ?? 0) > Date.parse("2020-01-01") / 1_000);
  assert.equal(samples[`playtime_build_info{version="${version}",node="${process.version}"}`], 1);
  assert.ok((samples["nodejs_eventloop_lag_max_seconds"] ?? 0) > 0.1);
  assert.ok((samples["nodejs_eventloop_lag_p50_seconds"] ?? 9) <= (samples["nodejs_eventloop_lag_p99_seconds"] ?? 0));
});

test("each number has its help and type, and what only grows ends in _total", async () => {
  const text = await (await ask()).text();
  const types = [...text.matchAll(/^# HELP (\S+) .+\.\n# TYPE \1 (counter|gauge|histogram)\n\1/gm)];
  assert.equal(types.length, text.match(/^# TYPE /gm)?.length);
  for (const [, name, type] of types) assert.equal(name?.endsWith("_total"), type === "counter", name);
});

test("only the token opens it; a refusal says how to ask, and is a line in the log", async () => {
  const answer = await ask();
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, textType]);
  assert.equal(textType, "text/plain; version=0.0.4; charset=utf-8");
  assert.equal((await ask({ authorization: `bearer ${token}` })).status, 200);
  for (const authorization of [
    "",
    "Bearer",
    "Bearer ",
    `Basic ${token}`,
    token,
    `Bearer ${token}x`,
    `Bearer ${token.slice(1)}`,
    `Bearer ${token} x`,
  ]) {
    const refused = await ask(authorization === "" ? {} : { authorization });
    assert.equal(refused.status, 401, authorization);
    assert.equal(refused.headers.get("www-authenticate"), "Bearer");
    const { code, detail } = (await refused.json()) as Record<string, string>;
    assert.equal(code, "bad-token");
    assert.match(detail ?? "", /\[METRICS\] TOKEN/);
  }
  assert.ok(service.lines.some(({ message, code }) => message === "refused" && code === "bad-token"));
  const put = await fetch(`${service.url}/metrics`, { method: "PUT" });
  assert.deepEqual([put.status, put.headers.get("allow")], [405, "GET, HEAD"]);
});

test("no secret is in it, nor in the log of it", async () => {
  await deliver(delivery("60"));
  await query(["76561198000000001"], { refresh: true });
  await ask({ authorization: `Bearer ${token}x` });
  const text = (await (await ask()).text()) + service.logText();
  for (const secret of [token, steamKey, secrets.battlemetrics, secrets.script, "76561198000000001"])
    assert.ok(!text.includes(secret), secret);
});

test("without a token in the settings there is no such address", async () => {
  await service.stop();
  service = await start({ config: {} });
  for (const method of ["GET", "POST"]) {
    const answer = await fetch(`${service.url}/metrics`, { method, headers: { authorization: "Bearer " } });
    assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [404, "not-found"]);
  }
});
