import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertConnections, startTestService } from "../support/service.ts";
import { type Case, type Row, recordedConnections, send } from "./replay.ts";

/*
 * What scripts are answered about the last days, to the byte, and every way to ask wrongly; made like the recorded cases of
 * the Django service, which knew no days. The clock stands at noon of 10 July 2026, UTC.
 */

type DayCase = Pick<Case, "name" | "request"> & {
  settings: { KEEP_DAYS?: number };
  rows_before: (Row & { seen_at: string | null })[];
  days_before: { steam_id: string; game_id: number; day: string; seconds: number }[];
  want: { status: number; body?: string; code?: string; detail?: string; allow?: string };
};

const cases: DayCase[] = JSON.parse(readFileSync(new URL("days.json", import.meta.url), "utf8"));
let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
  await insertConnections(db, recordedConnections);
});
after(() => db.drop());

test("each case has its own name", () => assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length));

for (const one of cases)
  test(one.name, async () => {
    await store(one);
    const service = await startTestService(db, {
      now: () => new Date("2026-07-10T12:00:00Z"),
      config: { HISTORY: { TIME_ZONE: "UTC", KEEP_DAYS: 400, ...one.settings } },
    });
    try {
      const { want } = one;
      const answer = await send(service.port, one);
      assert.equal(answer.status, want.status, answer.text);
      assert.equal(answer.allow, want.allow);
      if (want.body !== undefined) return assert.equal(answer.text, want.body);
      const { code, detail } = JSON.parse(answer.text);
      assert.equal(code, want.code);
      if (want.detail === undefined) assert.match(detail, /\w.*\.$/s);
      else assert.equal(detail, want.detail);
    } finally {
      await service.stop();
    }
  });

async function store({ rows_before, days_before }: DayCase): Promise<void> {
  await db.sql`truncate playtimes, playtime_days`;
  for (const row of rows_before)
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds, bm_signed_at, seen_at, created_at, updated_at)
      values (${row.steam_id}, ${row.game_id}, ${row.steam_playtime}, ${row.steam_playtime === null ? "unchecked" : "ok"},
        ${row.bm_playtime}, ${row.seen_at}, ${row.seen_at}, ${row.created_at}, ${row.updated_at})`;
  for (const { steam_id, game_id, day, seconds } of days_before)
    await db.sql`insert into playtime_days values (${steam_id}, ${game_id}, ${day}, ${seconds})`;
}
