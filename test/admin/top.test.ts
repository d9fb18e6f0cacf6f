import assert from "node:assert/strict";
import { test } from "node:test";
import { createBrowser, textOf } from "../support/panel.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { signedInPanel } from "../support/signed-in.ts";

const player = (number: number) => String(76561198000000000n + BigInt(number));
const now = new Date("2026-03-31T12:00:00Z");
const dayOf = (back: number) => new Date(now.getTime() - back * 86_400_000).toISOString().slice(0, 10);
const HISTORY = { TIME_ZONE: "UTC", KEEP_DAYS: 400 };

const { db, service, browser } = await signedInPanel({ config: { HISTORY }, now: () => now });

/** Last digits of the IDs, with the hours. */
const listed = (html: string) =>
  [
    ...html.matchAll(/class="id">\d+(\d)<\/a>.*?<\/td>\s*<td data-label="Played" class="number"><span[^>]*>([^<]+)</g),
  ].map(([, id, hours]) => `${id}: ${hours}`);

test("before any day is stored the page says when days begin", async () => {
  const { status, html } = await browser.get("/admin/top/");
  assert.equal(status, 200);
  assert.match(textOf(html), /once two deliveries about the player have come/);
});

test("the page shows who played most in the days that are chosen, in one game, with names and when they were seen", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at, seen_at)
    select 76561198000000000 + n, 10, 1, ${now.toISOString()}, ${new Date(now.getTime() - 7_200_000).toISOString()} from generate_series(1, 3) n`;
  await db.sql`
    insert into playtime_days values (${player(1)}, 10, ${dayOf(0)}, 3600), (${player(2)}, 10, ${dayOf(6)}, 7200),
      (${player(2)}, 10, ${dayOf(7)}, 3600), (${player(3)}, 10, ${dayOf(89)}, 36000), (${player(3)}, 20, ${dayOf(1)}, 1800)`;
  await db.sql`insert into player_names values (${player(1)}, '<b>Anna</b>', now())`;
  const cases: [string, string[]][] = [
    ["", ["2: 3 h", "1: 1 h"]],
    ["?days=7", ["2: 2 h", "1: 1 h"]],
    ["?days=90", ["3: 10 h", "2: 3 h", "1: 1 h"]],
    ["?days=1&game=10", ["1: 1 h"]],
    ["?game=20", ["3: 0.5 h"]],
    ["?game=30", []],
    [`?from=${dayOf(89)}&to=${dayOf(7)}`, ["3: 10 h", "2: 1 h"]],
    [`?from=${dayOf(6)}`, ["2: 2 h", "1: 1 h"]],
    [`?to=${dayOf(80)}&days=7`, ["3: 10 h"]],
    [`?from=${dayOf(0)}&to=${dayOf(0)}&game=`, ["1: 1 h"]],
  ];
  for (const [search, expected] of cases) {
    const { status, html } = await browser.get(`/admin/top/${search}`);
    assert.deepEqual([status, listed(html)], [200, expected], search);
  }
  const { html } = await browser.get("/admin/top/?days=7");
  assert.match(html, /<bdi>&lt;b&gt;Anna&lt;\/b&gt;<\/bdi>/);
  assert.match(html, /2 h ago/);
  assert.match(html, /href="\/admin\/top\/\?days=7" aria-current="true">7 days</);
  assert.ok(html.includes(`Game 10, ${dayOf(6)} – ${dayOf(0)}`));
  assert.ok(html.includes('href="/admin/top/?days=7&amp;game=20"'), "another game keeps the days");
  assert.match((await browser.get("/admin/top/?game=30")).html, /No time is known for these days/);
});

test("without a choice the game is shown that most played in the last month", async () => {
  await db.sql`
    insert into playtime_days select 76561198000000000 + n, 20, current_date - 1, 60 from generate_series(4, 5) n`;
  assert.match((await browser.get("/admin/top/")).html, /<h2>Game 20,/);
  await db.sql`delete from playtime_days where steam_id in (${player(4)}, ${player(5)})`;
  assert.match((await browser.get("/admin/top/")).html, /<h2>Game 10,/);
});

test("days and games that are none are refused with a sentence, and what was typed is harmless", async () => {
  const hostile = [
    "<script>alert(1)</script>",
    '"><img src=x>',
    "x".repeat(500),
    "' or 1=1 --",
    "\0",
    "-1",
    "1e2",
    "2026-02-30",
  ];
  for (const name of ["days", "from", "to", "game"])
    for (const value of hostile) {
      const { status, html } = await browser.get(`/admin/top/?${new URLSearchParams({ [name]: value })}`);
      assert.equal(status, 400, `${name}=${value}`);
      assert.match(html, /role="alert"/);
      assert.ok(!/<script>|<img src=x/.test(html), `${name}=${value}`);
    }
  for (const search of [
    "days=0",
    "days=401",
    `from=${dayOf(1)}&to=${dayOf(2)}`,
    "from=2020-01-01",
    `from=${dayOf(0)}&to=9999-12-31`,
  ])
    assert.match(
      (await browser.get(`/admin/top/?${search}`)).html,
      /Choose two dates, .* at most 400 days apart/,
      search,
    );
  assert.ok(!service.logText().includes("a page of the panel failed"));
});

test("it speaks Russian, and offers only days that are kept", async () => {
  const russian = await browser.get("/admin/top/", { "accept-language": "ru" });
  for (const part of ["Топ", "Наиграно", "Игра 10", "90 дней"]) assert.ok(russian.html.includes(part), part);
  for (const [keepDays, expected] of [
    [8, /7 days/],
    [3, /Game 10, 2026-03-29/],
    [0, /Daily times are switched off/],
  ] as const) {
    const other = await startTestService(db, {
      config: { HISTORY: { ...HISTORY, KEEP_DAYS: keepDays } },
      now: () => now,
    });
    try {
      const { status, html } = await browserOn(other);
      assert.equal(status, 200);
      assert.match(html, expected);
      assert.doesNotMatch(html, /30 days/);
    } finally {
      await other.stop();
    }
  }
});

async function browserOn(other: TestService) {
  const visitor = createBrowser(other);
  await visitor.signIn();
  return visitor.get("/admin/top/");
}
