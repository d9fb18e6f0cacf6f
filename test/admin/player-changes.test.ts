import assert from "node:assert/strict";
import { test } from "node:test";
import { timeText } from "../../src/admin/players.ts";
import { Malformed } from "../../src/parse.ts";
import { listed, openPlayers, player, signIn, squad } from "../support/open-players.ts";
import { deliverySignature, post, secrets } from "../support/service.ts";

const { db, steam, service, browser, withoutKey, row } = await openPlayers();

test("Steam is asked again at once, and the page says how it went", async () => {
  const own = `/admin/players/${player(2)}/`;
  steam.states = { owned: { games: [{ appid: squad, playtime_forever: 600 }] } };
  const asked = await browser.submit(own, { action: "ask", game: String(squad) });
  assert.match(asked.html, /role="status">Steam answered\. Game 393380: known\./);
  assert.match(asked.html, /36,000 seconds/);
  steam.states = { owned: { private: true } };
  assert.match(
    (await browser.submit(own, { action: "ask", game: String(squad) })).html,
    /Game 393380: private profile\./,
  );
  assert.equal((await row(player(2)))?.["steam"], 36_000);
  steam.states = { owned: { status: 404 } };
  assert.match((await browser.submit(own, { action: "ask", game: String(squad) })).html, /Steam could not be asked/);
  assert.match(
    (await (await signIn(withoutKey)).submit(own, { action: "ask", game: String(squad) })).html,
    /there is no key/,
  );
});

test("Steam can be asked about a player whom nobody knows", async () => {
  steam.states = { owned: { games: [{ appid: 440, playtime_forever: 10 }] } };
  const { status, html } = await browser.submit(`/admin/players/${player(7)}/`, { action: "ask", game: "440" });
  assert.equal(status, 200);
  assert.match(html, /Game 440: known/);
  for (const game of ["", "<script>", "-1", "99999999999"]) {
    const wrong = await browser.submit(`/admin/players/${player(8)}/`, { action: "ask", game });
    assert.equal(wrong.status, 400, game);
    assert.ok(!wrong.html.includes("<script>alert") && !wrong.html.includes('value="<'));
  }
  assert.equal(await row(player(8)), undefined);
});

const correct = (id: string, steamTyped: string, bmTyped: string, was = { steam: "", bm: "" }) =>
  browser.submit(`/admin/players/${id}/`, {
    action: "correct",
    game: String(squad),
    steam: steamTyped,
    "steam-was": was.steam,
    battlemetrics: bmTyped,
    "battlemetrics-was": was.bm,
  });

test("both times can be edited by hand, in seconds or hours, and count as of now", async () => {
  const { status, html } = await correct(player(2), "2,5 ч", "7200", { steam: "", bm: "60" });
  assert.equal(status, 200);
  assert.match(html, /role="status">Saved\./);
  const stored = await row(player(2));
  assert.deepEqual([stored?.["steam"], stored?.["status"], stored?.["bm"]], [9_000, "ok", 7_200]);
  for (const name of ["checked", "signed"]) assert.ok(Math.abs(Date.parse(stored?.[name]) - Date.now()) < 60_000, name);

  const deliver = (seconds: number, signedAt: string) => {
    const body = JSON.stringify({ steam_id: player(2), playtime: seconds, game_id: squad });
    return post(`${service.url}/set-playtime/bm/bm/`, body, {
      "x-signature": deliverySignature(secrets.battlemetrics, body, signedAt),
    });
  };
  await deliver(1, new Date(Date.now() - 60_000).toISOString());
  assert.equal((await row(player(2)))?.["bm"], 7_200);
  await deliver(2, new Date(Date.now() + 60_000).toISOString());
  assert.equal((await row(player(2)))?.["bm"], 2);
});

