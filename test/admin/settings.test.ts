import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { createBrowser, textOf } from "../support/panel.ts";
import { insertConnections, startTestService, type TestService } from "../support/service.ts";
import { signedInPanel } from "../support/signed-in.ts";
import { startSteamStub } from "../support/steam-stub.ts";

const goodKey = "0123456789ABCDEF0123456789ABCDEF";

const steam = await startSteamStub();
after(() => steam.stop());
const { db, service, browser } = await signedInPanel({
  fill: insertConnections,
  config: { STEAM: { KEY: "", API_URL: steam.url } },
});
beforeEach(async () => {
  for (const name of ["steam-key", "public-url", "discord-webhook", "telegram-token", "telegram-chat", "alerts-url"])
    await browser.post("/admin/settings/", { remove: name });
  steam.states = {};
  steam.calls.length = 0;
});

const save = (action: string, form: Record<string, string>) => browser.post("/admin/settings/", { action, ...form });
const settings = async () => (await browser.get("/admin/settings/")).html;

test("a Steam key is tested, stored, used at once and never shown again", async () => {
  assert.match((await browser.get("/admin/")).html, /no key/);
  const { location } = await save("steam-key", { "steam-key": ` ${goodKey} ` });
  assert.equal(location, "/admin/settings/?done=key-works");
  assert.equal(steam.calls.length, 1);
  assert.match((await browser.get(location ?? "")).html, /Steam accepts this key/);
  const html = await settings();
  assert.match(html, /placeholder="is set, and hidden"/);
  assert.doesNotMatch(html + service.logText(), new RegExp(goodKey));
  assert.doesNotMatch((await browser.get("/admin/")).html, /no key/);
  await browser.post("/admin/players/76561198000000001/", { action: "ask", game: "393380" });
  assert.equal(steam.calls.length > 1, true);
});

test("a key that Steam refuses is not stored; one that cannot be tested is, with a word about it", async () => {
  steam.states = { summaries: { status: 403 } };
  const refused = await save("steam-key", { "steam-key": goodKey });
  assert.equal(refused.status, 400);
  assert.match(refused.html, /Steam refuses this key, so it was not saved/);
  assert.doesNotMatch(refused.html, new RegExp(goodKey));
  assert.doesNotMatch(await settings(), /is set, and hidden/);
  steam.states = { summaries: { status: 500 } };
  const unknown = await save("steam-key", { "steam-key": goodKey });
  assert.equal(unknown.location, "/admin/settings/?done=key-unknown");
  assert.match((await browser.get(unknown.location ?? "")).html, /Steam did not answer, so the key is not tested/);
});

test("the public address stands in what is copied from the panel, also in that of another replica within seconds", async () => {
  const shown = async (of: TestService) => {
    const other = createBrowser(of);
    await other.signIn();
    return (await other.get("/admin/connections/battlemetrics/set-up/bm/")).html;
  };
  const replica = await startTestService(db);
  try {
    assert.equal((await save("public-url", { "public-url": "https://hours.example.com/" })).status, 303);
    assert.match(await shown(service), /https:\/\/hours\.example\.com\/set-playtime\/bm\/bm\//);
    const isShown = async () => /hours\.example\.com/.test(await shown(replica));
    await eventually("the address in the replica", isShown, { everyMs: 250 });
  } finally {
    await replica.stop();
  }
});

test("what cannot be meant is said beside the field, and stored nowhere", async () => {
  for (const [action, name, value, words] of [
    ["public-url", "public-url", "playtime.example.com", /begins with https:\/\//],
    ["public-url", "public-url", "https://example.com/below/", /has no path/],
    ["alerts", "discord-webhook", "discord.com/x", /begins with https/],
    ["alerts", "telegram-chat", "my chat", /begins with @/],
    ["steam-key", "steam-key", "a b", /letters and digits only/],
    ["steam-key", "steam-key", "", /Paste the key/],
  ] as const) {
    const { status, html } = await save(action, { [name]: value });
    assert.equal(status, 400, value);
    assert.match(textOf(html), words);
    assert.match(html, new RegExp(`id="${name}"[^>]*aria-invalid="true"`));
  }
  const both = await save("alerts", {
    "discord-webhook": "x",
    "telegram-chat": "my chat",
    "alerts-url": "https://x.example.com",
  });
  assert.equal(both.html.split('aria-invalid="true"').length - 1, 2);
  assert.match(textOf(both.html), /begins with https:\/\/\..*begins with @/);
  assert.deepEqual([...(await db.sql`select name from panel_settings where name <> 'password'`)], []);
});

test("alerts are set here and hidden; an empty field keeps a secret, and a button removes it", async () => {
  const hook = "https://discord.com/api/webhooks/1/planted-hook";
  assert.equal((await save("alerts", { "discord-webhook": hook, "telegram-chat": "-100200" })).status, 303);
  assert.match(textOf((await browser.get("/admin/alerts/")).html), /Sent to: Discord/);
  const html = await settings();
  assert.doesNotMatch(html, /planted-hook/);
  assert.match(html, /value="-100200"/);
  await save("alerts", { "discord-webhook": "", "telegram-chat": "" });
  assert.match(textOf((await browser.get("/admin/alerts/")).html), /Sent to: Discord/);
  assert.doesNotMatch(await settings(), /value="-100200"/);
  await browser.post("/admin/settings/", { remove: "discord-webhook" });
  assert.match((await browser.get("/admin/alerts/")).html, /No alerts are set up/);
});

test("what the config decides is said, cannot be changed here, and wins over what is stored", async () => {
  await save("public-url", { "public-url": "https://stored.example.com" });
  const config = { SERVER: { PUBLIC_URL: "https://config.example.com" }, STEAM: { KEY: "CONFIGKEY" } };
  const fixed = await startTestService(db, { config });
  try {
    const other = createBrowser(fixed);
    await other.signIn();
    const { html } = await other.get("/admin/settings/");
    assert.match(textOf(html), /Set in the config file, so it cannot be changed here: \[SERVER\] PUBLIC_URL/);
    assert.match(html, /https:\/\/config\.example\.com/);
    assert.doesNotMatch(html, /id="public-url"|CONFIGKEY|stored\.example/);
    await other.post("/admin/settings/", { action: "public-url", "public-url": "https://third.example.com" });
    await other.post("/admin/settings/", { remove: "public-url" });
    assert.match((await other.get("/admin/connections/script/set-up/plugin/")).html, /https:\/\/config\.example\.com/);
  } finally {
    await fixed.stop();
  }
  const [stored] = await db.sql`select value from panel_settings where name = 'public-url'`;
  assert.equal(stored?.["value"], "https://stored.example.com");
});

test("a stored value that cannot be is as none, and a page to lead back to is one of ours", async () => {
  await db.sql`insert into panel_settings values ('public-url', 'no address'), ('telegram-chat', 'a b')`;
  const odd = await startTestService(db);
  try {
    const other = createBrowser(odd);
    await other.signIn();
    assert.equal((await other.get("/admin/settings/")).status, 200);
    assert.match(
      (await other.get("/admin/connections/script/set-up/plugin/")).html,
      new RegExp(`${odd.url}/get-playtime`),
    );
  } finally {
    await odd.stop();
  }
  for (const from of [
    "//evil.example/",
    "/admin/connections/script/set-up/a\r\nb/",
    "/admin/connections/script/set-up/a b/",
  ]) {
    const { status, location } = await browser.post("/admin/settings/", {
      action: "public-url",
      "public-url": "",
      from,
    });
    assert.deepEqual([status, location], [303, "/admin/settings/?done=public-url"]);
  }
});
