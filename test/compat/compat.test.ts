import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertConnections } from "../support/service.ts";
import { type SteamStub, startSteamStub } from "../support/steam-stub.ts";
import { type Case, cases, type Row, recordedConnections, replay, rowsOf, type Times } from "./replay.ts";

let db: TestDatabase;
let steam: SteamStub;

before(async () => {
  [db, steam] = await Promise.all([createTestDatabase(), startSteamStub()]);
  await insertConnections(db, recordedConnections);
});
after(async () => {
  await steam.stop();
  await db.drop();
});

test("there are 177 recorded cases", () => assert.equal(cases.length, 177));

for (const recorded of cases) test(recorded.name, () => replay(recorded, { db, steam, storeRows }));

test("a wrong answer planted in a case makes it fail", async () => {
  const planted = (name: string, change: (copy: Case) => unknown) => {
    const copy = structuredClone(cases.find((one) => one.name === name));
    assert.ok(copy);
    change(copy);
    return assert.rejects(replay(copy, { db, steam, storeRows }), assert.AssertionError);
  };
  await planted("bm/ok playtime string", (copy) => Object.assign(copy.want, { status: 400 }));
  await planted("bm/ok playtime string", (copy) => plant(rowsOf(copy.original.rows_after)[0], { bm_playtime: 7201 }));
  await planted("get/3 ids known, asked in other order", (copy) =>
    plant((copy.original.body as Times[])[0], { steam_playtime: 301 }),
  );
  await planted("get/update: 120 ids", (copy) => plant(copy.want.rows?.[119], { steam_playtime: 601 }));
});

function plant(row: Times | undefined, wrong: Partial<Times>): void {
  assert.ok(row);
  Object.assign(row, wrong);
}

async function storeRows(rows: Row[]): Promise<void> {
  await db.sql`truncate playtimes`;
  for (const row of rows) {
    const status = row.steam_playtime !== null ? "ok" : row.bm_playtime !== null ? "unchecked" : "private";
    const checked = status === "private" ? new Date().toISOString() : status === "ok" ? row.updated_at : null;
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, created_at, updated_at)
      values (${row.steam_id}, ${row.game_id}, ${row.steam_playtime}, ${status}, ${checked}, ${row.bm_playtime}, ${row.created_at}, ${row.updated_at})`;
  }
}
