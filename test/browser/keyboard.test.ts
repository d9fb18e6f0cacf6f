import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { openWindow, panelSuite, signInOn, skip } from "../support/chromium.ts";
import { panelPassword } from "../support/panel.ts";
import { fillPanel, someSteamId } from "../support/panel-data.ts";

describe("the keyboard", { skip }, () => {
  const suite = panelSuite(fillPanel);

  test("suffices from the sign-in to a new connection and its examples, and shows where it is", async () => {
    const { page, complaints } = await openWindow(suite.browser);
    await page.goto(`${suite.service.url}/admin/`);
    await page.keyboard.type(panelPassword);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${suite.service.url}/admin/`);
    await tabTo(page, "Connections");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${suite.service.url}/admin/connections/`);
    await tabTo(page, "Add a script connection");
    await page.keyboard.press("Enter");
    await page.waitForURL(/new/);
    await tabTo(page, "Path");
    await page.keyboard.type("by-keyboard");
    await tabTo(page, "Create");
    await page.keyboard.press("Space");
    await page.getByText("Connection created.").waitFor();
    await tabTo(page, "Copy");
    await tabTo(page, "Python");
    await page.keyboard.press("Enter");
    await page.getByText("import hashlib").waitFor();
    await tabTo(page, "Switch off", { backwards: true });
    await page.keyboard.press("Enter");
    await page.waitForURL(/confirm=disable/);
    await tabTo(page, "Switch off");
    await page.keyboard.press("Space");
    await page.getByText("Switched off. Its requests are refused.").waitFor();
    await tabTo(page, "RU", { backwards: true });
    await page.keyboard.press("Space");
    await page.locator("html[lang=ru]").waitFor();
    assert.deepEqual(complaints(), []);
  });

  test("suffices on the overview: another range, the bars of a chart, and a player", async () => {
    const { page } = await openWindow(suite.browser);
    await signInOn(page, suite.service.url, panelPassword);
    await tabTo(page, "7 days");
    await page.keyboard.press("Enter");
    await page.waitForURL(/range=7d/);
    await tabTo(page, "Deliveries, 7 days");
    await page.keyboard.press("Home");
    await page
      .locator("output")
      .first()
      .getByText(/accepted/)
      .waitFor();
    await tabTo(page, "Values");
    await page.keyboard.press("Enter");
    await page.locator("#values-battlemetrics[open]").waitFor();
    await tabTo(page, someSteamId(0));
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/admin/players/${someSteamId(0)}/`);
  });

  test("suffices to see the activity of a list, and to keep it as a table", async () => {
    const { page, complaints } = await openWindow(suite.browser);
    await signInOn(page, suite.service.url, panelPassword);
    await page.goto(`${suite.service.url}/admin/activity/`);
    await tabTo(page, "Steam IDs");
    await page.keyboard.type(`${someSteamId(1)} // owner`);
    await page.keyboard.press("Enter");
    await page.keyboard.type(someSteamId(3));
    await tabTo(page, "Show");
    await page.keyboard.press("Enter");
    await page.waitForURL(/ids=/);
    assert.equal(await page.locator("tbody tr").count(), 2);
    await tabTo(page, "Export CSV");
    const downloading = page.waitForEvent("download");
    await page.keyboard.press("Enter");
    assert.match((await downloading).suggestedFilename(), /^activity-\d{4}-\d\d-\d\d\.csv$/);
    assert.deepEqual(complaints(), []);
  });

  test("can skip what stands on top of every page", async () => {
    const { page } = await openWindow(suite.browser);
    await signInOn(page, suite.service.url, panelPassword);
    for (const path of ["/admin/connections/", "/admin/players/"]) {
      await page.goto(suite.service.url + path);
      await tabTo(page, "Skip to content", { most: 1 });
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(`document.activeElement.closest("main") !== null`), true, path);
    }
  });
});

type Focused = { name: string; isVisible: boolean };

/** Presses Tab until what is called so has the focus; on the way everybody must see where that is. */
async function tabTo(page: Page, name: string, { backwards = false, most = 40 } = {}): Promise<void> {
  const passed: string[] = [];
  while (passed.length < most) {
    await page.keyboard.press(backwards ? "Shift+Tab" : "Tab");
    const focused = await page.evaluate<Focused>(focusedOne);
    assert.ok(focused.isVisible, `the focus on ${focused.name} is not seen`);
    if (focused.name.startsWith(name)) return;
    passed.push(focused.name);
  }
  assert.fail(`${name} is not reached: ${passed.join(", ")}`);
}

const focusedOne = `(() => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  const { width, height, top, bottom } = one.getBoundingClientRect();
  const isOnScreen = width > 4 && height > 4 && bottom > 0 && top < innerHeight;
  return {
    name: (one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent).trim(),
    isVisible: one === document.body || (isOnScreen && outlineStyle !== "none" && parseFloat(outlineWidth) >= 2),
  };
})()`;
