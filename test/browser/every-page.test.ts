import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { languages } from "../../src/admin/texts/texts.ts";
import { openWindow, signInOn, skip, startChromium } from "../support/chromium.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { panelPassword } from "../support/panel.ts";
import { fillPanel } from "../support/panel-data.ts";
import { insertConnections, startTestService, type TestService } from "../support/service.ts";
import { type SteamStub, startSteamStub } from "../support/steam-stub.ts";
import { cases } from "./pages.ts";

/*
 * What must hold on each page, in each language, light and dark, on a desk and on a phone: axe-core finds nothing, nothing
 * is wider than the screen, and the browser has nothing to say.
 */

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const desk = { width: 1280, height: 900 };
const phone = { width: 390, height: 844 };
const smallPhone = { width: 320, height: 600 };
/** Where tables begin to be tables: on a tablet, and on a desk at 200 %. */
const tablet = { width: 641, height: 600 };
const wideTablet = { width: 961, height: 600 };

/** Each screen with each colours, and each of them in both languages. */
const looks = {
  en: [
    { viewport: desk, colorScheme: "light" },
    { viewport: phone, colorScheme: "dark" },
  ],
  ru: [
    { viewport: desk, colorScheme: "dark" },
    { viewport: phone, colorScheme: "light" },
  ],
} as const;

describe("every page", { skip, concurrency: 2 }, () => {
  const stops: (() => Promise<unknown>)[] = [];
  const services: Partial<Record<"full" | "calm" | "fresh" | "shut", TestService>> = {};
  let steam: SteamStub;
  let browser: Browser;

  before(async () => {
    steam = await startSteamStub();
    const start = async (password: string, fill?: (db: TestDatabase) => Promise<void>) => {
      const db = await createTestDatabase();
      await fill?.(db);
      const config = { STEAM: { KEY: fill ? "key" : "", API_URL: steam.url }, ADMIN: { PASSWORD: password } };
      const service = await startTestService(db, { config });
      stops.push(async () => {
        await service.stop();
        await db.drop();
      });
      return service;
    };
    [services.full, services.calm, services.fresh, services.shut] = await Promise.all([
      start(panelPassword, fillPanel),
      start(panelPassword, insertConnections),
      start(panelPassword),
      start(""),
    ]);
    browser = await startChromium();
  });
  after(async () => {
    await browser?.close();
    await Promise.all(stops.map((stop) => stop()));
    await steam.stop();
  });

  for (const language of languages)
    describe(language, { concurrency: 1 }, () => {
      const windows: Partial<Record<string, Awaited<ReturnType<typeof openWindow>>>> = {};

      before(async () => {
        // A window for each service: to a browser their cookies are the same, whatever the port.
        for (const of of ["full", "calm", "fresh", "signedOut"]) {
          windows[of] = await openWindow(browser, { locale: language });
          await windows[of].context.addInitScript(axe);
        }
        for (const of of ["full", "calm", "fresh"] as const)
          await signInOn(windows[of]?.page as Page, services[of]?.url ?? "", panelPassword);
      });

      for (const { name, of = "full", signedOut = false, path, act } of cases)
        test(name, async () => {
          const window = windows[signedOut ? "signedOut" : of];
          assert.ok(window);
          const { page, complaints } = window;
          await page.goto(`${services[of]?.url}${path}`);
          await act?.(page);
          assert.equal(new URL(page.url()).pathname === "/admin/sign-in/", signedOut);
          assert.equal(await page.locator("html").getAttribute("lang"), language);
          for (const { viewport, colorScheme } of looks[language]) {
            await page.setViewportSize(viewport);
            await page.emulateMedia({ colorScheme });
            assert.deepEqual(await found(page), [], `${viewport.width} px, ${colorScheme}`);
          }
          for (const viewport of [smallPhone, phone, tablet, wideTablet, desk]) {
            await page.setViewportSize(viewport);
            assert.deepEqual(await page.evaluate(tooWide), [], `${viewport.width} px`);
          }
          assert.deepEqual(complaints(), []);
        });
    });
});

/** What axe-core has against a page, whatever its weight. */
async function found(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate<AxeResults>("axe.run({ resultTypes: ['violations'] })");
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${impact} ${id}: ${target} ${failureSummary}`),
  );
}

/**
 * What stands out of the screen, or out of the card that it is in, when moments are as long as they can be. Not of what is
 * closed: a browser need not lay that out anew when the screen changes, so its places may be those of another screen.
 */
const tooWide = `(() => {
  const longest = new Date(2026, 11, 28, 22, 58, 48).toLocaleString();
  for (const time of document.querySelectorAll("time.moment")) time.textContent = longest;
  const edge = (one) => Math.min(innerWidth, one.closest(".card")?.getBoundingClientRect().right ?? innerWidth);
  return [...document.querySelectorAll("body :not(.unseen)")]
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > edge(one) + 0.5)
    .map((one) => one.outerHTML.slice(0, 120));
})()`;
