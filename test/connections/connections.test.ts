import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { addressOf, connectionsIn, makeSecret, secretText } from "../../src/connections/connections.ts";
import { connectionPath } from "../../src/connections/paths.ts";
import type { Database } from "../../src/database/connect.ts";
import { Malformed } from "../../src/parse.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

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

test("of two paths with one normal form, as earlier versions stored them, the one that was named is found", async () => {
  const paths = ["h\u0331", "\u1e96"];
  for (const path of paths) await db.sql`insert into connections (kind, path) values ('script', ${path})`;
  for (const path of paths) assert.equal((await table.one("script", path))?.path, path);
  await db.sql`delete from connections where path = ${paths[0] ?? ""}`;
  assert.equal((await table.one("script", paths[0] ?? ""))?.path, paths[1]);
});

test("to set a secret once more leaves the one before it, and for how long", async () => {
  const one = { kind: "script", path: "one" } as const;
  await table.add({ ...one, secret: "first", enabled: true, fixedGameId: null });
  await table.setSecret(one, "second", { keepOldSeconds: 3_600 });
  const before = await table.one("script", "one");
  assert.deepEqual([before?.secret, before?.oldSecret], ["second", "first"]);
  await table.setSecret(one, "second", { keepOldSeconds: 7_200 });
  const again = await table.one("script", "one");
  assert.deepEqual([again?.oldSecret, again?.oldSecretUntil], ["first", before?.oldSecretUntil]);
  await table.setSecret(one, "third");
  assert.equal((await table.one("script", "one"))?.oldSecret, null);
});

test("while the secret before the last is accepted, another one keeps it and not the last, unless told otherwise", async () => {
  const one = { kind: "script", path: "one" } as const;
  const secrets = async () => {
    const found = await table.one("script", "one");
    return [found?.secret, found?.oldSecret];
  };
  await table.add({ ...one, secret: "first", enabled: true, fixedGameId: null });
  await table.setSecret(one, "second", { keepOldSeconds: 7_200, keepsOldest: true });
  assert.deepEqual(await secrets(), ["second", "first"]);
  const before = (await table.one("script", "one"))?.oldSecretUntil ?? "";
  await table.setSecret(one, "third", { keepOldSeconds: 3_600, keepsOldest: true });
  assert.deepEqual(await secrets(), ["third", "first"]);
  assert.equal((await table.one("script", "one"))?.oldSecretUntil, before);
  await table.setSecret(one, "fourth", { keepOldSeconds: 3_600 });
  assert.deepEqual(await secrets(), ["fourth", "third"]);
  await db.sql`update connections set old_secret_until = now() - interval '1 minute'`;
  await table.setSecret(one, "fifth", { keepOldSeconds: 3_600, keepsOldest: true });
  assert.deepEqual(await secrets(), ["fifth", "fourth"]);
});

test("what is known of its requests goes along with a connection that gets another path, and goes with one that is removed", async () => {
  const known = async () => {
    const rows = await db.sql<{ table: string; path: string }[]>`
      select 'counts' as table, path from hourly_counts union all select 'accepted', path from accepted_requests
      union all select 'refused', path from refused_requests order by path, 1 desc`;
    return rows.map(({ table, path }) => `${path}: ${table}`);
  };
  for (const path of ["one", "two"]) {
    await table.add({ kind: "script", path, secret: "s", enabled: true, fixedGameId: null });
    await db.sql`insert into hourly_counts values (now(), 'script', ${path}, 'accepted', 1)`;
    await db.sql`
      insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms)
      values ('script', ${path}, now(), false, 1, 1)`;
    await db.sql`
      insert into refused_requests (kind, path, minute, code, count, at, reason, duration_ms)
      values ('script', ${path}, now(), 'malformed', 1, now(), '', 1)`;
  }
  const all = (path: string) => ["refused", "counts", "accepted"].map((name) => `${path}: ${name}`);
  assert.equal(await table.change({ kind: "script", path: "one" }, { path: "three", fixedGameId: null }), "changed");
  assert.deepEqual(await known(), [...all("three"), ...all("two")]);
  await table.remove({ kind: "script", path: "three" });
  assert.deepEqual(await known(), all("two"));
});

test("every change is stamped", async () => {
  const one = { kind: "script", path: "one" } as const;
  await table.add({ ...one, secret: "first", enabled: true, fixedGameId: null });
  for (const [name, change] of Object.entries({
    setEnabled: () => table.setEnabled(one, false),
    setSecret: () => table.setSecret(one, "second", { keepOldSeconds: 60 }),
    dropOldSecret: () => table.dropOldSecret(one),
    change: () => table.change(one, { path: "one", fixedGameId: 5 }),
  })) {
    await db.sql`update connections set updated_at = 'yesterday'`;
    await change();
    const [row] = await db.sql`select updated_at > now() - interval '1 hour' as "isNew" from connections`;
    assert.equal(row?.["isNew"], true, name);
  }
});

test("the address of a Cyrillic path is percent-encoded", () => {
  assert.equal(addressOf({ kind: "battlemetrics", path: "ю" }), "/set-playtime/bm/%D1%8E/");
  assert.equal(addressOf({ kind: "script", path: "a" }), "/get-playtime/a/");
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

test("what was stored, though the answer was lost and it is done again, counts as done", async () => {
  const lossy: Pick<Database, "run"> = {
    run: (statement) => db.database.run((sql) => statement(sql).then(() => statement(sql))),
  };
  const table = connectionsIn(lossy);
  const one = { kind: "script", path: "lost-answer", secret: "a-secret", enabled: true, fixedGameId: null } as const;
  assert.equal(await table.add(one), "added");
  assert.equal(await table.add({ ...one, secret: "another" }), "path-taken");
  assert.equal(await connectionsIn(db.database).add(one), "path-taken");
  assert.equal(await table.change(one, { path: "moved", fixedGameId: 5 }), "changed");
  assert.equal(await table.change(one, { path: "moved-again", fixedGameId: 5 }), "gone");
  await table.remove({ kind: "script", path: "moved" });
});
