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

test("without days the overview says that no time was counted", async () => {
  assert.match(await overview(), /No time was counted in the last 30 days/);
});

test("it shows how many players were active on each day and how long they played, as bars and as a table", async () => {
  await db.sql`
    insert into playtime_days values (${player(1)}, 10, ${dayOf(0)}, 3600), (${player(1)}, 20, ${dayOf(0)}, 1800),
      (${player(2)}, 10, ${dayOf(0)}, 3600), (${player(3)}, 10, ${dayOf(29)}, 9000), (${player(4)}, 10, ${dayOf(30)}, 3600)`;
  // What was read a moment ago is shown for a minute.
  assert.match(await overview(), /No time was counted/);
  time = new Date(time.getTime() + 61_000);
  const html = await overview();
  assert.match(html, /aria-label="Active players a day: 0\.1 on average, over 30 days"/);
  assert.match(html, /aria-label="Time played a day: 0\.2 h on average, over 30 days"/);
  assert.ok(html.includes(`<title>${dayOf(0)}: 2</title>`), "a player of two games counts once");
  assert.ok(html.includes(`<title>${dayOf(0)}: 2.5 h</title>`));
  assert.match(textOf(html), /at most 2 a day .*at most 2\.5 h a day/);
  assert.ok(html.includes(`<tr><td>${dayOf(29)}</td><td class="number">1</td><td class="number">2.5 h</td></tr>`));
  assert.ok(!html.includes(dayOf(30)));
  assert.match(await overview(service, "ru"), /Активные игроки по дням: в среднем 0,1, за 30 дней/);
});

test("names stand beside the newest players, as text", async () => {
  await db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (${player(1)}, 10, 60)`;
  await db.sql`insert into player_names values (${player(1)}, '<b>Anna</b>', now())`;
  assert.match(await overview(), /<bdi>&lt;b&gt;Anna&lt;\/b&gt;<\/bdi>/);
});

test("without days kept it has no such charts", async () => {
  const other = await startTestService(db, { config: { HISTORY: { TIME_ZONE: "UTC", KEEP_DAYS: 0 } } });
  try {
    assert.doesNotMatch(await overview(other), /Active players/);
  } finally {
    await other.stop();
  }
});
