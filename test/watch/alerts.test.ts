import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type AlertSettings, send } from "../../src/watch/alert-channels.ts";
import { alertStoreIn } from "../../src/watch/alert-store.ts";
import { createAlerts } from "../../src/watch/alerts.ts";
import type { Condition } from "../../src/watch/condition.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { memoryLog } from "../support/service.ts";

type Received = { path: string; body: Record<string, unknown> };

const token = "123456:telegram-token";
const received: Received[] = [];
/** How the stub answers, by the beginning of the path; else as each service does. */
let answers: Record<string, { status: number; body?: string } | "hang"> = {};
let url = "";
let db: TestDatabase;

const bodyOf = async (request: IncomingMessage) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
};

const stub = createServer(async (request, response) => {
  const path = request.url ?? "";
  const answer = Object.entries(answers).find(([start]) => path.startsWith(start))?.[1];
  const body = await bodyOf(request);
  if (answer === "hang") return;
  if (answer) return void response.writeHead(answer.status).end(answer.body ?? "");
  received.push({ path, body });
  if (path.startsWith("/discord")) response.writeHead(204).end();
  else response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
});

before(async () => {
  db = await createTestDatabase();
  await new Promise<void>((resolve) => stub.listen(0, "127.0.0.1", resolve));
  const address = stub.address();
  url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
});
after(async () => {
  stub.closeAllConnections();
  stub.close();
  await db.drop();
});
beforeEach(async () => {
  received.length = 0;
  answers = {};
  await db.sql`truncate alerts, alert_messages`;
});

const all = (): AlertSettings => ({
  DISCORD_WEBHOOK: `${url}/discord/secret-part`,
  TELEGRAM_TOKEN: token,
  TELEGRAM_CHAT: "-100",
  TELEGRAM_API_URL: url,
  URL: `${url}/hook`,
});
const onlyUrl = (): AlertSettings => ({ ...all(), DISCORD_WEBHOOK: "", TELEGRAM_TOKEN: "" });

/** Services that look every 20 ms, stopped when the test ends. */
function start(
  t: { after: (end: () => Promise<void>) => void },
  conditions: () => Condition[],
  more: { settings?: () => AlertSettings; language?: string; answers?: () => Promise<boolean> } = {},
) {
  const { log, text } = memoryLog();
  const alerts = createAlerts({
    settings: more.settings ?? onlyUrl,
    language: more.language ?? "en",
    panelUrl: () => "",
    database: { aside: db.database.aside, answers: more.answers ?? (async () => true) },
    conditions: async () => conditions(),
    log,
    times: { look: 20, databaseAway: 100 },
  });
  t.after(alerts.stop);
  return { ...alerts, logText: text };
}

async function eventually(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const untilMs = performance.now() + 15_000; !(await isSo()); await sleep(10))
    assert.ok(performance.now() < untilMs, `not within 15 s: ${what}`);
}

const late: Condition = { cause: "late", connection: "battlemetrics/мой-сервер", hours: 25 };
const codes = () => received.map(({ body }) => `${body["code"]} ${body["isOver"]}`);
const looks = (count: number) => sleep(count * 20 + 200);

