import assert from "node:assert/strict";
import { test } from "node:test";
import { listed, openPlayers, player, signIn, squad } from "../support/open-players.ts";

const { db, steam, service, browser, withoutKey } = await openPlayers();

test("nobody sees a player without having signed in", async () => {
  for (const path of ["/admin/players/", "/admin/players.csv", `/admin/players/${player(1)}/`]) {
    const answer = await fetch(`${service.url}${path}`, { redirect: "manual" });
    assert.equal(answer.status, 303);
    assert.match(answer.headers.get("location") ?? "", /^\/admin\/sign-in\//);
  }
});

test("the list shows the newest first, hours with their exact seconds, and why a Steam time is unknown", async () => {
  const { status, html } = await browser.get("/admin/players/");
  assert.equal(status, 200);
  assert.deepEqual(listed(html), ["2/393380", "1/440", "1/393380"]);
  assert.match(html, /<span title="5,400 s">1\.5 h<\/span>/);
  assert.match(html, /private profile/);
  assert.ok(html.includes(`href="https://steamcommunity.com/profiles/${player(1)}" rel="noreferrer"`));
  assert.ok(
    html.includes(`href="https://www.battlemetrics.com/rcon/players?filter[search]=${player(1)}" rel="noreferrer"`),
  );
  assert.match(html, /aria-sort="descending"><a href="\/admin\/players\/\?sort=created-asc">First seen/);
});

test("the list is searched, filtered and sorted by its address", async () => {
  const cases: [string, string[]][] = [
    [`?q=${player(1)}`, ["1/440", "1/393380"]],
    [`?q=${encodeURIComponent(` "https://steamcommunity.com/profiles/${player(2)}/games?x=1" `)}`, ["2/393380"]],
    ["?q=STEAM_0:0:19867137", ["2/393380"]],
    [`?q=${encodeURIComponent("[U:1:39734274]")}`, ["2/393380"]],
    ["?q=7656119800000", ["1/440", "1/393380", "2/393380"]],
    ["?q=7656119900000", []],
    ["?game=440", ["1/440"]],
    ["?steam=known", ["1/393380"]],
    ["?steam=unknown&battlemetrics=unknown", ["1/440"]],
    ["?status=unchecked", ["2/393380"]],
    ["?sort=battlemetrics-asc", ["2/393380", "1/393380", "1/440"]],
    ["?sort=battlemetrics-desc", ["1/393380", "2/393380", "1/440"]],
    ["?sort=updated-desc", ["1/440", "1/393380", "2/393380"]],
    ["?q=&game=&steam=&battlemetrics=&status=&sort=", ["2/393380", "1/440", "1/393380"]],
  ];
  for (const [search, expected] of cases) {
    const { status, html } = await browser.get(`/admin/players/${search}`);
    assert.deepEqual([status, listed(html)], [200, expected], search);
  }
});

test("the links of a list keep its filter, and the next page goes on behind the last row", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, created_at) select 76561198000001000 + n, 7, '2026-01-01' from generate_series(1, 120) n`;
  let next = "/admin/players/?game=7&sort=id-desc";
  const seen: string[] = [];
  let lastPage = "";
  for (let pages = 1; next !== ""; pages += 1) {
    assert.ok(pages <= 3);
    const { html } = await browser.get(next);
    seen.push(...[...html.matchAll(/class="id">([0-9]+)</g)].map(([, id]) => id ?? ""));
    assert.ok(html.includes('href="/admin/players.csv?game=7&amp;sort=id-desc"'));
    assert.equal(html.includes("First page"), pages > 2);
    assert.match(html, /120 in all/);
    next = (/href="([^"]+)" rel="next"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
    if (next !== "") {
      assert.match(next, /^\/admin\/players\/\?game=7&sort=id-desc&after=/);
      lastPage = next;
    }
  }
  assert.equal(seen.length, 120);
  // And back: by the links, page by page.
  const back = async (path: string) => {
    const { html } = await browser.get(path);
    return {
      ids: [...html.matchAll(/class="id">([0-9]+)</g)].map(([, id]) => id ?? ""),
      previous: (/href="([^"]+)" rel="prev"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&"),
      player: (/href="(\/admin\/players\/[0-9]+\/[^"]*)"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&"),
    };
  };
  const last = await back(lastPage);
  const middle = await back(last.previous);
  const first = await back(middle.previous);
  assert.deepEqual([...first.ids, ...middle.ids, ...last.ids], seen);
  assert.equal(first.previous, "");
  const opened = await browser.get(middle.player);
  assert.ok(opened.html.includes(`<a href="${last.previous.replaceAll("&", "&amp;")}">← Back to the list</a>`));
  assert.equal(new Set(seen).size, 120);
});

test("without players the list says where they come from; a search that finds nobody offers more", async () => {
  await db.sql`truncate playtimes`;
  assert.match((await browser.get("/admin/players/")).html, /They appear with the first delivery or query/);
  assert.match((await browser.get("/admin/players/?game=1")).html, /No player matches/);
  const { html } = await browser.get(`/admin/players/?q=${player(3)}`);
  assert.ok(html.includes(`<a href="/admin/players/${player(3)}/">Ask Steam about this player</a>`));
});

test("a wrong parameter is said on the page, and what was typed stays in the form, harmless", async () => {
  const hostile = [
    "<script>alert(1)</script>",
    `"><img src=x onerror=alert(1)>`,
    "x".repeat(255),
    "\u202eשלום\u202c مرحبا",
    "' or 1=1 --",
    "%00",
    "\0",
    "-1",
    "1e9",
    "\ud800",
    "__proto__",
    "constructor",
  ];
  for (const name of ["q", "game", "steam", "battlemetrics", "status", "sort", "after"])
    for (const value of hostile) {
      const { status, html } = await browser.get(`/admin/players/?${new URLSearchParams({ [name]: value })}`);
      assert.equal(status, 400, `${name}=${value}`);
      assert.match(html, /role="alert"/);
      assert.ok(
        !/<script>|<img src=x|onerror=alert\(1\)>/.test(html.replace(/<script src="[^"]+" defer>/, "")),
        `${name}=${value}`,
      );
    }
  const { html } = await browser.get(`/admin/players/?q=${encodeURIComponent('"><b>')}&game=7`);
  assert.ok(html.includes('value="&quot;&gt;&lt;b&gt;"') && html.includes('value="7"'));
  assert.equal((await browser.get("/admin/players/?unknown=<script>&done=<script>")).status, 200);
  assert.equal((await browser.get("/admin/players/?q=%FF%FE&after=%")).status, 400);
  assert.ok(!service.logText().includes("a page of the panel failed"));
});

