import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createBrowser, setPanelPassword, textOf } from "../support/panel.ts";
import { startTestService, type TestService } from "../support/service.ts";

const player = (number: number) => String(76561198000000000n + BigInt(number));
let time = new Date("2026-03-31T12:00:00Z");
const dayOf = (back: number) => new Date(Date.parse("2026-03-31") - back * 86_400_000).toISOString().slice(0, 10);

let db: TestDatabase;
let service: TestService;

before(async () => {
  db = await createTestDatabase();
  await setPanelPassword(db);
  service = await startTestService(db, { config: { HISTORY: { TIME_ZONE: "UTC", KEEP_DAYS: 400 } }, now: () => time });
});
after(async () => {
  await service.stop();
  await db.drop();
});

async function overview(of = service, language = "en") {
  const browser = createBrowser(of, { "accept-language": language });
  await browser.signIn();
  return (await browser.get("/admin/")).html;
}

test("without days the overview says that there are no daily times", async () => {
  assert.match(await overview(), /There are no daily times of the last 30 days/);
});

test("it shows how many players were active on each day and how long they played, as bars and as a table", async () => {
  await db.sql`
    insert into playtime_days values (${player(1)}, 10, ${dayOf(0)}, 3600), (${player(1)}, 20, ${dayOf(0)}, 1800),
      (${player(2)}, 10, ${dayOf(0)}, 3600), (${player(3)}, 10, ${dayOf(29)}, 9000), (${player(4)}, 10, ${dayOf(30)}, 3600)`;
  // What was read a moment ago is shown for a minute.
  assert.match(await overview(), /There are no daily times/);
  time = new Date(time.getTime() + 61_000);
  const html = await overview();
  assert.match(html, /aria-label="Active players per day: 0\.1 on average, over 30 days"/);
  assert.match(html, /aria-label="Time played per day: 0\.2 h on average, over 30 days"/);
  assert.ok(html.includes(`<title>${dayOf(0)}: 2 (still running)</title>`), "a player of two games counts once");
  assert.ok(html.includes(`<title>${dayOf(0)}: 2.5 h (still running)</title>`));
  assert.ok(html.includes(`${dayOf(29)}</time></td><td>2.5 h</td></tr>`));
  assert.match(html, /<div class="scale" aria-hidden="true"><span>4 h<\/span><span>2 h<\/span><span>0<\/span>/);
  assert.ok(!html.includes(dayOf(30)));
  assert.match(await overview(service, "ru"), /Активные игроки по дням: в среднем 0,1, за 30 дней/);
});

test("deliveries are shown for 24 hours, 7 days or 30 days, with the values of each part", async () => {
  time = new Date("2026-03-31T12:30:00Z");
  await db.sql`
    insert into hourly_counts values ('2026-03-31T12:00:00Z', 'battlemetrics', 'bm', 'accepted', 5),
      ('2026-03-31T11:00:00Z', 'battlemetrics', 'bm', 'refused', 2), ('2026-03-28T11:00:00Z', 'battlemetrics', 'bm', 'accepted', 7),
      ('2026-03-03T00:00:00Z', 'battlemetrics', 'bm', 'accepted', 90), ('2026-03-01T23:00:00Z', 'battlemetrics', 'bm', 'accepted', 1000)`;
  const browser = createBrowser(service);
  await browser.signIn();
  const shown = async (range: string) => (await browser.get(`/admin/${range}`)).html;
  const day = await shown("");
  assert.match(day, /aria-label="Deliveries, 24 hours: accepted 5, refused 2"/);
  assert.match(day, /<title>11:00\P{L}+12:00 UTC: accepted 0, refused 2<\/title>/u);
  assert.match(day, /class="running"><title>[^<]+accepted 5, refused 0 \(still running\)/);
  assert.match(day, /<details id="values-battlemetrics">/);
  assert.match(await shown("?range=7d"), /aria-label="Deliveries, 7 days: accepted 12, refused 2"/);
  assert.match(await shown("?range=30d"), /aria-label="Deliveries, 30 days: accepted 102, refused 2"/);
  assert.match(await shown("?range=constructor"), /aria-label="Deliveries, 24 hours/);
  assert.match(
    day,
    /Queries<\/h2><p class="quiet">24 hours: accepted 0, refused 0<\/p><p class="empty">No data yet\.<\/p>/,
  );
});

test("names stand beside the newest players, as text", async () => {
  await db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (${player(1)}, 10, 60)`;
  await db.sql`insert into player_names values (${player(1)}, '<b>Anna</b>', now())`;
  assert.match(await overview(), /<bdi>&lt;b&gt;Anna&lt;\/b&gt;<\/bdi>/);
});

test("known players are people, whatever they play; the newest name the game once there are two", async () => {
  await db.sql`truncate playtimes`;
  await db.sql`insert into playtimes (steam_id, game_id) values (${player(1)}, 393380), (${player(2)}, 393380)`;
  const fresh = async () => {
    time = new Date(time.getTime() + 61_000);
    return textOf(await overview());
  };
  assert.match(await fresh(), /Known players 2 /);
  assert.doesNotMatch(await fresh(), /Player Game Steam/);
  await db.sql`insert into playtimes (steam_id, game_id) values (${player(2)}, 440)`;
  assert.match(await fresh(), /Known players 2 .*Player Game Steam .*Squad/);
});

test("without days kept it has no such charts", async () => {
  const other = await startTestService(db, { config: { HISTORY: { TIME_ZONE: "UTC", KEEP_DAYS: 0 } } });
  try {
    assert.doesNotMatch(await overview(other), /Active players/);
  } finally {
    await other.stop();
  }
});
