import assert from "node:assert/strict";
import { test } from "node:test";
import { enteredTime } from "../../src/admin/player.ts";
import { listed, openPlayers, player, signIn, squad } from "../support/open-players.ts";
import { textOf } from "../support/panel.ts";
import { deliverySignature, post, secrets } from "../support/service.ts";

const { db, steam, service, browser, withoutKey, row } = await openPlayers();

test("Steam is asked again at once, and the page says how it went", async () => {
  const own = `/admin/players/${player(2)}/`;
  steam.states = { owned: { games: [{ appid: squad, playtime_forever: 600 }] } };
  const asked = await browser.submit(own, { action: "ask", game: String(squad) });
  assert.match(asked.html, /role="status">Steam answered\. Squad: known\./);
  assert.match(asked.html, /36,000 seconds/);
  steam.states = { owned: { private: true } };
  assert.match((await browser.submit(own, { action: "ask", game: String(squad) })).html, /Squad: private profile\./);
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

type Typed = [hours: string, minutes: string];
/** Fills the form with both times, and says yes to what is shown then. */
const correct = (id: string, steam: Typed, battlemetrics: Typed, was = { steam: "", bm: "" }, confirmed = "yes") =>
  browser.submit(`/admin/players/${id}/`, {
    action: "correct",
    confirmed,
    game: String(squad),
    "steam-hours": steam[0],
    "steam-minutes": steam[1],
    "steam-was": was.steam,
    "battlemetrics-hours": battlemetrics[0],
    "battlemetrics-minutes": battlemetrics[1],
    "battlemetrics-was": was.bm,
  });

test("both times are edited in hours and minutes: first shown as they are and would be, then stored, as of now", async () => {
  const was = { steam: "", bm: "60" };
  const asked = await correct(player(2), ["2", "30"], ["2", ""], was, "");
  assert.match(textOf(asked.html), /Steam time unknown → 2 h 30 min \(9,000 seconds\)/);
  assert.match(textOf(asked.html), /BattleMetrics time 0 h 1 min \(60 seconds\) → 2 h 0 min \(7,200 seconds\)/);
  assert.equal((await row(player(2)))?.["bm"], 60);
  const { status, html } = await correct(player(2), ["2", "30"], ["2", ""], was);
  assert.equal(status, 200);
  assert.match(html, /role="status">Saved\./);
  const stored = await row(player(2));
  assert.deepEqual([stored?.["steam"], stored?.["status"], stored?.["bm"]], [9_000, "ok", 7_200]);
  for (const name of ["checked", "signed"]) assert.ok(Math.abs(Date.parse(stored?.[name]) - Date.now()) < 60_000, name);
  assert.equal(html.split("set by hand").length - 1, 2);

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
  // What was told since is no longer by hand.
  assert.equal((await browser.get(`/admin/players/${player(2)}/`)).html.split("set by hand").length - 1, 1);
});

test("only the time that was changed is stored, so that a delivery in the meantime counts; a rest of seconds is no change", async () => {
  await db.sql`update playtimes set bm_seconds = 6000 where steam_id = ${player(1)}`;
  await correct(player(1), ["2", "0"], ["1", "30"], { steam: "3600", bm: "5400" });
  const stored = await row(player(1));
  assert.deepEqual([stored?.["steam"], stored?.["bm"], stored?.["signed"]], [7_200, 6_000, "2026-01-02T03:04:06.000Z"]);
  const same = await correct(player(1), ["2", "0"], ["1", "40"], { steam: "7230", bm: "6059" });
  assert.match(same.html, /Nothing was changed/);
});

test("an emptied time is unknown, as if it never was told or asked", async () => {
  await correct(player(1), ["", ""], [" ", ""], { steam: "3600", bm: "5400" });
  assert.deepEqual(
    { ...(await row(player(1))) },
    { steam: null, status: "unchecked", checked: null, bm: null, signed: null },
  );
});

test("a time that cannot be read changes nothing, and stays in the form", async () => {
  const wrong: Typed[] = [
    ["<script>", ""],
    ["1:30", ""],
    ["-5", "0"],
    ["2.5", ""],
    ["1", "60"],
    ["9999999", ""],
    ["x".repeat(255), ""],
    ["1", "٣"],
  ];
  for (const typed of wrong) {
    const { status, html } = await correct(player(1), typed, ["0", "1"], { steam: "3600", bm: "5400" });
    assert.equal(status, 400, typed.join(" "));
    assert.match(html, /aria-invalid="true"/);
    assert.ok(!html.includes('value="<'));
  }
  assert.equal((await row(player(1)))?.["bm"], 5_400);
  assert.match((await correct(player(9), ["1", ""], ["", ""])).html, /was deleted in the meantime/);
});

test("hours and minutes become seconds; both empty means unknown, and minutes alone may be many", () => {
  const entered = (hours: string, minutes: string, was: string | null = null) => enteredTime({ hours, minutes }, was);
  assert.equal(entered("2", "30"), 9_000);
  assert.equal(entered("1 000", ""), 3_600_000);
  assert.equal(entered("", "150"), 9_000);
  assert.equal(entered("0", "0"), 0);
  assert.equal(entered("", ""), undefined);
  assert.equal(entered("", "", "60"), null);
  assert.equal(entered("0", "1", "89"), undefined);
  assert.equal(entered("0", "2", "89"), 120);
});

test("the mark of a time set by hand goes into a backup's tables and away with the player", async () => {
  await correct(player(2), ["2", ""], ["", "1"], { steam: "", bm: "60" });
  assert.equal((await db.sql`select from edits where steam_id = ${player(2)}`).length, 1);
  await browser.submit(`/admin/players/${player(2)}/`, { action: "delete" });
  assert.equal((await db.sql`select from edits`).length, 0);
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
