import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "../../src/database/connect.ts";
import { DatabaseProblem } from "../../src/database/problem.ts";
import { checkTimes } from "../../src/database/times.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
before(async () => {
  db = await createTestDatabase({ empty: true });
});
after(() => db.drop());

test("a session in UTC passes, whatever its name", async () => {
  for (const zone of ["UTC", "GMT"]) {
    const sql = createClient(db.address, 1);
    await sql.unsafe(`set timezone = '${zone}'`);
    await checkTimes(sql);
    await sql.end();
  }
});

test("a session that writes times otherwise is refused, with what to do", async () => {
  for (const setting of ["timezone = 'Europe/Moscow'", "timezone = 'Europe/London'", "datestyle = 'German'"]) {
    const sql = createClient(db.address, 1);
    await sql.unsafe(`set ${setting}`);
    await assert.rejects(checkTimes(sql), (error) => {
      assert.ok(error instanceof DatabaseProblem);
      assert.match(error.message, /tells times as TimeZone .*ALTER ROLE <the user> SET TimeZone = 'UTC'/);
      return true;
    });
    await sql.end();
  }
});
