import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { createFirstVisit } from "../../src/admin/first-visit.ts";
import { signInsIn } from "../../src/admin/sessions.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createBrowser, panelPassword, textOf } from "../support/panel.ts";
import { startTestService, type TestService } from "../support/service.ts";

let db: TestDatabase;
let service: TestService;
let link: string;

before(async () => {
  db = await createTestDatabase();
  service = await startTestService(db);
  link = service.firstVisit ?? "";
});
after(async () => {
  await service.stop();
  await db.drop();
});
beforeEach(() => db.sql`truncate sessions, panel_settings`);

const typed = { password: panelPassword, repeated: panelPassword };

test("without a password the start makes a link that sets one and signs in", async () => {
  assert.match(link, /^\/admin\/first-visit\/[\w-]{32}\/$/);
  const browser = createBrowser(service);
  const form = await browser.get(link);
  assert.equal(form.status, 200);
  assert.match(textOf(form.html), /Choose the password of this panel/);
  const answer = await browser.post(link, typed);
  assert.deepEqual([answer.status, answer.location], [303, "/admin/"]);
  assert.equal((await browser.get("/admin/")).status, 200);
  await createBrowser(service).signIn();
  assert.ok(!service.logText().includes(panelPassword));
});

test("to look at the link uses nothing up, and what is typed wrong neither", async () => {
  const browser = createBrowser(service);
  for (let look = 0; look < 3; look += 1) assert.equal((await browser.get(link)).status, 200);
  for (const [form, words] of [
    [{ password: "short", repeated: "short" }, /too short/],
    [{ password: panelPassword, repeated: `${panelPassword}!` }, /passwords differ/],
    [{ password: "x".repeat(1_001), repeated: "x".repeat(1_001) }, /too short/],
    [{}, /too short/],
  ] as const) {
    const answer = await browser.post(link, form);
    assert.equal(answer.status, 400);
    assert.match(textOf(answer.html), words);
    assert.ok(!answer.html.includes(panelPassword));
  }
  assert.equal((await browser.post(link, typed)).status, 303);
});

test("the link is void once there is a password, whoever set it, and two who come at once do not both get in", async () => {
  const both = await Promise.all([createBrowser(service).post(link, typed), createBrowser(service).post(link, typed)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), [303, 403]);
  const late = createBrowser(service);
  assert.equal((await late.get(link)).status, 404);
  const answer = await late.post(link, { password: "another password", repeated: "another password" });
  assert.equal(answer.status, 403);
  assert.match(textOf(answer.html), /This link no longer works/);
  await db.sql`truncate panel_settings`;
  await signInsIn(db.database).setPassword(panelPassword);
  assert.equal((await late.post(link, typed)).status, 403);
  await late.signIn();
});

test("a wrong link, one of another start, and one from another site set nothing", async () => {
  const browser = createBrowser(service);
  for (const path of [
    "/admin/first-visit/x/",
    `${link.slice(0, -2)}!/`,
    "/admin/first-visit/%00/",
    "/admin/first-visit/%ff/",
  ]) {
    assert.equal((await browser.get(path)).status, 404, path);
    assert.equal((await browser.post(path, typed)).status, 403, path);
  }
  assert.equal((await browser.post(link, typed, { origin: "https://evil.example" })).status, 403);
  const restarted = await startTestService(db);
  try {
    assert.notEqual(restarted.firstVisit, link);
    assert.equal((await createBrowser(restarted).post(link, typed)).status, 403);
  } finally {
    await restarted.stop();
  }
  assert.equal((await db.sql`select from panel_settings`).length, 0);
});

test("there is no link with a password in the database or the config, nor without the panel", async () => {
  const linkOf = async (config: Parameters<typeof startTestService>[1]) => {
    const other = await startTestService(db, config);
    await other.stop();
    return other.firstVisit;
  };
  assert.equal(await linkOf({ config: { ADMIN: { ENABLED: true, PASSWORD: panelPassword } } }), undefined);
  assert.equal(await linkOf({ config: { ADMIN: { ENABLED: false } } }), undefined);
  await signInsIn(db.database).setPassword(panelPassword);
  assert.equal(await linkOf({}), undefined);
});

test("the link is over after 24 hours", () => {
  let nowMs = 1_000;
  const { path, isOpen } = createFirstVisit(() => nowMs);
  const token = path.split("/")[3] ?? "";
  assert.deepEqual([isOpen(token), isOpen("пароль"), isOpen("")], [true, false, false]);
  nowMs += 24 * 3_600_000 - 1;
  assert.equal(isOpen(token), true);
  nowMs += 1;
  assert.equal(isOpen(token), false);
});

test("a password that is set in this moment, here or in the config of another service, is not replaced", async () => {
  const { setFirstPassword, setPassword, followConfig } = signInsIn(db.database);
  await followConfig("the one of the config");
  assert.equal(await setFirstPassword(panelPassword), undefined);
  assert.equal((await db.sql`select from panel_settings`).length, 1);
  await followConfig("");
  await setPassword("the stored one");
  assert.equal(await setFirstPassword(panelPassword), undefined);
  await createBrowser(service).signIn("the stored one");
});

test("a browser at the root of the service comes to the panel; a program gets the 404 that it always got", async () => {
  const at = (accept: string, path = "/") =>
    fetch(`${service.url}${path}`, { redirect: "manual", headers: { accept } });
  const browser = await at("text/html,application/xhtml+xml,*/*;q=0.8");
  assert.deepEqual([browser.status, browser.headers.get("location")], [303, "/admin/"]);
  for (const accept of ["*/*", "application/json"]) assert.equal((await at(accept)).status, 404);
  assert.equal((await at("text/html", "/nowhere")).status, 404);
  const without = await startTestService(db, { config: { ADMIN: { ENABLED: false } } });
  try {
    const answer = await fetch(`${without.url}/`, { redirect: "manual", headers: { accept: "text/html" } });
    assert.equal(answer.status, 404);
  } finally {
    await without.stop();
  }
});
