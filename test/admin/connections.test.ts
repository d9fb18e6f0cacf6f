import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { after, before, beforeEach, describe, test } from "node:test";
import { promisify } from "node:util";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type Browser, createBrowser, setPanelPassword, textOf, unescaped } from "../support/panel.ts";
import { deliverySignature, hmac, post, startTestService, type TestService } from "../support/service.ts";

const squad = 393_380;
const player = "76561198012345678";

let db: TestDatabase;
let service: TestService;
let browser: Browser;

before(async () => {
  db = await createTestDatabase();
  service = await startTestService(db);
  await setPanelPassword(db);
  browser = createBrowser(service);
  await browser.signIn();
});
after(async () => {
  await service.stop();
  await db.drop();
});
beforeEach(async () => {
  await db.sql`truncate connections, playtimes, accepted_requests, refused_requests, hourly_counts, refused_in_a_row`;
});

const create = (kind: string, form: Record<string, string>) =>
  browser.postAndFollow(`/admin/connections/new/${kind}/`, { game: "", secret: "", ...form });
const act = (path: string, action: string, form: Record<string, string> = {}) =>
  browser.postAndFollow(`/admin/connections/${path}/`, { action, ...form });
const stored = async (path: string) => {
  const [row] = await db.sql`select * from connections where path = ${path}`;
  return row ?? assert.fail();
};
const valuesOf = (html: string) =>
  [...html.matchAll(/<code data-copyable>([^<]*)<\/code>/g)].map(([, text]) => textOf(text ?? ""));

const deliver = (path: string, secret: string) => {
  const body = JSON.stringify({ steam_id: player, playtime: "7200", game_id: squad });
  return post(`${service.url}/set-playtime/bm/${path}/`, body, { "x-signature": deliverySignature(secret, body) });
};
const ask = (path: string, secret: string) => {
  const body = JSON.stringify({ steam_ids: [player], game_id: squad });
  return post(`${service.url}/get-playtime/${path}/`, body, { "x-signature": hmac(secret, body) });
};

