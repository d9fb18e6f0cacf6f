import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { readConfig } from "../../src/config.ts";
import { settingsIn } from "../../src/settings.ts";
import { createAlerts } from "../../src/watch/alerts.ts";
import type { Condition } from "../../src/watch/condition.ts";
import { openWindow, panelSuite, signInOn, skip } from "../support/chromium.ts";
import { panelPassword } from "../support/panel.ts";
import { deliverySignature, memoryLog, post } from "../support/service.ts";

/* What an operator wants done, and in how many clicks. A page that is open counts for none, a key such as Enter for one. */

const anna = "76561198000000001";
const bm = "/admin/connections/battlemetrics/my-server/";

describe("a job is done in few clicks:", { skip }, () => {
  const suite = panelSuite();
  let clicks = 0;

  beforeEach(async () => {
    clicks = 0;
    await suite.db.sql`
      truncate connections, playtimes, edits, accepted_requests, refused_requests, refused_in_a_row, hourly_counts, alerts, alert_messages`;
  });
  afterEach(
    () =>
      suite.db.sql`delete from panel_settings where name like '%webhook' or name like '%url' or name like 'telegram%'`,
  );

  async function open(path = "/admin/", options: Parameters<typeof openWindow>[1] = {}) {
    const { page } = await openWindow(suite.browser, options);
    await signInOn(page, suite.service.url, panelPassword);
    await page.goto(suite.service.url + path);
    const click = (role: "link" | "button" | "radio", name: string | RegExp) => {
      clicks += 1;
      return page.getByRole(role, { name, exact: true }).first().click();
    };
    const press = (key: string) => {
      clicks += 1;
      return page.keyboard.press(key);
    };
    return { page, click, press };
  }
  const add = (secret: string) =>
    suite.db.sql`insert into connections (kind, path, secret) values ('battlemetrics', 'my-server', ${secret})`;
  const deliver = (secret: string, seconds = 7_200) => {
    const body = JSON.stringify({ steam_id: anna, playtime: seconds, game_id: 393380 });
    return post(`${suite.service.url}/set-playtime/bm/my-server/`, body, {
      "x-signature": deliverySignature(secret, body),
    });
  };
  const secretOn = (page: Page) =>
    page
      .locator("dt", { hasText: /^Shared secret$/ })
      .locator("xpath=following-sibling::dd[1]//code")
      .innerText();

  test("from nothing to the first real delivery, which shows by itself (3)", async () => {
    const { page, click, press } = await open();
    await page.clock.install();
    await click("link", "Add a BattleMetrics connection");
    await page.getByLabel("Path").fill("my-server");
    await press("Enter");
    await page.getByText("waiting for its first delivery").waitFor();
    assert.equal((await deliver(await secretOn(page))).status, 200);
    await page.clock.runFor(10_000);
    await page.locator(".state.up").waitFor();
    assert.ok(clicks <= 3, `${clicks}`);
  });

  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 390, height: 844 },
  ])
    test(`why has nothing come since yesterday? At a glance, at ${viewport.width} px (0)`, async () => {
      await add("a secret of sixteen");
      await suite.db.sql`
        insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms)
        values ('battlemetrics', 'my-server', now() - interval '30 hours', false, 1, 1)`;
      const { page } = await open("/admin/", { viewport });
      const answer = page.getByText(/BattleMetrics switches a webhook off after errors: check there/).first();
      const box = await answer.boundingBox();
      assert.ok(box && box.y + box.height <= viewport.height, JSON.stringify(box));
      assert.match(await page.title(), /^\(\d\) /);
    });

  test("from the address of a profile to the hours (1)", async () => {
    await suite.db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (${anna}, 393380, 5400)`;
    const { page, press } = await open("/admin/players/");
    await page.getByLabel("Steam ID or profile").fill(`https://steamcommunity.com/profiles/${anna}/`);
    await press("Enter");
    await page.getByText("1.5 h").first().waitFor();
    assert.ok(clicks <= 1, `${clicks}`);
  });

  test("a secret is changed twice, and the oldest, which BattleMetrics may still use, is accepted throughout (4)", async () => {
    const oldest = "the oldest secret 0123";
    await add(oldest);
    const { page, click } = await open("/admin/connections/battlemetrics/settings/my-server/");
    await click("button", "Set the secret");
    await page.getByText("The new secret is set.").waitFor();
    clicks += 1;
    await page.locator(".tabs").getByRole("link", { name: "Settings" }).click();
    await page.getByText("Two secrets are accepted now: the current one and an older one.").waitFor();
    await click("button", "Set the secret");
    await page.getByText("The new secret is set.").waitFor();
    assert.equal((await deliver(oldest)).status, 200);
    assert.equal((await deliver(await secretOn(page), 7_300)).status, 200);
    assert.ok(clicks <= 4, `${clicks}`);
  });

  test("a time is edited: opened, typed, looked at, saved (3)", async () => {
    await suite.db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (${anna}, 393380, 5400)`;
    const { page, click, press } = await open(`/admin/players/${anna}/`);
    clicks += 1;
    await page.getByText("Edit times").click();
    await page.locator("input[name=battlemetrics-hours]").fill("150");
    await press("Enter");
    await page.getByText("150 h 30 min (541,800 seconds)").waitFor();
    await click("button", "Save");
    await page.getByText("set by hand").waitFor();
    assert.ok(clicks <= 3, `${clicks}`);
  });

  test("alerts are set up, and one begins and ends by Discord, Telegram and another address (2)", async () => {
    const received: string[] = [];
    const stub = createServer((request, response) => {
      request.resume().on("end", () => {
        received.push(request.url ?? "");
        response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
      });
    });
    await new Promise<void>((resolve) => stub.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(stub.address() as AddressInfo).port}`;
    const { page, click } = await open("/admin/settings/");
    await page.getByLabel("Discord: address of the webhook").fill(`${url}/discord`);
    await page.getByLabel("Telegram: token of the bot").fill("1:token");
    await page.getByLabel("Telegram: chat").fill("-100");
    await page.getByLabel("Another service: address").fill(`${url}/hook`);
    clicks += 1;
    await page.locator('button[value="alerts"]').click();
    await page.getByText("Send a test to see that it arrives").waitFor();
    const settings = settingsIn(await readConfig({ env: {} }), suite.db.database);
    await settings.refresh();
    let conditions: Condition[] = [{ cause: "steam-away", connection: "" }];
    const alerts = createAlerts({
      settings: () => ({ ...settings.inForce.ALERTS, TELEGRAM_API_URL: url }),
      language: "en",
      panelUrl: () => "",
      database: { aside: suite.db.database.aside, answers: async () => true },
      conditions: async () => conditions,
      log: memoryLog().log,
      times: { look: 20 },
    });
    const arrived = async (count: number, meanwhile: () => Promise<unknown> = async () => {}) => {
      for (const untilMs = performance.now() + 20_000; received.length < count; await page.waitForTimeout(50)) {
        assert.ok(performance.now() < untilMs, received.join());
        await meanwhile();
      }
    };
    try {
      await arrived(3);
      conditions = [];
      // As if no service had seen it for long.
      await arrived(6, () => suite.db.sql`update alerts set seen_at = now() - interval '1 day'`);
      assert.deepEqual([...new Set(received)].sort(), ["/bot1:token/sendMessage", "/discord", "/hook"]);
      await click("link", "Alerts");
      await page.getByText("Steam answers again.").first().waitFor();
      assert.equal(await page.getByText("Steam has not answered for 15 minutes.").count(), 3);
    } finally {
      await alerts.stop();
      stub.closeAllConnections();
      stub.close();
    }
    assert.ok(clicks <= 2, `${clicks}`);
  });

  test("a session that ends in the middle of a form, and a change of the language, lose nothing that was typed", async () => {
    const { page, click } = await open("/admin/connections/new/battlemetrics/");
    await page.getByLabel("Path").fill("half-typed");
    await suite.db.sql`delete from sessions`;
    await click("button", "Create");
    await page.getByLabel("Password").fill(panelPassword);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("half-typed/").waitFor();
    assert.equal(await page.getByLabel("Path").inputValue(), "half-typed");
    await page.getByLabel("Path").fill("typed-on");
    await page.getByRole("button", { name: "RU" }).click();
    await page.locator("html[lang=ru]").waitFor();
    await page.getByText("typed-on/").waitFor();
    assert.equal(await page.locator("#path").inputValue(), "typed-on");
    await page.getByRole("button", { name: "Создать" }).click();
    await page.getByText("Соединение создано").waitFor();
    // What was sent comes back nowhere.
    await page.goto(`${suite.service.url}/admin/connections/new/battlemetrics/`);
    assert.equal(await page.locator("#path").inputValue(), "");
  });

  test("after a mistake, a change of the language leads back to the form with its text and choices", async () => {
    await add("the oldest secret 0123");
    await suite.db.sql`update connections set old_secret = 'older 0123', old_secret_until = now() + interval '1 hour'`;
    const { page, click } = await open("/admin/connections/battlemetrics/settings/my-server/");
    await page.locator("#path").fill("a/b");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("1 to 255 characters").waitFor();
    await page.locator("#path").fill("half-typed");
    await page.locator("#keep").selectOption("168");
    await page.locator("#keep-newest").check();
    await click("button", "RU");
    await page.locator("html[lang=ru]").waitFor();
    assert.equal(await page.locator("#path").inputValue(), "half-typed");
    assert.equal(await page.locator("#keep").inputValue(), "168");
    assert.equal(await page.locator("#keep-newest").isChecked(), true);
  });

  test("Enter in a field of the settings saves it, also where something is stored that could be removed (1)", async () => {
    await suite.db.sql`insert into panel_settings values ('alerts-url', 'https://x.example.com/old')`;
    const { page, press } = await open("/admin/settings/");
    const stored = async () =>
      (await suite.db.sql`select value from panel_settings where name = 'alerts-url'`)[0]?.["value"];
    for (
      const untilMs = performance.now() + 20_000;
      (await page.getByRole("button", { name: /^Remove/ }).count()) === 0;
    ) {
      assert.ok(performance.now() < untilMs, "the service does not follow");
      await page.reload();
    }
    await page.locator("#alerts-url").fill("https://x.example.com/new");
    await press("Enter");
    await page.getByText("Send a test to see that it arrives").waitFor();
    assert.equal(await stored(), "https://x.example.com/new");
    await page.getByRole("button", { name: /^Remove/ }).click();
    await page.getByText("Removed.").waitFor();
    assert.equal(await stored(), undefined);
    assert.ok(clicks <= 1, `${clicks}`);
  });

  test("a sample is sent, and its answer is in view on a phone too (1)", async () => {
    await add("a secret of sixteen");
    const viewport = { width: 390, height: 844 };
    const { page, click } = await open("/admin/connections/battlemetrics/set-up/my-server/", { viewport });
    await click("button", "Send a sample");
    // Whether the service knows the connection already or not.
    const answer = page.getByText(/^The service (?:accepts requests of this connection|refused the sample)\.$/);
    const box = await answer.boundingBox();
    assert.ok(box && box.y > 0 && box.y + box.height <= viewport.height, JSON.stringify(box));
    assert.ok(clicks <= 1, `${clicks}`);
  });

  test("an address that does not exist keeps the menu, and leads on", async () => {
    const { page, click } = await open(bm);
    await page.getByRole("heading", { name: "This did not work" }).waitFor();
    await click("link", "Connections");
    await page.waitForURL("**/admin/connections/");
  });
});
