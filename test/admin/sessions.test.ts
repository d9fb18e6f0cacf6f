import assert from "node:assert/strict";
import { test } from "node:test";
import { signInsIn } from "../../src/admin/sessions.ts";
import { openPanel } from "../support/open-panel.ts";
import { createBrowser, panelPassword } from "../support/panel.ts";

const { db, service, beside } = await openPanel();

test("the cookie is for the panel alone, not for scripts and other sites, and only its hash is stored", async () => {
  const browser = createBrowser(service);
  const answer = await browser.post("/admin/sign-in/", { password: panelPassword });
  const [cookie = "", device = ""] = answer.headers.getSetCookie();
  assert.match(
    device,
    /^device-[0-9a-f]{8}=[\w-]{22}\.[\w-]{43}; Path=\/admin\/; HttpOnly; SameSite=Lax; Max-Age=34560000$/,
  );
  assert.match(cookie, /^session-[0-9a-f]{8}=[\w-]{43}; Path=\/admin\/; HttpOnly; SameSite=Lax; Max-Age=2592000$/);
  const [row] = await db.sql<{ hash: string }[]>`select encode(token_sha256, 'hex') as hash from sessions`;
  assert.equal(row?.hash.length, 64);
  assert.ok(
    !JSON.stringify(await db.sql`select * from sessions`).includes(browser.sessionCookie().split("=")[1] ?? "?"),
  );
});

test("a session ends 12 hours after its last use, and 30 days after its beginning", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  await db.sql`update sessions set used_at = now() - interval '11 hours 59 minutes'`;
  assert.equal((await browser.get("/admin/")).status, 200);
  const [used] = await db.sql<
    { isNow: boolean }[]
  >`select used_at > now() - interval '1 minute' as "isNow" from sessions`;
  assert.equal(used?.isNow, true);
  await db.sql`update sessions set used_at = now() - interval '12 hours 1 minute'`;
  assert.equal((await browser.get("/admin/")).status, 303);
  await db.sql`update sessions set used_at = now(), created_at = now() - interval '30 days 1 minute'`;
  assert.equal((await browser.get("/admin/")).status, 303);
  // And is forgotten when somebody signs in.
  await browser.signIn();
  assert.equal((await db.sql`select from sessions`).length, 1);
});

test("a page that loads itself anew does not keep a session alive", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  await db.sql`update sessions set used_at = now() - interval '11 hours'`;
  assert.equal((await browser.get("/admin/", { "x-refresh": "yes" })).status, 200);
  const [row] = await db.sql<
    { hours: number }[]
  >`select extract(hour from now() - used_at)::int as hours from sessions`;
  assert.equal(row?.hours, 11);
});

test("a sign-in that was stored, though the answer was lost and it is done again, lets in", async () => {
  const { passwordHash, begin, isSignedIn } = signInsIn({
    run: (statement) => db.database.run((sql) => statement(sql).then(() => statement(sql))),
  });
  const token = await begin((await passwordHash()) ?? "");
  assert.ok(token !== undefined && (await isSignedIn({ token, isUse: false })));
  assert.equal(await begin("the hash of the password before"), undefined);
});

test("sessions survive a restart, and end all together when the password changes", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  await beside({}, async (other) => {
    const cookie = browser.sessionCookie();
    assert.equal((await createBrowser(other).get("/admin/", { cookie })).status, 200);
  });
  await signInsIn(db.database).setPassword("another password");
  assert.equal((await browser.get("/admin/")).status, 303);
  assert.equal((await browser.post("/admin/sign-in/", { password: panelPassword })).status, 403);
  await browser.signIn("another password");
});

test("a password in the config beats the stored one while it is there, and each change signs everybody out", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  const cookie = () => browser.sessionCookie();
  const config = { ADMIN: { ENABLED: true, PASSWORD: "the one of the config" } };
  await beside({ config }, async (other) => {
    const there = createBrowser(other);
    assert.equal((await there.get("/admin/", { cookie: cookie() })).status, 303);
    assert.equal((await there.post("/admin/sign-in/", { password: panelPassword })).status, 403);
    await there.signIn("the one of the config");
    for (const [name, value] of there.cookies) browser.cookies.set(name, value);
  });
  await beside({ config }, async (again) => {
    assert.equal((await createBrowser(again).get("/admin/", { cookie: cookie() })).status, 200);
  });
  await beside({}, async (without) => {
    const there = createBrowser(without);
    assert.equal((await there.get("/admin/", { cookie: cookie() })).status, 303);
    await there.signIn();
  });
});

test("who is not signed in, or no longer, can do nothing with any form", async () => {
  await db.sql`insert into connections (kind, path, secret) values ('script', 'kept', 'a secret of sixteen')`;
  const gone = createBrowser(service);
  await gone.signIn();
  const stale = { cookie: gone.sessionCookie() };
  await gone.post("/admin/sign-out/", {});
  for (const [path, form] of [
    ["/admin/connections/new/script/", { path: "planted" }],
    ["/admin/connections/script/kept/", { action: "delete" }],
    ["/admin/connections/script/kept/", { action: "disable" }],
  ] as const) {
    for (const headers of [{}, stale] as Record<string, string>[]) {
      const answer = await createBrowser(service).post(path, form, headers);
      assert.deepEqual([answer.status, answer.location], [303, "/admin/sign-in/?next=%2Fadmin%2F"]);
    }
  }
  assert.deepEqual([...(await db.sql`select path, enabled from connections`)], [{ path: "kept", enabled: true }]);
  await db.sql`delete from connections`;
});
