import assert from "node:assert/strict";
import { test } from "node:test";
import { openPlayers, player, squad } from "../support/open-players.ts";

const { db, browser } = await openPlayers();

test("a player's page shows all games; one that nobody knows is said to be unknown", async () => {
  const { status, html } = await browser.get(`/admin/players/${player(1)}/`);
  assert.equal(status, 200);
  for (const part of [">Squad<", "Game 440", "5,400 seconds", "private profile", 'value="5400"', "Delete this player"])
    assert.ok(html.includes(part), part);
  const unknown = await browser.get(`/admin/players/${player(9)}/`);
  assert.equal(unknown.status, 404);
  assert.match(unknown.html, /Nothing is known about this player yet/);
  assert.ok(!unknown.html.includes("Delete this player"));
  for (const id of ["1", "<script>", "%00", "%", "x".repeat(255), "77561198000000001"])
    assert.equal((await browser.get(`/admin/players/${id.replace("<", "%3C")}/`)).status, 404, id);
});

test("a name that Steam told stands beside the ID, in the list and on the player's page, as text", async () => {
  // Of somebody whose page no other test here opens: to open one asks Steam for the name.
  await db.sql`insert into player_names values (${player(2)}, '<b>Anna</b>', now())`;
  for (const page of ["/admin/players/", `/admin/players/${player(2)}/`])
    assert.match((await browser.get(page)).html, /<bdi>&lt;b&gt;Anna&lt;\/b&gt;<\/bdi>/, page);
  await db.sql`truncate player_names`;
});

test("a player's page tells the time on the own servers and when the player was seen, where BattleMetrics told it", async () => {
  const page = async () => (await browser.get(`/admin/players/${player(1)}/`)).html;
  assert.doesNotMatch(await page(), /<dt>(Time on your servers|Last seen)/);
  await db.sql`update playtimes set org_seconds = 1800, org_signed_at = now(), seen_at = now() where steam_id = ${player(1)}`;
  assert.match(await page(), /<dt>Time on your servers<\/dt><dd>.*0\.5 h/);
  assert.match(await page(), /<dt>Last seen<\/dt>/);
});

test("a player's page shows the last days as bars, with their sums and the weeks as a table", async () => {
  const page = async () => (await browser.get(`/admin/players/${player(1)}/`)).html;
  assert.doesNotMatch(await page(), /Day by day|There are no daily times/);
  await db.sql`update playtimes set seen_at = now() where steam_id = ${player(1)} and game_id = ${squad}`;
  assert.match(await page(), /There are no daily times of the last 90 days/);
  const dayOf = (back: number) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
  await db.sql`
    insert into playtime_days values (${player(1)}, ${squad}, ${dayOf(1)}, 3600), (${player(1)}, ${squad}, ${dayOf(20)}, 7200),
      (${player(1)}, ${squad}, ${dayOf(80)}, 1800), (${player(1)}, 440, ${dayOf(1)}, 99999)`;
  const html = await page();
  assert.match(html, /aria-label="last 7 days: 1 h, last 30 days: 3 h, last 90 days: 3\.5 h"/);
  assert.equal([...html.matchAll(/<rect class="battlemetrics"/g)].length, 3);
  assert.ok(html.includes(`<title>${dayOf(20)}: 2 h</title>`));
  assert.equal([...html.matchAll(/<tr><td><time[^>]+>[\d-]+<\/time> – <time[^>]+>[\d-]+<\/time><\/td>/g)].length, 12);
  await db.sql`truncate playtime_days`;
});
