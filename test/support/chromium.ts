import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, afterEach, before } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { panelPassword } from "./panel.ts";
import { startTestService, type TestService } from "./service.ts";

const executable =
  process.env["CHROME_PATH"] || ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

const advice = "no Chromium here: apt-get install chromium, or say in CHROME_PATH where one is";

/** Why tests with a browser are left out; false where they run. A CI that lacks the browser must not pass in silence. */
export const skip = executable === undefined && process.env["CI"] !== "true" ? advice : false;

export async function startChromium(): Promise<Browser> {
  if (!executable) throw new Error(advice);
  return chromium.launch({ executablePath: executable, args: ["--disable-gpu"] });
}

/** For a suite in `describe`: a service with a password and a browser, for all of its tests; windows are closed after each. */
export function panelSuite(fill: (db: TestDatabase) => Promise<void> = async () => {}): Suite {
  let begun: Suite | undefined;
  const suite = () => begun ?? assert.fail("the suite has not begun");
  before(async () => {
    const db = await createTestDatabase();
    await fill(db);
    const service = await startTestService(db, { config: { ADMIN: { PASSWORD: panelPassword } } });
    begun = { db, service, browser: await startChromium() };
  });
  afterEach(() =>
    Promise.all(
      suite()
        .browser.contexts()
        .map((context) => context.close()),
    ),
  );
  after(async () => {
    await begun?.browser.close();
    await begun?.service.stop();
    await begun?.db.drop();
  });
  return {
    get db() {
      return suite().db;
    },
    get service() {
      return suite().service;
    },
    get browser() {
      return suite().browser;
    },
  };
}

export type Suite = { readonly db: TestDatabase; readonly service: TestService; readonly browser: Browser };

/** A window with cookies of its own, in which everything that a browser complains about is noted. */
export async function openWindow(browser: Browser, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ locale: "en", ...options });
  context.setDefaultTimeout(30_000);
  await context.addInitScript(
    `addEventListener("securitypolicyviolation", (one) => console.error("policy", one.violatedDirective, one.blockedURI));`,
  );
  const complaints: string[] = [];
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      // Of a page that is answered with a problem, which the test sees for itself.
      const isOfPage = message.text().startsWith("Failed to load resource") && message.location().url === page.url();
      if (!isOfPage) complaints.push(`${page.url()}: ${message.type()} ${message.text()}`);
    });
    page.on("requestfailed", (request) => {
      const reason = request.failure()?.errorText ?? "";
      // Somebody went on before all was there, or the page turned out to be a download.
      if (reason !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${reason}`);
    });
  });
  return {
    context,
    page: await context.newPage(),
    /** What it complained about since it was asked last. */
    complaints: () => complaints.splice(0),
  };
}

/** Signs in as a person does. */
export async function signInOn(page: Page, url: string, password: string): Promise<void> {
  await page.goto(`${url}/admin/`);
  await page.locator("#password").fill(password);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${url}/admin/`);
}