test("only the time that was changed is stored, so that a delivery in the meantime counts", async () => {
  await db.sql`update playtimes set bm_seconds = 6000 where steam_id = ${player(1)}`;
  await correct(player(1), "1 h 1", "5400", { steam: "3600", bm: "5400" });
  assert.equal((await row(player(1)))?.["steam"], 3_600);
  await correct(player(1), "2h", "5400", { steam: "3600", bm: "5400" });
  const stored = await row(player(1));
  assert.deepEqual([stored?.["steam"], stored?.["bm"], stored?.["signed"]], [7_200, 6_000, "2026-01-02T03:04:06.000Z"]);
  assert.match((await correct(player(1), "7200", "6000", { steam: "7200", bm: "6000" })).html, /Nothing was changed/);
});

test("an emptied time is unknown, as if it never was told or asked", async () => {
  await correct(player(1), "", " ", { steam: "3600", bm: "5400" });
  assert.deepEqual(
    { ...(await row(player(1))) },
    { steam: null, status: "unchecked", checked: null, bm: null, signed: null },
  );
});

test("a time that cannot be read changes nothing, and stays in the form", async () => {
  for (const typed of ["<script>", "1:30", "-5", "2.5", "1e3", "99999999999", "9999999 h", "x".repeat(255)]) {
    const { status, html } = await correct(player(1), typed, "1", { steam: "3600", bm: "5400" });
    assert.equal(status, 400, typed);
    assert.match(html, /aria-invalid="true"/);
    assert.ok(!html.includes('value="<'));
  }
  assert.equal((await row(player(1)))?.["bm"], 5_400);
  const gone = await browser.submit(`/admin/players/${player(9)}/`, {
    action: "correct",
    game: "1",
    steam: "1",
    battlemetrics: "",
  });
  assert.match(gone.html, /was deleted in the meantime/);
});

test("times are read as people type them", () => {
  const cases: [string, number | null][] = [
    ["", null],
    ["  ", null],
    ["0", 0],
    ["7200", 7_200],
    ["1 234 567", 1_234_567],
    ["2.5 h", 9_000],
    ["2,5ч", 9_000],
    ["2,5 часа", 9_000],
    ["10 hours", 36_000],
    ["0.0001 h", 0],
    ["1\u00a0000 ч.", 3_600_000],
  ];
  for (const [text, seconds] of cases) assert.equal(timeText(text, "x"), seconds, text);
  for (const text of ["h", "1.5", "1,234,567", "1 d", "+1", "٣"])
    assert.throws(() => timeText(text, "x"), Malformed, text);
});

test("a player is deleted after a question, in all games and in the lists of requests", async () => {
  await db.sql`
    insert into accepted_requests (kind, path, at, is_ignored, steam_id, players, duration_ms) values ('battlemetrics', 'bm', now(), false, ${player(1)}, 1, 1)`;
  const question = await browser.get(`/admin/players/${player(1)}/?confirm=delete`);
  assert.match(question.html, /name="action" value="delete"/);
  assert.equal((await db.sql`select from playtimes`).length, 3);
  const { status, html } = await browser.submit(`/admin/players/${player(1)}/`, { action: "delete" });
  assert.equal(status, 200);
  assert.match(html, /role="status">The player&#39;s data is deleted/);
  assert.deepEqual(listed(html), ["2/393380"]);
  assert.equal((await db.sql`select from accepted_requests where steam_id = ${player(1)}`).length, 0);
});

test("a form that is none of ours changes nothing", async () => {
  for (const action of ["", "<script>", "drop", "__proto__"])
    assert.equal((await browser.submit(`/admin/players/${player(1)}/`, { action })).status, 400);
  const strange = await fetch(`${service.url}/admin/players/${player(1)}/`, {
    method: "POST",
    headers: { cookie: browser.cookie, origin: "https://evil.example" },
    body: new URLSearchParams({ action: "delete" }),
  });
  assert.equal(strange.status, 403);
  assert.equal((await db.sql`select from playtimes`).length, 3);
});
