import assert from "node:assert/strict";
import { test } from "node:test";
import { listed, openPlayers, player, signIn, squad } from "../support/open-players.ts";
import { startTestService } from "../support/service.ts";

const { db, browser } = await openPlayers();

test("the list tells the last 7 and 30 days and when each was seen, and sorts players with days by them", async () => {
  const dayOf = (back: number) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
  await db.sql`update playtimes set seen_at = bm_signed_at where bm_signed_at is not null`;
  await db.sql`
    insert into playtimes (steam_id, game_id, seen_at) select 76561198000000000 + n, 7, now() - n * interval '1 hour' from generate_series(3, 4) n`;
  await db.sql`
    insert into playtime_days values (${player(2)}, ${squad}, ${dayOf(3)}, 3600), (${player(2)}, ${squad}, ${dayOf(9)}, 3600),
      (${player(3)}, 7, ${dayOf(29)}, 10800), (${player(4)}, 7, ${dayOf(30)}, 36000)`;
  const { html } = await browser.get("/admin/players/");
  assert.match(
    html,
    /data-label="7 days" class="number"><span title="3,600 s">1 h<[\s\S]*?data-label="30 days" class="number"><span title="7,200 s">2 h</,
  );
  assert.match(html, /data-label="Last seen"><time datetime="2026-01-02T03:04:06\.\d+Z"/);
  for (const [search, expected] of [
    ["?sort=days7-desc", ["2/393380", "4/7", "3/7"]],
    ["?sort=days7-asc", ["3/7", "4/7", "2/393380"]],
    ["?sort=days30-desc", ["3/7", "2/393380", "4/7"]],
    ["?sort=seen-desc", ["3/7", "4/7", "2/393380"]],
    ["?sort=seen-asc&q=7656119", ["2/393380", "4/7", "3/7"]],
    ["?sort=days30-desc&game=7", ["3/7", "4/7"]],
    ["?sort=days30-desc&battlemetrics=known", ["2/393380"]],
    ["?sort=seen-desc&status=private", []],
  ] as const) {
    const answer = await browser.get(`/admin/players/${search}`);
    assert.deepEqual([answer.status, listed(answer.html)], [200, expected], search);
  }
  const sorted = await browser.get("/admin/players/?sort=days7-desc");
  assert.match(sorted.html, /aria-sort="descending"><a href="\/admin\/players\/\?sort=days7-asc">7 days/);
  assert.equal((await browser.get("/admin/players.csv?sort=days7-desc")).html.trim().split("\n").length, 6);
  await db.sql`truncate playtime_days`;
});

test("pages of players sorted by days go on behind the last row", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, seen_at) select 76561198000001000 + n, 7, now() - n / 3 * interval '1 s' from generate_series(1, 120) n`;
  await db.sql`insert into playtime_days select 76561198000001000 + n, 7, current_date, 60 + n / 7 from generate_series(1, 120) n`;
  for (const sort of ["days7-desc", "days30-asc", "seen-desc", "seen-asc"]) {
    let next = `/admin/players/?sort=${sort}`;
    const seen: string[] = [];
    for (let pages = 1; next !== ""; pages += 1) {
      assert.ok(pages <= 3, sort);
      const { html } = await browser.get(next);
      seen.push(...[...html.matchAll(/class="id">([0-9]+)</g)].map(([, id]) => id ?? ""));
      next = (/href="([^"]+)" rel="next"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
    }
    assert.deepEqual([seen.length, new Set(seen).size], [120, 120], sort);
  }
  await db.sql`truncate playtime_days`;
});

test("without days kept the list has no such columns, and refuses to sort by them", async () => {
  const other = await startTestService(db, { config: { STEAM: { KEY: "" }, HISTORY: { KEEP_DAYS: 0 } } });
  try {
    const visitor = await signIn(other);
    const { html } = await visitor.get("/admin/players/");
    assert.doesNotMatch(html, /7 days|days7|seen-desc/);
    assert.match(html, /Last seen/);
    for (const sort of ["days7-desc", "days30-asc", "seen-desc"])
      assert.equal((await visitor.get(`/admin/players/?sort=${sort}`)).status, 400, sort);
  } finally {
    await other.stop();
  }
});