describe("a new connection", () => {
  test("for BattleMetrics takes the secret that is shown there, and its page has all to paste", async () => {
    const secret = "secret-of-battlemetrics-0123";
    const page = await create("battlemetrics", { path: " My Server ", game: "393380", secret });
    assert.match(textOf(page.html), /Connection created/);
    assert.deepEqual(valuesOf(page.html), [
      `${service.url}/set-playtime/bm/my-server/`,
      secret,
      "application/json",
      `{"steam_id": "{{player.steamID}}", "playtime": "{{player.game.timePlayed}}", "org_playtime": "{{player.org.timePlayed}}", "game_id": 393380}`,
    ]);
    // At once, not with the next reading.
    assert.equal((await deliver("my-server", secret)).status, 200);
  });

  test("gets a strong secret from us when none is typed", async () => {
    await create("battlemetrics", { path: "bm" });
    await create("script", { path: "plugin" });
    for (const path of ["bm", "plugin"]) assert.match((await stored(path))["secret"], /^[0-9a-f]{64}$/);
    assert.equal((await stored("plugin"))["fixed_game_id"], null);
  });

  test("with a path or game that cannot be, or one that is there, is refused in words, all at once, and what was typed stays", async () => {
    await create("script", { path: "taken", secret: "a secret of sixteen" });
    const refused = async (kind: string, form: Record<string, string>, words: RegExp) => {
      const answer = await browser.post(`/admin/connections/new/${kind}/`, { game: "", secret: "s", ...form });
      assert.equal(answer.status, 400);
      assert.match(textOf(answer.html), words);
      return answer.html;
    };
    await refused("battlemetrics", { path: "new", secret: "a\0b" }, /This secret cannot be used/);
    await refused("script", { path: "Taken", game: "Squad" }, /already in use.*Enter a whole number/);
    await refused("script", { path: "Taken" }, /This path is already in use/);
    await refused("script", { path: "new", game: "Squad" }, /Enter a whole number/);
    await refused("script", { path: "new", game: "-1" }, /Enter a whole number/);
    const html = await refused("script", { path: "a/b", game: "5" }, /1 to 255 characters, without \//);
    assert.match(html, /value="a\/b"/);
    assert.match(html, /name="game" value="5"/);
    assert.match(html, /id="path"[^>]*aria-describedby="path-hint path-problem" aria-invalid="true"/);
    assert.equal((await db.sql`select from connections`).length, 1);
  });

  test("with a short secret is made, and the page says that it could be guessed", async () => {
    assert.match(textOf((await create("script", { path: "short", secret: "abc" })).html), /short and could be guessed/);
  });
});

describe("the examples for scripts run as they stand", () => {
  const programs = {
    javascript: { command: process.execPath, args: ["--input-type=module", "-e"], answer: `${player} null 7200` },
    python: { command: "python3", args: ["-c"], answer: `${player} None 7200` },
    curl: { command: "sh", args: ["-c"], answer: /"bm_playtime":7200/, needs: ["curl", "openssl"] },
  };
  for (const [place, [name, { command, args, answer, ...rest }]] of Object.entries(programs).entries()) {
    const missing = ("needs" in rest ? rest.needs : [command]).find((one) => spawnSync(one, ["--help"]).error);
    test(name, { skip: missing && `there is no ${missing} here` }, async () => {
      const path = "it's-мой";
      await create("script", { path, game: String(squad), secret: `se"cr'et\\ $HOME` });
      await db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (${player}, ${squad}, 7200)`;
      const { html } = await browser.get(`/admin/connections/script/set-up/${encodeURIComponent(path)}/?secret=shown`);
      const text = [...html.matchAll(/<pre data-copyable>([^<]*)<\/pre>/g)][place]?.[1] ?? "";
      const { stdout } = await promisify(execFile)(command, [...args, unescaped(text)]);
      if (typeof answer === "string") assert.equal(stdout.trim(), answer);
      else assert.match(stdout, answer);
    });
  }
});

test("the block for SquadJS is filled in, with the secret only where it is shown", async () => {
  await create("script", { path: "squadjs", secret: "planted-secret-0123456789" });
  const blockOf = async (query: string) => {
    const { html } = await browser.get(`/admin/connections/script/set-up/squadjs/${query}`);
    return JSON.parse(unescaped([...html.matchAll(/<pre data-copyable>([^<]*)<\/pre>/g)].at(-1)?.[1] ?? ""));
  };
  const block = await blockOf("?secret=shown");
  assert.deepEqual(
    [block.plugin, block.enabled, block.playtime_service_api_secret_key],
    ["PlaytimeCommands", true, "planted-secret-0123456789"],
  );
  assert.match(block.playtime_service_api_url, /^http:\/\/.*\/get-playtime\/squadjs\/$/);
  assert.equal((await blockOf("")).playtime_service_api_secret_key, "env:SQUADJS_PLAYTIME_SECRET");
});

test("its log has the names of players beside their IDs, as text", async () => {
  await create("battlemetrics", { path: "bm", secret: "a secret of sixteen" });
  const [accepted, refused] = ["76561198000000001", "76561198000000002"];
  await db.sql`
    insert into accepted_requests (kind, path, at, is_ignored, steam_id, players, duration_ms)
    values ('battlemetrics', 'bm', now(), false, ${accepted}, 1, 1)`;
  await db.sql`
    insert into refused_requests (kind, path, minute, code, count, at, reason, steam_id, duration_ms)
    values ('battlemetrics', 'bm', now(), 'malformed', 1, now(), 'x', ${refused}, 1)`;
  await db.sql`insert into player_names values (${accepted}, '<b>Anna</b>', now()), (${refused}, 'Пётр', now())`;
  const { html } = await browser.get("/admin/connections/battlemetrics/bm/");
  for (const name of ["&lt;b&gt;Anna&lt;/b&gt;", "Пётр"]) assert.ok(html.includes(`<bdi>${name}</bdi>`), name);
  await db.sql`truncate player_names`;
});

test("its secret is shown on demand, and not in lists", async () => {
  await create("script", { path: "plugin", secret: "planted-secret-0123456789" });
  const holds = async (path: string) => (await browser.get(path)).html.includes("planted-secret-0123456789");
  assert.equal(await holds("/admin/connections/script/plugin/"), false);
  assert.equal(await holds("/admin/connections/"), false);
  assert.equal(await holds("/admin/"), false);
  assert.equal(await holds("/admin/connections/script/set-up/plugin/"), false);
  assert.equal(await holds("/admin/connections/script/set-up/plugin/?secret=shown"), true);
});

test("it is switched off after a question, and on with one click, from the list and from its page", async () => {
  await create("script", { path: "plugin", secret: "a secret of sixteen" });
  const asked = "/admin/connections/script/plugin/?confirm=disable";
  for (const page of ["/admin/connections/", "/admin/connections/script/plugin/"])
    assert.ok((await browser.get(page)).html.includes(asked), page);
  assert.match(textOf((await browser.get(asked)).html), /refused with 403 from then on/);
  assert.equal((await ask("plugin", "a secret of sixteen")).status, 200);
  const askedFromList = (await browser.get(`${asked}&from=list`)).html;
  assert.match(askedFromList, /name="from" value="list".*href="\/admin\/connections\/">Cancel/s);
  const list = await act("script/plugin", "disable", { from: "list" });
  assert.match(textOf(list.html), /Switched off\..* plugin Script off .* Switch on/);
  assert.equal((await ask("plugin", "a secret of sixteen")).status, 403);
  assert.match(textOf((await act("script/plugin", "enable")).html), /Switched on/);
  assert.equal((await ask("plugin", "a secret of sixteen")).status, 200);
});

describe("another secret", () => {
  const [first, second, third] = ["the first secret 0123", "the second secret 0123", "the third secret 0123"];

  test("leaves the old one accepted for the chosen time, which is shown, and can be ended", async () => {
    await create("battlemetrics", { path: "bm", secret: first });
    const page = await act("battlemetrics/bm", "rotate", { secret: second, keep: "24" });
    assert.match(textOf(page.html), /The new secret is set/);
    const settings = textOf((await browser.get("/admin/connections/battlemetrics/settings/bm/")).html);
    assert.match(settings, /The old secret is accepted until/);
    const { old_secret_until: until } = await stored("bm");
    const hours = (Date.parse(until) - Date.now()) / 3_600_000;
    assert.ok(hours > 23.9 && hours < 24.1);
    assert.deepEqual([(await deliver("bm", first)).status, (await deliver("bm", second)).status], [200, 200]);
    assert.equal((await deliver("bm", "neither of them 0123")).status, 401);

    assert.match(textOf((await act("battlemetrics/bm", "drop-old-secret")).html), /no longer accepted/);
    assert.deepEqual([(await deliver("bm", first)).status, (await deliver("bm", second)).status], [401, 200]);
  });

  test("keeps the oldest one while it is accepted, since the sender may still use it, and says so; or the last, when that is chosen", async () => {
    await create("battlemetrics", { path: "bm", secret: first });
    await act("battlemetrics/bm", "rotate", { secret: second, keep: "24" });
    const settings = await browser.get("/admin/connections/battlemetrics/settings/bm/");
    assert.match(textOf(settings.html), /Two secrets are accepted now: the current one and an older one/);
    assert.match(settings.html, /name="which" value="oldest" checked/);
    const statuses = async () => {
      const answers = [first, second, third].map(async (secret) => (await deliver("bm", secret)).status);
      return Promise.all(answers);
    };
    await act("battlemetrics/bm", "rotate", { secret: third, keep: "24", which: "oldest" });
    assert.deepEqual(await statuses(), [200, 401, 200]);
    await act("battlemetrics/bm", "rotate", { secret: second, keep: "24", which: "newest" });
    assert.deepEqual(await statuses(), [401, 200, 200]);
  });

  test("ends the old one when its time is over, without anybody's doing, and then it is forgotten", async () => {
    await create("script", { path: "plugin", secret: first });
    await act("script/plugin", "rotate", { secret: second, keep: "1" });
    assert.equal((await ask("plugin", first)).status, 200);
    await db.sql`update connections set old_secret_until = now() - interval '1 second'`;
    // The service reads it anew after this.
    await act("script/plugin", "enable");
    assert.deepEqual([(await ask("plugin", first)).status, (await ask("plugin", second)).status], [401, 200]);
  });

  test("takes the place of the old one at once when that is chosen; and is made when none is typed", async () => {
    await create("script", { path: "plugin", secret: first });
    await act("script/plugin", "rotate", { secret: second, keep: "0" });
    assert.deepEqual([(await ask("plugin", first)).status, (await ask("plugin", second)).status], [401, 200]);
    await act("script/plugin", "rotate", { secret: "", keep: "0" });
    assert.match((await stored("plugin"))["secret"], /^[0-9a-f]{64}$/);
    const wrong = await browser.post("/admin/connections/script/plugin/", {
      action: "rotate",
      secret: "x",
      keep: "9999",
    });
    assert.equal(wrong.status, 400);
  });

  test("with a mistake in it is asked for again with all that was chosen", async () => {
    await create("battlemetrics", { path: "bm", secret: first });
    await act("battlemetrics/bm", "rotate", { secret: second, keep: "24" });
    const settings = "/admin/connections/battlemetrics/settings/bm/";
    const form = { action: "rotate", secret: "a NUL is no secret\0", keep: "168", which: "newest" };
    const wrong = await browser.post(settings, form);
    assert.equal(wrong.status, 400);
    assert.match(textOf(wrong.html), /This secret cannot be used/);
    assert.match(wrong.html, /value="168" selected/);
    assert.match(wrong.html, /value="newest" checked/);
    assert.equal((await stored("bm"))["secret"], second);
  });
});

test("its path and game can be changed, its log goes along, and another's path is refused", async () => {
  await create("script", { path: "before", secret: "a secret of sixteen" });
  await create("script", { path: "other" });
  await ask("before", "a secret of sixteen");
  await act("script/before", "enable");
  const page = await act("script/before", "change", { path: "After", game: "5" });
  assert.match(page.html, /<h1><bdi>after<\/bdi><\/h1>/);
  const log = await browser.get("/admin/connections/script/after/");
  assert.match(textOf(log.html), new RegExp(`accepted ${player}`));
  assert.equal((await ask("before", "a secret of sixteen")).status, 404);
  assert.equal((await stored("after"))["fixed_game_id"], 5);
  const taken = await browser.post("/admin/connections/script/after/", { action: "change", path: "other", game: "" });
  assert.deepEqual([taken.status, /This path is already in use/.test(taken.html)], [400, true]);
});

test("its page has a chart of its own requests, and the newest 20 of the accepted ones until all are asked for", async () => {
  await create("battlemetrics", { path: "bm" });
  await create("battlemetrics", { path: "other" });
  await db.sql`
    insert into hourly_counts values (date_trunc('hour', now()), 'battlemetrics', 'bm', 'accepted', 3),
      (date_trunc('hour', now()), 'battlemetrics', 'other', 'accepted', 70),
      (date_trunc('hour', now() - interval '3 days'), 'battlemetrics', 'bm', 'refused', 4)`;
  await db.sql`
    insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms)
    select 'battlemetrics', 'bm', now(), false, 1, n from generate_series(1, 50) n`;
  const page = async (query: string) => (await browser.get(`/admin/connections/battlemetrics/bm/${query}`)).html;
  const rows = (html: string) => html.split('data-label="X-Request-ID"').length - 1;
  const html = await page("");
  assert.match(html, /aria-label="Deliveries, 24 hours: accepted 3, refused 0"/);
  assert.equal(rows(html), 20);
  assert.match(textOf(html), /Show all 50/);
  assert.equal(rows(await page("?accepted=all")), 50);
  assert.match(await page("?range=7d"), /aria-label="Deliveries, 7 days: accepted 3, refused 4"/);
});

test("an address that the internet cannot reach is warned of, with a field for the one it sees, unless the config decides", async () => {
  await create("battlemetrics", { path: "bm" });
  await create("script", { path: "plugin" });
  const page = async (path: string) => textOf((await browser.get(`/admin/connections/${path}/`)).html);
  assert.match(await page("battlemetrics/set-up/bm"), /BattleMetrics cannot reach this address/);
  assert.doesNotMatch(await page("script/set-up/plugin"), /cannot reach/);
  const from = "/admin/connections/battlemetrics/set-up/bm/";
  const saved = await browser.post("/admin/settings/", {
    action: "public-url",
    "public-url": "https://x.example.com",
    from,
  });
  assert.equal(saved.location, from);
  assert.doesNotMatch(await page("battlemetrics/set-up/bm"), /cannot reach/);
  assert.match(await page("battlemetrics/set-up/bm"), /https:\/\/x\.example\.com\/set-playtime\/bm\/bm\//);
  const elsewhere = await browser.post("/admin/settings/", {
    action: "public-url",
    "public-url": "",
    from: "//evil.example/",
  });
  assert.equal(elsewhere.location, "/admin/settings/?done=public-url");
});

test("it is deleted with its log after a question", async () => {
  await create("script", { path: "plugin", secret: "a secret of sixteen" });
  await ask("plugin", "a secret of sixteen");
  const page = await browser.get("/admin/connections/script/plugin/");
  assert.match(textOf(page.html), new RegExp(`accepted ${player}`));
  const question = await browser.get("/admin/connections/script/plugin/?confirm=delete");
  assert.match(textOf(question.html), /Delete this connection for good/);
  assert.equal((await db.sql`select from connections`).length, 1);
  const list = await act("script/plugin", "delete");
  assert.match(textOf(list.html), /The connection was deleted/);
  assert.equal((await ask("plugin", "a secret of sixteen")).status, 404);
  assert.equal((await db.sql`select from accepted_requests`).length, 0);
});

describe("Try it", () => {
  test("sends a signed sample to ourselves, shows the answer, and stores nothing", async () => {
    await create("battlemetrics", { path: "bm" });
    await create("script", { path: "plugin" });
    for (const path of ["battlemetrics/bm", "script/plugin"]) {
      const page = await browser.post(`/admin/connections/${path}/`, { action: "try" });
      assert.equal(page.status, 200);
      assert.match(textOf(page.html), /The service accepts requests of this connection.*Answer 200/);
    }
    assert.equal((await db.sql`select from playtimes`).length, 0);
  });

  test("goes to our own port whatever the request says of the host", async () => {
    await create("script", { path: "plugin" });
    const asked = createBrowser(service, { host: "127.0.0.1:1" });
    for (const [name, value] of browser.cookies) asked.cookies.set(name, value);
    const page = await asked.post(
      "/admin/connections/script/plugin/",
      { action: "try" },
      { origin: "http://127.0.0.1:1" },
    );
    assert.match(textOf(page.html), /Answer 200|did not come from the address of this panel/);
  });

  test("shows why a connection is not let in", async () => {
    await create("script", { path: "plugin" });
    await act("script/plugin", "disable");
    const page = await browser.post("/admin/connections/script/plugin/", { action: "try" });
    assert.match(textOf(page.html), /The service refused the sample.*403.*disabled-connection/);
  });
});

test("the secret is shown from the page that a sample's answer stands on, too", async () => {
  await create("script", { path: "plugin", secret: "planted-secret-0123456789" });
  const { html } = await browser.post("/admin/connections/script/plugin/", { action: "try" });
  const [, link = ""] = /href="([^"]+)">Show the secret/.exec(html) ?? [];
  assert.match((await browser.get(link)).html, /planted-secret-0123456789/);
});

test("an action that is none is refused", async () => {
  await create("script", { path: "plugin" });
  for (const action of ["", "nonsense", "__proto__", "constructor", "toString"])
    assert.equal((await browser.post("/admin/connections/script/plugin/", { action })).status, 400);
});
