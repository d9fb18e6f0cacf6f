import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signInsIn } from "../../src/admin/sessions.ts";
import { openPanel } from "../support/open-panel.ts";
import { createBrowser, textOf } from "../support/panel.ts";

const { db, service, beside } = await openPanel();

describe("a link from the command line", () => {
  const pathOf = async () => `/admin/sign-in-link/${await signInsIn(db.database).makeLink()}/`;

  test("signs in once, by its button: to look at it uses nothing up", async () => {
    const path = await pathOf();
    for (let count = 0; count < 2; count += 1) {
      const page = await createBrowser(service).get(path);
      assert.equal(page.status, 200);
      assert.match(page.html, new RegExp(`<form method="post" action="${path}">`));
      assert.deepEqual(page.headers.getSetCookie(), []);
    }
    const browser = createBrowser(service);
    const answer = await browser.post(path, {});
    assert.deepEqual([answer.status, answer.location], [303, "/admin/"]);
    assert.equal((await browser.get("/admin/")).status, 200);
    assert.ok([...browser.cookies.keys()].some((name) => name.startsWith("device-")));
    const again = await createBrowser(service).post(path, {});
    assert.equal(again.status, 403);
    assert.match(textOf(again.html), /used already, or it is older than 10 minutes.*npm run cli -- admin sign-in-link/);
    assert.ok(!service.logText().includes(path.split("/")[3] ?? "?"));
  });

  test("works when guesses must wait, and without a password, for 10 minutes, until the password changes", async () => {
    // The others here are not to wait for these guesses.
    await beside({}, async (other) => {
      for (let count = 0; count < 6; count += 1)
        await createBrowser(other).post("/admin/sign-in/", { password: "a wrong guess" });
      assert.equal((await createBrowser(other).post(await pathOf(), {})).status, 303);
      const old = await pathOf();
      await db.sql`update sign_in_links set created_at = now() - interval '10 minutes 1 second'`;
      assert.equal((await createBrowser(other).post(old, {})).status, 403);
      await db.sql`update sign_in_links set created_at = now() + interval '300 days'`;
      assert.equal((await createBrowser(other).post(old, {})).status, 403);
      const before = await pathOf();
      await signInsIn(db.database).setPassword("another password");
      assert.equal((await createBrowser(other).post(before, {})).status, 403);
      await db.sql`delete from panel_settings`;
      assert.equal((await createBrowser(other).post(await pathOf(), {})).status, 303);
    });
  });

  test("that is none is refused, and a form of another site is", async () => {
    for (const link of ["x", "A".repeat(43), "%00", "a%2fb", "x".repeat(9_000)]) {
      const path = `/admin/sign-in-link/${link}/`;
      const answer = await createBrowser(service).post(path, {});
      assert.equal(answer.status, 403, link);
      assert.ok(answer.html.length < 5_000);
    }
    const path = await pathOf();
    assert.equal((await createBrowser(service).post(path, {}, { origin: "https://evil.example" })).status, 403);
    assert.equal((await createBrowser(service).post(path, {})).status, 303);
  });
});
