import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { openWindow, skip, startChromium } from "../support/chromium.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { panelPassword, setPanelPassword } from "../support/panel.ts";
import { deliverySignature, hmac, post, startTestService, type TestService } from "../support/service.ts";
import { type SteamStub, startSteamStub } from "../support/steam-stub.ts";

/* What an operator does in the panel from the first day on, in a real browser, with and without its JavaScript. */

const anna = "76561198000000001";
const boris = "76561198000000002";

describe("the main path", { skip }, () => {
  let db: TestDatabase;
  let steam: SteamStub;
  let service: TestService;
  let browser: Browser;

  before(async () => {
    db = await createTestDatabase();
    steam = await startSteamStub({ owned: { games: [{ appid: 393380, playtime_forever: 90 }] } });
    service = await startTestService(db, { config: { STEAM: { KEY: "key", API_URL: steam.url } } });
    browser = await startChromium();
  });
  after(async () => {
    await browser?.close();
    await service.stop();
    await steam.stop();
    await db.drop();
  });
  afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
  beforeEach(async () => {
    await db.sql`truncate sessions, panel_settings, connections, playtimes, hourly_counts, accepted_requests, refused_requests`;
    await setPanelPassword(db);
  });

  for (const javaScriptEnabled of [true, false])
    test(`works from signing in to signing out ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
      const { page, complaints } = await openWindow(browser, { javaScriptEnabled });
      const click = (role: "link" | "button", name: string) => page.getByRole(role, { name, exact: true }).click();
      const sees = (text: string | RegExp) => page.getByText(text).first().waitFor();

      await page.goto(`${service.url}/admin/`);
      await page.getByLabel("Password").fill("a wrong one");
      await click("button", "Sign in");
      await sees("The password is wrong.");
      await page.getByLabel("Password").fill(panelPassword);
      await click("button", "Sign in");
      await sees("There is no connection yet");

      await click("link", "Add a BattleMetrics connection");
      await page.getByLabel("Path").fill("My Server");
      await click("button", "Create");
      await sees("Connection created.");
      const webhook = await shown(page, ["URL", "Shared secret", "Content type", "Body"]);
      assert.equal(webhook["URL"], `${service.url}/set-playtime/bm/my-server/`);
      const deliver = (secret: string, steamId: string, seconds: number) => {
        // As BattleMetrics does it.
        const body = (webhook["Body"] ?? "")
          .replace("{{player.steamID}}", steamId)
          .replace("{{player.game.timePlayed}}", String(seconds))
          .replace("{{player.org.timePlayed}}", String(Math.floor(seconds / 2)));
        const type = webhook["Content type"] ?? "";
        return post(webhook["URL"] ?? "", body, {
          "x-signature": deliverySignature(secret, body),
          "content-type": type,
          "x-request-id": `request-${seconds}`,
        });
      };
      const firstSecret = webhook["Shared secret"] ?? "";
      assert.equal((await deliver(firstSecret, anna, 7_200)).status, 200);

      await click("link", "Connections");
      await click("link", "Add a script connection");
      await page.getByLabel("Path").fill("squadjs");
      await click("button", "Create");
      const script = await shown(page, ["Address", "Secret"]);
      const query = JSON.stringify({ steam_ids: [anna, boris], game_id: 393380, is_need_update: true });
      const answer = await post(script["Address"] ?? "", query, {
        "x-signature": hmac(script["Secret"] ?? "", query),
      });
      assert.deepEqual(
        answer.json.map((one: Record<string, unknown>) => [one["steam_id"], one["steam_playtime"], one["bm_playtime"]]),
        [
          [anna, 5_400, 7_200],
          [boris, 5_400, null],
        ],
      );

      await click("link", "Connections");
      await click("link", "my-server");
      const accepted = page.locator("section", { has: page.getByRole("heading", { name: "Accepted" }) });
      await accepted.getByText(anna).waitFor();
      await accepted.getByText("request-7200").waitFor();
      await click("link", "Overview");
      for (const chart of [/^Deliveries/, /^Queries/]) {
        const section = page.locator("section", { has: page.getByRole("heading", { name: chart }) });
        await section.getByText("24 hours: accepted 1, refused 0").first().waitFor();
        assert.match(
          (await section.getByRole("img").getAttribute("aria-label")) ?? "",
          /24 hours: accepted 1, refused 0/,
        );
      }

      await click("link", "Connections");
      await click("link", "my-server");
      assert.doesNotMatch(await page.content(), new RegExp(firstSecret));
      await page.locator(".tabs").getByRole("link", { name: "Settings" }).click();
      await page.getByLabel("Keep accepting the old one for").selectOption({ label: "24 hours" });
      await click("button", "Set the secret");
      await sees("The new secret is set.");
      const rotated = await shown(page, ["Shared secret"]);
      assert.notEqual(rotated["Shared secret"], firstSecret);
      assert.equal((await deliver(firstSecret, boris, 3_600)).status, 200);
      assert.equal((await deliver(rotated["Shared secret"] ?? "", boris, 3_601)).status, 200);
      await page.locator(".tabs").getByRole("link", { name: "Settings" }).click();
      await click("button", "Stop accepting it");
      await sees("The old secret is no longer accepted.");
      assert.equal((await deliver(firstSecret, boris, 3_602)).status, 401);
      await click("link", "Now");
      await sees("The signature does not match");

      await click("link", "Set-up");
      await click("button", "Send a sample");
      await sees("The service accepts requests of this connection.");

      await click("link", "Players");
      await page.getByRole("searchbox").fill(`https://steamcommunity.com/profiles/${boris}`);
      await click("button", "Find");
      assert.equal(await page.locator("tbody tr").count(), 1);
      await click("link", boris);
      await page.getByText("Edit times").click();
      await page.locator("input[name=battlemetrics-hours]").fill("2");
      await page.locator("input[name=battlemetrics-minutes]").fill("30");
      await click("button", "Next");
      await sees("2 h 30 min (9,000 seconds)");
      await click("button", "Save");
      await sees("set by hand");

      await click("link", "Players");
      const downloading = page.waitForEvent("download");
      await click("link", "Export CSV");
      const download = await downloading;
      assert.match(download.suggestedFilename(), /^players-\d{4}-\d\d-\d\d\.csv$/);
      const [head = [], ...rows] = (await readFile(await download.path(), "utf8"))
        .trim()
        .split(/\r?\n/)
        .map((line) => line.split(","));
      const columns = ["steam_id", "game_id", "steam_seconds", "bm_seconds"].map((name) => head.indexOf(name));
      assert.deepEqual(rows.map((row) => columns.map((column) => row[column])).sort(), [
        [anna, "393380", "5400", "7200"],
        [boris, "393380", "5400", "9000"],
      ]);

      await click("button", "RU");
      await page.getByRole("heading", { name: "Игроки", exact: true }).waitFor();
      assert.equal(await page.locator("html").getAttribute("lang"), "ru");
      await click("button", "Выйти");
      await page.getByRole("heading", { name: "Вход" }).waitFor();
      await page.goto(`${service.url}/admin/players/`);
      await page.getByRole("heading", { name: "Вход" }).waitFor();
      assert.deepEqual(complaints(), []);
    });
});

/** What a page shows beside some words. */
async function shown(page: Page, names: string[]): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const name of names) {
    const value = page.locator("dt", { hasText: new RegExp(`^${name}$`) }).locator("xpath=following-sibling::dd[1]");
    values[name] = await value.locator("code").innerText();
  }
  return values;
}
