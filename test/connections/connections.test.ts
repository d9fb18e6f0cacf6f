import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import {
  addressOf,
  connectionPath,
  connectionsIn,
  makeSecret,
  openDirectory,
  secretText,
} from "../../src/connections/connections.ts";
import type { Call } from "../../src/http/call.ts";
import { Refusal } from "../../src/http/refusal.ts";
import { Malformed } from "../../src/parse.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertConnections, memoryLog } from "../support/service.ts";

let db: TestDatabase;
let table: ReturnType<typeof connectionsIn>;

before(async () => {
  db = await createTestDatabase();
  table = connectionsIn(db.database);
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

test("a path is stored trimmed, composed, in lower case, with - for blanks", () => {
  assert.equal(connectionPath("  My Server  ", "path"), "my-server");
  assert.equal(connectionPath("И\u0306од", "path"), "йод");
  assert.equal(connectionPath("bm-ЮНИКОД", "path"), "bm-юникод");
  assert.equal(connectionPath("x".repeat(255), "path").length, 255);
  assert.equal(connectionPath("😀".repeat(255), "path").length, 510);
});

test("a path without characters, with too many, with a slash, a control character, or made of dots is refused", () => {
  for (const wrong of ["", "  ", "x".repeat(256), "a/b", "a\u0000b", "a\u0007", "\ud800", ".", "..", 5, null])
    assert.throws(() => connectionPath(wrong, "path"), Malformed);
});

test("a secret may be any text but the empty one; ours are 256 bits", () => {
  assert.equal(secretText("секрет", "secret"), "секрет");
  for (const wrong of ["", undefined, 5, "a\0b"]) assert.throws(() => secretText(wrong, "secret"), Malformed);
  assert.match(makeSecret(), /^[0-9a-f]{64}$/);
  assert.notEqual(makeSecret(), makeSecret());
});

test("the same path may exist once in each kind", async () => {
  const connection = { path: "one", secret: "s", enabled: true, fixedGameId: null };
  assert.equal(await table.add({ ...connection, kind: "script" }), "added");
  assert.equal(await table.add({ ...connection, kind: "battlemetrics" }), "added");
  assert.equal(await table.add({ ...connection, kind: "script", secret: "other" }), "path-taken");
  assert.deepEqual(
    (await table.list()).map(({ kind, secret }) => [kind, secret]),
    [
      ["battlemetrics", "s"],
      ["script", "s"],
    ],
  );
});

test("the address of a Cyrillic path is percent-encoded", () => {
  assert.equal(addressOf({ kind: "battlemetrics", path: "ю" }), "/set-playtime/bm/%D1%8E/");
  assert.equal(addressOf({ kind: "script", path: "a" }), "/get-playtime/a/");
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
    const startMs = performance.now();
    const isOff = () => {
      try {
        return !directory.open("script", call("a"));
      } catch {
        return true;
      }
    };
    while (!isOff() && performance.now() - startMs < 5_000) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(isOff());
    isAway = true;
    await db.sql`truncate connections`;
    while (lines.length === 0 && performance.now() - startMs < 10_000)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.match(lines[0]?.message ?? "", /could not be read again/);
    assert.throws(() => directory.open("script", call("a")), { code: "disabled-connection" });
  } finally {
    directory.stop();
  }
});

test("the database itself refuses paths, kinds, secrets and games that the protocol refuses", async () => {
  const refused = (row: Record<string, string | number>) =>
    assert.rejects(
      db.sql`insert into connections ${db.sql({ kind: "script", path: "a", secret: "s", ...row })}`,
      { code: "23514" },
      JSON.stringify(row),
    );
  await refused({ kind: "other" });
  for (const path of ["", "a/b", ".", "..", "x".repeat(256)]) await refused({ path });
  await refused({ secret: "" });
  await refused({ fixed_game_id: -1 });
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
