import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const executable =
  process.env["CHROME_PATH"] || ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));

const advice = "no Chromium here: apt-get install chromium, or say in CHROME_PATH where one is";

/** Why tests with a browser are left out; false where they run. A CI that lacks the browser must not pass in silence. */
export const skip = executable === undefined && process.env["CI"] !== "true" ? advice : false;

export async function startChromium(): Promise<Browser> {
  if (!executable) throw new Error(advice);
  return chromium.launch({ executablePath: executable, args: ["--disable-gpu"] });
}

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
