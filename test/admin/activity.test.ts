import assert from "node:assert/strict";
import { test } from "node:test";
import { createBrowser, textOf } from "../support/panel.ts";
import { startTestService } from "../support/service.ts";
import { signedInPanel } from "../support/signed-in.ts";

const player = (number: number) => String(76561197960265728n + BigInt(number));
const now = new Date("2026-03-31T12:00:00Z");
const dayOf = (back: number) => new Date(now.getTime() - back * 86_400_000).toISOString().slice(0, 10);
const HISTORY = { TIME_ZONE: "UTC", KEEP_DAYS: 400 };

const { db, service, browser } = await signedInPanel({
  fill: async (db) => {
    await db.sql`
    insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at, seen_at)
    select 76561197960265728 + n, 10, 1, ${now.toISOString()}, ${now.toISOString()}::timestamptz - n * interval '1 hour' from generate_series(1, 4) n`;
    await db.sql`
    insert into playtime_days values (${player(1)}, 10, ${dayOf(0)}, 3600), (${player(1)}, 10, ${dayOf(20)}, 3600),
      (${player(2)}, 10, ${dayOf(80)}, 7200), (${player(3)}, 10, ${dayOf(100)}, 7200), (${player(2)}, 20, ${dayOf(1)}, 1800)`;
    await db.sql`insert into player_names values (${player(1)}, '<b>Anna</b>', now())`;
  },
  config: { HISTORY },
  now: () => now,
});

const stored = () => db.sql`
  select 'playtimes' as of, count(*)::int from playtimes union all select 'days', count(*)::int from playtime_days
  union all select 'names', count(*)::int from player_names union all select 'settings', count(*)::int from panel_settings`;
const address = (ids: string, more: Record<string, string> = {}) =>
  `/admin/activity/?${new URLSearchParams({ ids, ...more })}`;
/** The number of each player's account, with what stands in the row. */
const listed = (html: string) =>
  [...html.matchAll(/<tr>\s*(<td data-label="Player">.*?)<\/tr>/gs)].map(([, row]) => {
    const [id = "", ...rest] = textOf(row ?? "").split(" ");
    return `${BigInt(id) - 76561197960265728n}: ${rest.join(" ")}`;
  });

test("a list shows the windows and when each was last seen, least active first; whom nobody knows is named", async () => {
  const { status, html } = await browser.get(address([1, 2, 3, 4, 9].map(player).join("\n")));
  assert.equal(status, 200);
  assert.deepEqual(listed(html), [
    "4: 0 h 0 h 0 h 4 h ago",
    "3: 0 h 0 h 0 h 3 h ago",
    "2: 0 h 0 h 2 h 2 h ago",
    "1: <b>Anna</b> 1 h 2 h 2 h 1 h ago",
  ]);
  assert.match(html, /<bdi>&lt;b&gt;Anna&lt;\/b&gt;<\/bdi>/);
  assert.match(textOf(html), new RegExp(`BattleMetrics has sent nothing yet about ${player(9)}`));
});

test("every form of an ID counts, each player once, and a line without one is named", async () => {
  const text = [
    `Admin=${player(1)}:Admin // Anna`,
    "STEAM_0:0:1",
    "[U:1:3] https://example.org",
    `https://steamcommunity.com/profiles/${player(4)}/`,
    player(2),
    "# only a comment",
    '<script>alert(1)</script> "nobody"',
  ].join("\r\n");
  const { html } = await browser.get(address(text));
  assert.deepEqual(
    listed(html)
      .map((one) => one[0])
      .sort(),
    ["1", "2", "3", "4"],
  );
  assert.match(textOf(html), /No Steam ID was found in <script>alert\(1\)<\/script> "nobody"/);
  assert.ok(!html.includes("<script>alert"));
});

