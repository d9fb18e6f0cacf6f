import assert from "node:assert/strict";
import { test } from "node:test";
import { openPanel } from "../support/open-panel.ts";
import { createBrowser, panelPassword, textOf } from "../support/panel.ts";

const { db, service, beside } = await openPanel();

test("until a password is set nobody gets in, and the page says how to set one", async () => {
  await db.sql`delete from panel_settings`;
  const browser = createBrowser(service);
  const page = await browser.get("/admin/sign-in/");
  assert.equal(page.status, 200);
  assert.match(textOf(page.html), /The panel is closed.*npm run cli -- admin password/);
  assert.doesNotMatch(page.html, /<input[^>]*password/);
  assert.equal((await browser.post("/admin/sign-in/", { password: "" })).headers.get("set-cookie"), null);
  assert.equal((await browser.get("/admin/")).location, "/admin/sign-in/?next=%2Fadmin%2F");
});

test("the right password lets in, to the page that was wanted, and signing out ends that", async () => {
  const browser = createBrowser(service);
  const wanted = await browser.get("/admin/connections/?x=1");
  assert.equal(wanted.location, "/admin/sign-in/?next=%2Fadmin%2Fconnections%2F%3Fx%3D1");
  const form = await browser.get(wanted.location ?? "");
  assert.match(form.html, /action="\/admin\/sign-in\/\?next=%2Fadmin%2Fconnections%2F%3Fx%3D1"/);
  const answer = await browser.post(wanted.location ?? "", { password: panelPassword });
  assert.deepEqual([answer.status, answer.location], [303, "/admin/connections/?x=1"]);
  assert.equal((await browser.get("/admin/")).status, 200);

  const cookie = browser.sessionCookie();
  assert.equal((await browser.post("/admin/sign-out/", {})).location, "/admin/sign-in/");
  assert.equal(browser.sessionCookie(), "");
  assert.equal((await browser.get("/admin/", { cookie })).status, 303);
});

test("behind the sign-in a link leads only to the panel itself", async () => {
  for (const next of [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "/admin/../x\ny",
    "javascript:1",
    "/other/",
  ]) {
    const browser = createBrowser(service);
    const answer = await browser.post(`/admin/sign-in/?${new URLSearchParams({ next })}`, { password: panelPassword });
    assert.equal(answer.location, "/admin/", next);
  }
});

test("over plain HTTP the sign-in warns, on this machine and behind TLS it does not; there the cookie is for TLS only", async () => {
  await beside({ config: { SERVER: { TRUST_PROXY: true } } }, async (other) => {
    const plain = createBrowser(other, { "x-forwarded-host": "playtime.example.com" });
    assert.match((await plain.get("/admin/sign-in/")).html, /HTTP without S/);
    assert.doesNotMatch((await createBrowser(other).get("/admin/sign-in/")).html, /HTTP without S/);
    const host = { "x-forwarded-host": "playtime.example.com", "x-forwarded-proto": "https" };
    const secure = createBrowser(other, host);
    assert.doesNotMatch((await secure.get("/admin/sign-in/")).html, /HTTP without S/);
    const answer = await secure.post(
      "/admin/sign-in/",
      { password: panelPassword },
      { origin: "https://playtime.example.com" },
    );
    assert.match(answer.headers.get("set-cookie") ?? "", /; Secure;/);
  });
  const answer = await createBrowser(service, { "x-forwarded-proto": "https" }).post("/admin/sign-in/", {
    password: panelPassword,
  });
  assert.doesNotMatch(answer.headers.get("set-cookie") ?? "", /Secure/);
});
