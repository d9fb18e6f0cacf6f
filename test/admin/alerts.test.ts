import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { alertStoreIn } from "../../src/watch/alert-store.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type Browser, createBrowser, setPanelPassword, textOf } from "../support/panel.ts";
import { startTestService, type TestService } from "../support/service.ts";

/* What was sent and what could not be, in the panel. */

const token = "1234:planted-token-of-telegram";
let db: TestDatabase;
let stub: Server;
const received: { url: string; body: string }[] = [];
let service: TestService;
let browser: Browser;

before(async () => {
  db = await createTestDatabase();
  await setPanelPassword(db);
  stub = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    received.push({ url: request.url ?? "", body: Buffer.concat(parts).toString() });
    response.writeHead(request.url?.startsWith("/discord") ? 404 : 200).end("{}");
  });
  await new Promise<void>((resolve) => stub.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(stub.address() as AddressInfo).port}`;
  const ALERTS = {
    DISCORD_WEBHOOK: `${url}/discord/planted-address`,
    TELEGRAM_TOKEN: token,
    TELEGRAM_CHAT: "@planted-chat",
    TELEGRAM_API_URL: url,
  };
  service = await startTestService(db, { config: { ALERTS } });
  browser = createBrowser(service);
  await browser.signIn();
});
after(async () => {
  await service.stop();
  stub.close();
  await db.drop();
});

test("the test button sends to every channel and says of each how it went, and why not", async () => {
  const page = await browser.post("/admin/alerts/", { action: "test" });
  assert.equal(page.status, 200);
  assert.match(textOf(page.html), /Sent to: Discord, Telegram/);
  assert.match(textOf(page.html), /Discord: Discord answered 404: the webhook was deleted/);
  assert.match(textOf(page.html), /Telegram: sent/);
  assert.deepEqual(received.map(({ url }) => url).sort(), [`/bot${token}/sendMessage`, "/discord/planted-address"]);
  assert.equal((await browser.post("/admin/alerts/", { action: "nonsense" })).status, 400);
  assert.equal(received.length, 2);
});

test("the page lists what was sent, what is tried again and what was given up, each with its reason", async () => {
  assert.match(textOf((await browser.get("/admin/alerts/")).html), /Nothing was sent yet/);
  const store = alertStoreIn(db.database);
  const text = 'No delivery came to "<b>eu</b>" for 31 h.';
  await store.began(
    [{ cause: "late", connection: "battlemetrics/eu", hours: 31, text }],
    ["discord", "telegram", "url"],
  );
  const [first, second, third] = await store.due();
  await store.sent(first?.id ?? "");
  await store.failed(second?.id ?? "", "Telegram answered 401: the token is wrong", 60);
  await store.failed(third?.id ?? "", "The address of [ALERTS] URL answered 500", null);
  const { html } = await browser.get("/admin/alerts/");
  const said = textOf(html);
  assert.match(
    said,
    /URL No delivery came to "<b>eu<\/b>" for 31 h\. not sent, given up The address of \[ALERTS\] URL/,
  );
  assert.match(said, /Telegram No .* not sent; the next try is at \d{4}-.* Telegram answered 401: the token is wrong/);
  assert.match(said, /Discord No delivery came to .* sent/);
  assert.ok(!html.includes("<b>eu"));
  for (const secret of [token, "planted-address", "planted-chat"]) assert.ok(!html.includes(secret), secret);
  const russian = await browser.get("/admin/alerts/", { "accept-language": "ru" });
  assert.match(textOf(russian.html), /не отправлено, попытки прекращены/);
});

test("without a channel the page says that nobody is told, and how to change that", async () => {
  const silent = await startTestService(db);
  try {
    const visitor = createBrowser(silent);
    await visitor.signIn();
    const { html } = await visitor.get("/admin/alerts/");
    assert.match(textOf(html), /nobody is told\. Set up Discord, Telegram or another service at Settings/);
    assert.doesNotMatch(html, /value="test"/);
  } finally {
    await silent.stop();
  }
});