test("what is pasted leads to an address that holds the IDs, so that it can be a bookmark, and nothing is stored", async () => {
  const before = await stored();
  const pasted = await browser.postAndFollow("/admin/activity/", {
    ids: `STEAM_0:1:0 # Anna\n${"nobody ".repeat(9)}`,
    game: "",
  });
  assert.match(pasted.html, new RegExp(`>\n${player(1)}\nnobody`), "the form holds the list");
  const { location } = await browser.post("/admin/activity/", { ids: "STEAM_0:1:0\n[U:1:2]", game: "20" });
  assert.equal(location, `/admin/activity/?ids=${player(1)}%0A${player(2)}&game=20`);
  assert.match((await browser.get(location ?? "")).html, /<h2>Game 20<\/h2>/);
  const hundred = Array.from(
    { length: 100 },
    (_, index) => `https://steamcommunity.com/profiles/${player(index + 1)}/ // имя`,
  );
  const long = await browser.postAndFollow("/admin/activity/", { ids: hundred.join("\r\n") });
  assert.equal(long.status, 200);
  assert.equal(listed(long.html).length, 4);
  assert.deepEqual(await stored(), before);
});

test("the table can be downloaded", async () => {
  const { html } = await browser.get(address(`${player(1)} ${player(9)}`));
  const csv = (/href="(\/admin\/activity\.csv[^"]+)"/.exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
  const { status, headers, html: text } = await browser.get(csv);
  assert.equal(status, 200);
  assert.equal(headers.get("content-disposition"), 'attachment; filename="activity-2026-03-31.csv"');
  assert.equal(
    text,
    `steam_id,seconds_7_days,seconds_30_days,seconds_90_days,last_seen\n${player(9)},,,,\n${player(1)},3600,7200,7200,2026-03-31T11:00:00.000Z\n`,
  );
  for (const wrong of ["", "?ids=nobody", `?ids=${player(1)}&game=x`])
    assert.match(
      (await browser.get(`/admin/activity.csv${wrong}`)).location ?? "",
      /^\/admin\/activity\/\?ids=/,
      wrong,
    );
});

test("a list without an ID, a longer one and a game that is none are refused with a sentence; hostile text stays text", async () => {
  const many = Array.from({ length: 101 }, (_, index) => player(index + 1)).join("\n");
  const cases: [Record<string, string>, RegExp][] = [
    [{ ids: "nobody" }, /no Steam ID in this text/],
    [{ ids: '</textarea><script>alert(1)</script>"\0\u202e' }, /no Steam ID in this text/],
    [{ ids: many }, /holds 101 Steam IDs\. At most 100/],
    [{ ids: player(1), game: "<script>alert(1)</script>" }, /number of a Steam app/],
    [{ ids: player(1), game: "-1" }, /number of a Steam app/],
  ];
  for (const [form, expected] of cases)
    for (const { status, html } of [
      await browser.get(`/admin/activity/?${new URLSearchParams(form)}`),
      await browser.post("/admin/activity/", form),
    ]) {
      assert.equal(status, 400, JSON.stringify(form).slice(0, 80));
      assert.match(html, expected);
      assert.match(html, /role="alert"/);
      assert.ok(!html.includes("<script>alert") && !html.includes("</textarea><script"));
    }
  assert.equal((await browser.get("/admin/activity/?ids=%FF%FE&game=%")).status, 400);
  assert.equal((await browser.get("/admin/activity/")).status, 200);
  assert.equal((await browser.post("/admin/activity/", { ids: "x".repeat(70_000) })).status, 413);
  assert.ok(!service.logText().includes("a page of the panel failed"));
});

test("it speaks Russian, and says when no days are kept", async () => {
  const { html } = await browser.get(address(player(1)), { "accept-language": "ru" });
  for (const part of ["Активность по списку", "90 дней", "Последний раз в игре"]) assert.ok(html.includes(part), part);
  const other = await startTestService(db, { config: { HISTORY: { ...HISTORY, KEEP_DAYS: 0 } }, now: () => now });
  try {
    const visitor = createBrowser(other);
    await visitor.signIn();
    const answer = await visitor.get(address(player(1)));
    assert.equal(answer.status, 200);
    assert.match(answer.html, /Daily times are switched off/);
  } finally {
    await other.stop();
  }
});