test("only a list that an index serves is read again while its page is open", async () => {
  const isLive = async (search: string) =>
    /data-live="players"/.test((await browser.get(`/admin/players/${search}`)).html);
  for (const search of ["", "?sort=id-desc", `?q=${player(1)}`]) assert.equal(await isLive(search), true, search);
  for (const search of ["?game=440", "?sort=steam-desc", "?sort=seen-desc"])
    assert.equal(await isLive(search), false, search);
});

test("a profile of BattleMetrics is answered with a sentence: its number is no Steam ID", async () => {
  for (const address of ["https://www.battlemetrics.com/rcon/players/123456789", "battlemetrics.com/players/123"]) {
    const { status, html } = await browser.get(`/admin/players/?q=${encodeURIComponent(address)}`);
    assert.equal(status, 400);
    assert.match(html, /its number is not a Steam ID/);
  }
});

test("the address of a profile with a name is looked up by Steam, once, and the ID searched for", async () => {
  steam.states = { name: { raw: `{"response":{"success":1,"steamid":"${player(2)}"}}` } };
  const search = (name: string) =>
    `/admin/players/?game=${squad}&q=${encodeURIComponent(`https://steamcommunity.com/id/${name}/`)}`;
  const { status, headers } = await browser.get(search("somebody"));
  assert.deepEqual([status, headers.get("location")], [303, `/admin/players/?q=${player(2)}&game=${squad}`]);
  assert.equal(steam.calls.length, 1);
  steam.states = {};
  assert.match((await browser.get(search("nobody"))).html, /Steam knows no profile with that name/);
  steam.states = { name: { status: 404 } };
  assert.match((await browser.get(search("nobody"))).html, /Steam could not be asked/);
  const other = await signIn(withoutKey);
  assert.match((await other.get(search("somebody"))).html, /there is no Steam key/);
});

test("the pages speak Russian too", async () => {
  const russian = await signIn(service, "ru");
  const { html } = await russian.get("/admin/players/");
  for (const part of ["Игроки", "Добавлен", "Выгрузить CSV", "профиль закрыт", "1,5 ч"])
    assert.ok(html.includes(part), part);
  assert.match((await russian.get(`/admin/players/${player(1)}/`)).html, /5 400 секунд|5\u00a0400 секунд/);
});
