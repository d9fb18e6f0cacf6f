import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { timeText } from "../../src/admin/players.ts";
import { Malformed } from "../../src/parse.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createBrowser, setPanelPassword } from "../support/panel.ts";
import {
  deliverySignature,
  insertConnections,
  post,
  secrets,
  startTestService,
  type TestService,
} from "../support/service.ts";
import { type SteamStub, startSteamStub } from "../support/steam-stub.ts";

const squad = 393_380;
const player = (number: number) => String(76561198000000000n + BigInt(number));

let db: TestDatabase;
let steam: SteamStub;
let service: TestService;
let withoutKey: TestService;
let browser: Browser;

/** Somebody who has signed in, and whose forms lead to the page behind them. */
async function signIn(to: TestService, language = "en") {
  const { get, post, signIn, cookies } = createBrowser(to, { "accept-language": language });
  await signIn();
  return {
    get,
    submit: async (path: string, form: Record<string, string>) => {
      const answer = await post(path, form);
      return answer.location === null ? answer : get(answer.location);
    },
    cookie: [...cookies].map((cookie) => cookie.join("=")).join("; "),
  };
}
type Browser = Awaited<ReturnType<typeof signIn>>;

before(async () => {
  [db, steam] = await Promise.all([createTestDatabase(), startSteamStub()]);
  await Promise.all([insertConnections(db), setPanelPassword(db)]);
  const config = {
    STEAM: { KEY: "key", API_URL: steam.url, CALLS_PER_SECOND: 1_000 },
  };
  service = await startTestService(db, { config });
  withoutKey = await startTestService(db, { config: { ...config, STEAM: { KEY: "" } } });
  browser = await signIn(service);
});
after(async () => {
  await service.stop();
  await withoutKey.stop();
  await steam.stop();
  await db.drop();
});
beforeEach(async () => {
  steam.calls.length = 0;
  steam.states = {};
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at) values
      (${player(1)}, ${squad}, 3600, 'ok', '2026-01-02T03:04:05.678Z', 5400, '2026-01-02T03:04:06Z', '2026-01-01T00:00:00Z', '2026-01-02T03:04:06Z'),
      (${player(1)}, 440, null, 'private', '2026-01-02T03:04:05.678Z', null, null, '2026-01-02T00:00:00Z', '2026-01-03T03:04:06Z'),
      (${player(2)}, ${squad}, null, 'unchecked', null, 60, '2026-01-02T03:04:06Z', '2026-01-03T00:00:00Z', '2026-01-01T03:04:06Z')`;
});
afterEach(() => db.sql`truncate playtimes`);

const row = async (steamId: string, gameId = squad) =>
  (
    await db.sql`
      select steam_seconds as steam, steam_status as status, steam_checked_at as checked, bm_seconds as bm, bm_signed_at as signed
      from playtimes where steam_id = ${steamId} and game_id = ${gameId}`
  )[0];

/** The players of a list, in its order: the last digit of the ID and the game. */
const listed = (text: string) =>
  [...text.matchAll(/class="id">7656119800000000([0-9])<\/a>.*?<\/td>\s*<td[^>]*>([0-9]+)</g)].map(
    ([, id, game]) => `${id}/${game}`,
  );

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
  for (let pages = 1; next !== ""; pages += 1) {
    assert.ok(pages <= 3);
    const { html } = await browser.get(next);
    seen.push(...[...html.matchAll(/class="id">([0-9]+)</g)].map(([, id]) => id ?? ""));
    assert.ok(html.includes('href="/admin/players.csv?game=7&amp;sort=id-desc"'));
    assert.equal(html.includes("First page"), pages > 1);
    next = (/href="([^"]+)" rel="next"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
    if (next !== "") assert.match(next, /^\/admin\/players\/\?game=7&sort=id-desc&after=/);
  }
  assert.equal(seen.length, 120);
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

test("a player's page shows all games; one that nobody knows is said to be unknown", async () => {
  const { status, html } = await browser.get(`/admin/players/${player(1)}/`);
  assert.equal(status, 200);
  for (const part of [
    "Game 393380",
    "Game 440",
    "5,400 seconds",
    "private profile",
    'value="5400"',
    "Delete this player",
  ])
    assert.ok(html.includes(part), part);
  const unknown = await browser.get(`/admin/players/${player(9)}/`);
  assert.equal(unknown.status, 404);
  assert.match(unknown.html, /Nothing is known about this player yet/);
  assert.ok(!unknown.html.includes("Delete this player"));
  for (const id of ["1", "<script>", "%00", "%", "x".repeat(255), "77561198000000001"])
    assert.equal((await browser.get(`/admin/players/${id.replace("<", "%3C")}/`)).status, 404, id);
});

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

test("a name that Steam told stands beside the ID, in the list and on the player's page, as text", async () => {
  await db.sql`insert into player_names values (${player(1)}, '<b>Anna</b>', now())`;
  for (const page of ["/admin/players/", `/admin/players/${player(1)}/`])
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
  assert.doesNotMatch(await page(), /Day by day|No time was counted/);
  await db.sql`update playtimes set seen_at = now() where steam_id = ${player(1)} and game_id = ${squad}`;
  assert.match(await page(), /No time was counted in the last 90 days/);
  const dayOf = (back: number) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
  await db.sql`
    insert into playtime_days values (${player(1)}, ${squad}, ${dayOf(1)}, 3600), (${player(1)}, ${squad}, ${dayOf(20)}, 7200),
      (${player(1)}, ${squad}, ${dayOf(80)}, 1800), (${player(1)}, 440, ${dayOf(1)}, 99999)`;
  const html = await page();
  assert.match(html, /aria-label="last 7 days: 1 h, last 30 days: 3 h, last 90 days: 3\.5 h"/);
  assert.equal([...html.matchAll(/<rect class="accepted"/g)].length, 3);
  assert.ok(html.includes(`<title>${dayOf(20)}: 2 h</title>`));
  assert.equal([...html.matchAll(/<tr><td>\d{4}-\d\d-\d\d – \d{4}-\d\d-\d\d<\/td>/g)].length, 13);
  await db.sql`truncate playtime_days`;
});

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

test("the CSV holds the players of the filter; a wrong filter leads back to the list that says so", async () => {
  const { status, headers, html } = await browser.get(`/admin/players.csv?game=${squad}&steam=known&q=7656119800`);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/csv; charset=utf-8");
  assert.match(headers.get("content-disposition") ?? "", /^attachment; filename="players-\d{4}-\d\d-\d\d\.csv"$/);
  assert.equal(
    html,
    [
      "steam_id,game_id,steam_seconds,steam_status,steam_checked_at,bm_seconds,bm_signed_at,created_at,updated_at,org_seconds,org_signed_at,seen_at,steam_hours,bm_hours",
      `${player(1)},${squad},3600,ok,2026-01-02T03:04:05.678Z,5400,2026-01-02T03:04:06.000Z,2026-01-01T00:00:00.000Z,2026-01-02T03:04:06.000Z,,,,1,1.5`,
      "",
    ].join("\n"),
  );
  assert.equal((await browser.get("/admin/players.csv")).html.split("\n").length, 5);
  for (const [sort, ids] of [
    ["id-desc", ["2", "1", "1"]],
    ["id-asc", ["1", "1", "2"]],
    ["updated-desc", undefined],
  ] as const) {
    const list = listed((await browser.get(`/admin/players/?sort=${sort}`)).html);
    const rows = (await browser.get(`/admin/players.csv?sort=${sort}`)).html.trim().split("\n").slice(1);
    const exported = rows.map((row) => row.split(",")).map(([id = "", game]) => `${id.at(-1)}/${game}`);
    assert.deepEqual(exported, list, sort);
    if (ids)
      assert.deepEqual(
        exported.map((one) => one[0]),
        ids,
      );
  }
  const excel = await browser.get("/admin/players.csv?for=spreadsheet");
  assert.equal(excel.headers.get("content-type"), "text/csv; charset=utf-16le");
  const wrong = await browser.get("/admin/players.csv?game=x");
  assert.deepEqual([wrong.status, wrong.headers.get("location")], [303, "/admin/players/?game=x"]);
});

test("a client that goes away during an export ends its transaction", async () => {
  await db.sql`insert into playtimes (steam_id, game_id) select 76561198000001000 + n, 1 from generate_series(1, 100000) n`;
  const open = async () =>
    (
      await db.sql`
        select from pg_stat_activity where datname = ${db.name} and xact_start is not null and pid <> pg_backend_pid()`
    ).length;
  const request = get(`${service.url}/admin/players.csv`, { headers: { cookie: browser.cookie } });
  const [response] = await once(request, "response");
  await once(response, "data");
  response.pause();
  assert.equal(await open(), 1);
  request.destroy();
  for (let wait = 0; wait < 100 && (await open()) > 0; wait += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await open(), 0);
});

test("the pages speak Russian too", async () => {
  const russian = await signIn(service, "ru");
  const { html } = await russian.get("/admin/players/");
  for (const part of ["Игроки", "Впервые замечен", "Выгрузить CSV", "профиль закрыт", "1,5 ч"])
    assert.ok(html.includes(part), part);
  assert.match((await russian.get(`/admin/players/${player(1)}/`)).html, /5 400 секунд|5\u00a0400 секунд/);
});
