import assert from "node:assert/strict";
import { test } from "node:test";
import { openPanel } from "../support/open-panel.ts";
import { createBrowser, textOf } from "../support/panel.ts";

const { db, service, beside } = await openPanel();

test("a form from elsewhere is refused, also one that does not say from where it comes", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  const cookie = browser.sessionCookie();
  for (const origin of [
    "https://evil.example",
    "null",
    `${service.url}.evil.example`,
    "http://127.0.0.1:1",
    "nonsense",
  ]) {
    const answer = await browser.post("/admin/sign-out/", {}, { origin });
    assert.equal(answer.status, 403, origin);
    assert.match(textOf(answer.html), /did not come from the address of this panel/);
  }
  const silent = await fetch(`${service.url}/admin/sign-out/`, {
    method: "POST",
    headers: { cookie },
  });
  assert.equal(silent.status, 403);
  assert.equal((await browser.get("/admin/")).status, 200);
});

test("every page forbids what it does not need, is not kept, and shows in no frame", async () => {
  const browser = createBrowser(service);
  const expected = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
  const check = (headers: Headers) => {
    for (const [name, value] of Object.entries(expected)) assert.equal(headers.get(name), value);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'none';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:/);
  };
  check((await browser.get("/admin/sign-in/")).headers);
  check((await browser.get("/admin/")).headers);
  check((await browser.get("/admin/no/such/page/")).headers);
  await browser.signIn();
  const page = await browser.get("/admin/");
  check(page.headers);
  assert.doesNotMatch(page.html, /\sstyle=|<style|\son[a-z]+=|<script>(?!<)/);
});

test("style, script and icon are kept for ever under names that change with them", async () => {
  const browser = createBrowser(service);
  const { html } = await browser.get("/admin/sign-in/");
  const files = [...html.matchAll(/(?:href|src)="(\/admin\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
  assert.equal(new Set(files).size, 3);
  for (const file of files) {
    const answer = await browser.get(file);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
  }
  assert.equal((await browser.get("/admin/assets/style.000000000000.css")).status, 404);
  assert.equal((await browser.get("/admin/assets/..%2fpanel.ts")).status, 404);
});

test("[ADMIN] ENABLED = false takes the panel away, and notes nothing", async () => {
  await beside({ config: { ADMIN: { ENABLED: false, PASSWORD: "" } } }, async (other) => {
    for (const path of ["/admin", "/admin/", "/admin/sign-in/", "/admin/assets/style.css"])
      assert.equal((await fetch(other.url + path)).status, 404);
    assert.equal((await fetch(`${other.url}/get-playtime/nobody/`, { method: "POST" })).status, 404);
  });
  assert.equal((await db.sql`select from refused_requests`).length, 0);
});

test("pages come in the language that was chosen, else the browser's, else the config's", async () => {
  const browser = createBrowser(service);
  const language = async (accept: string) =>
    /<html lang="(..)"/.exec((await browser.get("/admin/sign-in/", { "accept-language": accept })).html)?.[1];
  assert.equal(await language("ru-RU,ru;q=0.9,en;q=0.8"), "ru");
  assert.equal(await language("de, en;q=0.5, ru;q=0.7"), "ru");
  assert.equal(await language("de"), "en");
  assert.equal(await language("ru;q=0, en;q=nonsense"), "en");
  const answer = await browser.post(
    "/admin/language/",
    { language: "ru" },
    { referer: `${service.url}/admin/sign-in/?next=x` },
  );
  assert.equal(answer.location, "/admin/sign-in/?next=x");
  assert.equal(await language("en"), "ru");
  await browser.post("/admin/language/", { language: "<script>" });
  assert.equal(await language("en"), "ru");
  const elsewhere = await browser.post(
    "/admin/language/",
    { language: "en" },
    { referer: "https://evil.example/admin/" },
  );
  assert.equal(elsewhere.location, "/admin/");
  await beside({ config: { DJANGO: { LANGUAGE_CODE: "ru" } } }, async (other) => {
    const page = await createBrowser(other).get("/admin/sign-in/", { "accept-language": "de" });
    assert.match(page.html, /<html lang="ru"/);
  });
});

test("what does not exist, or does not work, is a page too", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  const missing = await browser.get("/admin/no/such/page/");
  assert.deepEqual([missing.status, /There is no such page/.test(missing.html)], [404, true]);
  assert.equal((await browser.get("/admin/connections/script/nobody/")).status, 404);
  assert.equal((await browser.post("/admin/", {})).status, 405);
  const large = await browser.post("/admin/connections/new/script/", { path: "x".repeat(70_000) });
  assert.equal(large.status, 413);
  assert.match((await createBrowser(service).get("/admin")).location ?? "", /sign-in/);
});
