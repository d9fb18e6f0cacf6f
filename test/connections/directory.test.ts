import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { openDirectory } from "../../src/connections/directory.ts";
import type { Call } from "../../src/http/call.ts";
import { Refusal } from "../../src/http/refusal.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { insertConnections, memoryLog } from "../support/service.ts";

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate connections`;
});

const call = (param: string | undefined): Call => ({
  method: "POST",
  path: "",
  search: () => "",
  headers: {},
  remoteAddress: () => "",
  param,
  body: async () => Buffer.alloc(0),
  facts: {},
});

test("the directory finds a connection without regard to case, of its kind only", async () => {
  await insertConnections(db, [
    { kind: "battlemetrics", path: "ёж", secret: "s", enabled: true, fixedGameId: 5 },
    { kind: "script", path: "off", secret: "s", enabled: false, fixedGameId: null },
  ]);
  const directory = await openDirectory(db.database, memoryLog().log);
  try {
    assert.equal(directory.open("battlemetrics", call("ЁЖ")).fixedGameId, 5);
    assert.equal(directory.open("battlemetrics", call("Е\u0308Ж")).fixedGameId, 5);
    for (const param of ["ёжик", "", undefined])
      assert.throws(() => directory.open("battlemetrics", call(param)), { code: "unknown-path", status: 404 });
    assert.throws(() => directory.open("script", call("ёж")), { code: "unknown-path" });
    assert.throws(() => directory.open("script", call("off")), { code: "disabled-connection", status: 403 });
  } finally {
    directory.stop();
  }
});

test("a change in the database is seen within 5 seconds, and what was known stays known while the database is away", async () => {
  await insertConnections(db, [{ kind: "script", path: "a", secret: "s", enabled: true, fixedGameId: null }]);
  let isAway = false;
  const run: typeof db.database.run = (statement) =>
    isAway ? Promise.reject(new Error("away")) : db.database.run(statement);
  const { log, lines } = memoryLog();
  const directory = await openDirectory({ run }, log);
  try {
    await db.sql`update connections set enabled = false`;
    const isOff = () => {
      try {
        return !directory.open("script", call("a"));
      } catch {
        return true;
      }
    };
    await eventually("the connection to be off", isOff);
    isAway = true;
    await db.sql`truncate connections`;
    await eventually("a line in the log", () => lines.length > 0);
    assert.match(lines[0]?.message ?? "", /could not be read again/);
    assert.throws(() => directory.open("script", call("a")), { code: "disabled-connection" });
  } finally {
    directory.stop();
  }
});

test("a start waits for a database that does not answer in time at first", async () => {
  const { log } = memoryLog();
  let calls = 0;
  const directory = await openDirectory(
    {
      run: async (statement) => {
        calls += 1;
        if (calls < 3) throw new Refusal("database-away");
        return db.database.run(statement);
      },
    },
    log,
  );
  directory.stop();
  assert.equal(calls, 3);
});