test("each channel is told once when something begins and once when it is over, each in its own form", async (t) => {
  let found: Condition[] = [late];
  const { logText } = start(t, () => found, { settings: all });
  await eventually("three messages", () => received.length === 3);
  await looks(5);
  assert.equal(received.length, 3);
  const by = (start: string) => received.find(({ path }) => path.startsWith(start))?.body;
  const text = String(by("/hook")?.["text"]);
  assert.match(text, /^No delivery came to "мой-сервер" for 25 h\./);
  assert.deepEqual(by("/discord"), { content: text, allowed_mentions: { parse: [] } });
  assert.deepEqual(by(`/bot${token}/sendMessage`), { chat_id: "-100", text });
  const { at, ...hook } = by("/hook") ?? {};
  assert.deepEqual(hook, { code: "late", connection: "battlemetrics/мой-сервер", text, isOver: false });
  assert.match(String(at), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

  found = [];
  await eventually("three more", () => received.length === 6);
  assert.match(String(received.at(-1)?.body["text"] ?? received.at(-1)?.body["content"]), /arrive again/);
  const stored = JSON.stringify(await db.sql`select * from alert_messages`);
  for (const secret of [token, "secret-part"]) assert.ok(!`${stored}${logText()}`.includes(secret), secret);
});

test("the words are in the configured language", async (t) => {
  start(t, () => [late], { language: "ru-RU" });
  await eventually("a message", () => received.length === 1);
  assert.match(String(received[0]?.body["text"]), /^На «мой-сервер» уже 25 ч не приходило доставок\./);
});

test("two services on one database tell a thing once, and either may end it", async (t) => {
  let found: Condition[] = [late, { cause: "refusing", connection: "script/a", code: "bad-signature" }];
  for (let service = 0; service < 3; service += 1) start(t, () => found);
  await eventually("both", () => received.length >= 2);
  await looks(10);
  assert.deepEqual(codes().sort(), ["late false", "refusing false"]);
  found = [];
  await eventually("both over", () => received.length >= 4);
  await looks(5);
  assert.deepEqual(codes().sort(), ["late false", "late true", "refusing false", "refusing true"]);
});

test("two services that look in the same microsecond make one message", async () => {
  const sql = await db.sql.reserve();
  try {
    await sql`begin`;
    const store = alertStoreIn({ run: (ask) => ask(sql) });
    for (let look = 0; look < 2; look += 1) await store.began([{ ...late, text: "late" }], ["url"]);
    await sql`update alerts set over_at = now(), began_at = now() - interval '2 hours'`;
    for (let look = 0; look < 2; look += 1) await store.began([{ ...late, text: "again" }], ["url"]);
    assert.deepEqual(
      (await sql`select text from alert_messages order by id`).map(({ text }) => text),
      ["late", "again"],
    );
    await sql`rollback`;
  } finally {
    sql.release();
  }
});

test("what one service sees for itself is not ended by another that does not", async (t) => {
  start(t, () => [{ cause: "disk-nearly-full", connection: "", freeMegabytes: 12 }]);
  start(t, () => []);
  await eventually("the beginning", () => received.length === 1);
  await looks(10);
  assert.deepEqual(codes(), ["disk-nearly-full false"]);
});

test("what no service has seen for a minute is over", async (t) => {
  await db.sql`insert into alerts (cause, connection, seen_at) values ('steam-away', '', now() - interval '61 seconds')`;
  start(t, () => []);
  await eventually("the end", () => received.length === 1);
  assert.deepEqual(codes(), ["steam-away true"]);
});

test("a thing that comes and goes begins at most once an hour, through restarts too", async (t) => {
  let found: Condition[] = [late];
  const first = start(t, () => found);
  await eventually("the beginning", () => received.length === 1);
  await first.stop();
  const second = start(t, () => found);
  await looks(5);
  assert.deepEqual(codes(), ["late false"]);
  found = [];
  await eventually("the end", () => received.length === 2);
  found = [late];
  await looks(10);
  assert.deepEqual(codes(), ["late false", "late true"]);
  await db.sql`update alerts set began_at = now() - interval '61 minutes'`;
  await eventually("the second beginning", () => received.length === 3);
  assert.deepEqual(codes(), ["late false", "late true", "late false"]);
  await second.stop();
});

test("a beginning that a wrong clock put into the future keeps nothing back", async (t) => {
  await db.sql`insert into alerts (cause, connection, began_at, over_at) values ('late', ${late.connection}, now() + interval '300 days', now())`;
  start(t, () => [late]);
  await eventually("the beginning", () => received.length === 1);
});

test("what could not be sent is tried again after a pause, the reason kept without the address, and a restart loses nothing", async (t) => {
  answers = { "/hook": { status: 500, body: "secret-of-the-answer" } };
  const first = start(t, () => [late]);
  const store = alertStoreIn(db.database.aside);
  await eventually("a failure", async () => (await store.newest(1))[0]?.problem != null);
  const [message] = await store.newest(1);
  assert.deepEqual(
    [message?.problem, message?.tries, message?.sentAt],
    ["The address of [ALERTS] URL answered 500", 1, null],
  );
  assert.ok(!`${JSON.stringify(message)}${first.logText()}`.includes(url));
  assert.ok(Date.parse(message?.nextTryAt ?? "") > Date.now() + 5_000);
  await first.stop();
  answers = {};
  await db.sql`update alert_messages set next_try_at = now()`;
  start(t, () => [late]);
  await eventually("the second try", () => received.length === 1);
  await eventually("the note of it", async () => (await store.newest(1))[0]?.sentAt != null);
});

test("a message that nobody took for a day is given up", async (t) => {
  answers = { "/hook": { status: 404 } };
  await db.sql`
    insert into alert_messages (at, channel, cause, connection, is_over, text)
    values (now() - interval '25 hours', 'url', 'late', 'script/a', false, 'old')`;
  start(t, () => []);
  const [ended] = [() => alertStoreIn(db.database.aside).newest(1)];
  await eventually("the end of it", async () => (await ended())[0]?.nextTryAt === null);
});

test("a channel that hangs holds up neither the others nor what comes next", async (t) => {
  answers = { "/discord": "hang" };
  const found: Condition[] = [late];
  start(t, () => found, { settings: all });
  await eventually("the two others", () => received.length === 2);
  found.push({ cause: "refusing", connection: "script/a", code: "malformed" });
  await eventually("the two others again", () => received.length === 4);
});

test("that the database is away is told without it, and that it is back", async (t) => {
  let isThere = false;
  start(t, () => [], { settings: all, answers: async () => isThere });
  await eventually("all three", () => received.length === 3);
  await looks(5);
  isThere = true;
  await eventually("all three again", () => received.length === 6);
  assert.deepEqual(
    codes().filter((code) => !code.startsWith("undefined")),
    ["database-away false", "database-away true"],
  );
  assert.equal((await db.sql`select from alert_messages`).length, 0);
});

test("a short absence of the database is told to nobody", async (t) => {
  let isThere = true;
  start(t, () => [], { answers: async () => isThere });
  isThere = false;
  await sleep(50);
  isThere = true;
  await looks(10);
  assert.equal(received.length, 0);
});

test("a refusal of a channel is told in words, with the pause that it wants", async () => {
  const message = { code: "test", connection: "", text: "x", at: new Date().toISOString(), isOver: false };
  const cases = [
    ["discord", 404, "", "Discord answered 404: the webhook was deleted, or its address is wrong", undefined],
    ["discord", 429, '{"message":"limited","retry_after":3.2}', "Discord answered 429: too many messages", 4],
    ["telegram", 401, '{"ok":false}', "Telegram answered 401: the token is wrong", undefined],
    [
      "telegram",
      400,
      '{"ok":false}',
      "Telegram answered 400: there is no such chat, or nobody has written to the bot there yet",
      undefined,
    ],
    ["telegram", 429, '{"ok":false,"parameters":{"retry_after":7}}', "Telegram answered 429: too many messages", 7],
    ["url", 302, "", "The address of [ALERTS] URL answered 302", undefined],
  ] as const;
  for (const [channel, status, body, problem, retrySeconds] of cases) {
    answers = { "/": { status, body } };
    const expected = { isSent: false, problem, ...(retrySeconds === undefined ? {} : { retrySeconds }) };
    assert.deepEqual(await send(channel, message, all()), expected);
  }
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const address = closed.address();
  const port = typeof address === "object" && address ? address.port : 0;
  await new Promise((resolve) => closed.close(resolve));
  const away = { ...all(), URL: `http://127.0.0.1:${port}/secret-part` };
  assert.deepEqual(await send("url", message, away), {
    isSent: false,
    problem: "The address of [ALERTS] URL could not be reached (ECONNREFUSED)",
  });
  assert.deepEqual(await send("url", message, { ...all(), URL: "http://127.0.0.1:6000/" }), {
    isSent: false,
    problem: "The address of [ALERTS] URL could not be reached (programs refuse to connect to this port)",
  });
});
