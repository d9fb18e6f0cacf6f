import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { openWindow, panelSuite, signInOn, skip } from "../support/chromium.ts";
import { panelPassword } from "../support/panel.ts";
import { fillPanel, someSteamId } from "../support/panel-data.ts";

/* What the panel's little script makes nicer. */

describe("the script of the pages", { skip }, () => {
  const suite = panelSuite(fillPanel);

  const squadjs = "/admin/connections/script/squadjs/";
  const setUp = "/admin/connections/script/set-up/squadjs/?secret=shown";
  const permissions = ["clipboard-read", "clipboard-write"];

  for (const isOld of [false, true])
    test(`copies what stands beside the button${isOld ? ", also where pages get no clipboard" : ""}`, async () => {
      const { context, page, complaints } = await openWindow(suite.browser, { permissions });
      const reading = await context.newPage();
      await reading.goto(`${suite.service.url}/admin/`);
      // As over plain HTTP.
      if (isOld) await page.addInitScript(`Object.defineProperty(navigator, "clipboard", { value: undefined });`);
      await signInOn(page, suite.service.url, panelPassword);
      await page.goto(suite.service.url + setUp);
      const buttons = page.getByRole("button", { name: /^(Copy|Copied)$/, includeHidden: true });
      const copyable = page.locator("[data-copyable]");
      assert.equal(await buttons.count(), await copyable.count());
      // The address, the secret, three examples and the block for SquadJS.
      assert.equal(await buttons.count(), 6);
      for (const summary of await page.locator("summary").all()) await summary.click();
      for (const [index, button] of (await buttons.all()).entries()) {
        await page.bringToFront();
        await button.click();
        await button.filter({ hasText: "Copied" }).waitFor();
        await reading.bringToFront();
        const copied = await reading.evaluate<string>("navigator.clipboard.readText()");
        assert.equal(copied, await copyable.nth(index).textContent());
      }
      assert.deepEqual(complaints(), []);
    });

  test("shows moments in the reader's own zone", async () => {
    const { page } = await openWindow(suite.browser, { locale: "ru", timezoneId: "Asia/Vladivostok" });
    await signInOn(page, suite.service.url, panelPassword);
    await page.goto(suite.service.url + squadjs);
    const moment = page.locator("time.moment").first();
    const at = new Date((await moment.getAttribute("datetime")) ?? "");
    assert.equal(await moment.textContent(), at.toLocaleString("ru", { timeZone: "Asia/Vladivostok" }));
  });

  test("shows which address a path will have, while it is typed", async () => {
    const { page } = await openWindow(suite.browser);
    await signInOn(page, suite.service.url, panelPassword);
    await page.goto(`${suite.service.url}/admin/connections/new/battlemetrics/`);
    await page.getByLabel("Path").fill(" My Сервер ");
    const address = `${suite.service.url}/set-playtime/bm/my-${encodeURIComponent("сервер")}/`;
    await page.getByText(address, { exact: true }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByText("Connection created.").waitFor();
    await page.getByText(address, { exact: true }).waitFor();
    await suite.db.sql`delete from connections where path = 'my-сервер'`;
  });

  test("names the bars of a chart by the arrow keys and by touch, with local clock hours", async () => {
    const timeZone = zoneAroundNoon();
    const { page } = await openWindow(suite.browser, { locale: "en-GB", timezoneId: timeZone, hasTouch: true });
    await signInOn(page, suite.service.url, panelPassword);
    const chart = page.locator("figure.chart").first();
    const bars = chart.locator("g");
    const hourOf = async (index: number) => {
      const at = Date.parse((await bars.nth(index).getAttribute("data-at")) ?? "");
      const text = (ms: number) =>
        new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
      return `${text(at)}–${text(at + 3_600_000)}: accepted`;
    };
    const says = async (index: number) =>
      chart
        .locator("output")
        .getByText(await hourOf(index))
        .waitFor();
    await chart.getByRole("img").focus();
    await says(23);
    await chart.locator("output").getByText("(still running)").waitFor();
    await page.keyboard.press("ArrowLeft");
    await says(22);
    await page.keyboard.press("Home");
    await says(0);
    await bars.nth(5).locator(".accepted").tap();
    await says(5);
    assert.equal(await chart.locator("g.current").count(), 1);
  });

  test("brings the overview up to date, but not under somebody's hands", async () => {
    const { page, complaints } = await openWindow(suite.browser);
    await page.clock.install();
    await signInOn(page, suite.service.url, panelPassword);
    const label = await page
      .getByRole("img", { name: /^Deliveries/ })
      .first()
      .getAttribute("aria-label");
    let accepted = Number(/accepted ([\d,]+), /.exec(label ?? "")?.[1]?.replaceAll(",", ""));
    const more = async () => {
      accepted += 1;
      await suite.db.sql`
        insert into hourly_counts (hour, kind, path, outcome, count)
        values (date_trunc('hour', now(), 'UTC'), 'battlemetrics', 'more', 'accepted', 1)
        on conflict (hour, kind, path, outcome) do update set count = hourly_counts.count + 1`;
    };
    const shows = () =>
      page.getByRole("img", { name: `24 hours: accepted ${accepted.toLocaleString("en")}, ` }).waitFor();
    const focused = () => page.evaluate("document.activeElement.textContent");

    await more();
    await page.getByRole("link", { name: someSteamId(0) }).focus();
    await answersIn10Seconds(page);
    assert.equal(await focused(), someSteamId(0));
    await page.locator("main h2").first().selectText();
    await page.evaluate("document.activeElement.blur()");
    await answersIn10Seconds(page);
    assert.notEqual(await page.evaluate("String(getSelection())"), "");
    await page.evaluate("getSelection().removeAllRanges()");
    assert.equal(await loadsIn10Seconds(page), true);
    await shows();
    await page.getByRole("link", { name: "Players", exact: true }).focus();
    await more();
    assert.equal(await loadsIn10Seconds(page), true);
    await shows();
    assert.equal(await focused(), "Players");
    assert.deepEqual(complaints(), []);
  });

  test("brings a log up to date, and leaves open what is opened in it", async () => {
    const { page, complaints } = await openWindow(suite.browser);
    await page.clock.install();
    await signInOn(page, suite.service.url, panelPassword);
    await page.goto(suite.service.url + squadjs);
    await page.locator("#values-script summary").click();
    await page.evaluate("document.activeElement.blur()");
    await suite.db.sql`
      insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms, request_id)
      values ('script', 'squadjs', now(), false, 3, 1, 'the-newest')`;
    assert.equal(await loadsIn10Seconds(page), true);
    await page.getByText("the-newest").waitFor();
    assert.equal(await page.locator("#values-script[open]").count(), 1);
    // In the reader's own zone, as the page was at first.
    assert.doesNotMatch((await page.locator("time.moment").allTextContents()).join(), /UTC/);
    assert.deepEqual(complaints(), []);
  });

  test("says so when nothing answers, and when it answers again, in the page and in the tab's title", async () => {
    const { page } = await openWindow(suite.browser);
    await page.clock.install();
    await signInOn(page, suite.service.url, panelPassword);
    const title = await page.title();
    assert.equal(title, `(${await page.locator(".warnings li").count()}) Overview · Playtime-Service`);
    const note = page.getByRole("alert").filter({ hasText: "No answer since" });
    assert.equal(await note.count(), 0);
    await page.route("**/admin/", (route) => route.abort());
    await page.clock.runFor(10_000);
    await note.waitFor();
    assert.match((await note.textContent()) ?? "", /No answer since \d{1,2}:\d\d:\d\d/);
    assert.equal(await page.title(), `(!) ${title}`);
    await page.unroute("**/admin/");
    await page.clock.runFor(10_000);
    await note.waitFor({ state: "detached" });
    assert.equal(await page.title(), title);

    // One that takes the request and says nothing is noticed too, within 15 seconds of the last answer.
    await page.route("**/admin/", () => {});
    await page.clock.runFor(14_100);
    await note.waitFor();
  });

  test("offers to sign in once the session is over, and leads back to the page", async () => {
    const { page } = await openWindow(suite.browser);
    await page.clock.install();
    await signInOn(page, suite.service.url, panelPassword);
    await page.goto(`${suite.service.url}/admin/connections/`);
    await suite.db.sql`delete from sessions`;
    await page.clock.runFor(10_000);
    const note = page.getByRole("alert").filter({ hasText: "You are signed out" });
    await note.getByRole("link", { name: "Sign in" }).click();
    await page.locator("#password").fill(panelPassword);
    await page.locator("main button").click();
    await page.waitForURL("**/admin/connections/");
  });
});

/** Lets that time pass, and waits until the page has read what it asked for. */
async function answersIn10Seconds(page: Page): Promise<void> {
  const answer = page.waitForResponse((one) => one.request().headers()["x-refresh"] === "yes");
  await page.clock.runFor(10_000);
  await (await answer).finished();
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
}

/** Whether the page asks for itself anew in that time, which is let pass. */
async function loadsIn10Seconds(page: Page): Promise<boolean> {
  let loads = 0;
  const count = () => {
    loads += 1;
  };
  page.on("request", count);
  await page.clock.runFor(10_000);
  page.off("request", count);
  return loads > 0;
}

/** A zone, not that of the service, in which it is about noon: an hour that ends at midnight is written with its days. */
function zoneAroundNoon(): string {
  const hour = new Date().getUTCHours();
  const ahead = (hour === 12 ? 14 : 12) - hour;
  return `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead)}`;
}
