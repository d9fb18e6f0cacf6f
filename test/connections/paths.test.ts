import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { connectionsIn } from "../../src/connections/connections.ts";
import { openDirectory } from "../../src/connections/directory.ts";
import { connectionPath, normalPath, pathChanges, storedPath } from "../../src/connections/paths.ts";
import { Malformed } from "../../src/parse.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertConnections, memoryLog } from "../support/service.ts";

const characters = Array.from({ length: 0x110000 }, (_, point) => point)
  .filter((point) => point < 0xd800 || point > 0xdfff)
  .map((point) => String.fromCodePoint(point));

/** Composed `ẖ` in Unicode; its capital has no such form, so that H + U+0331 composes only in lower case. */
const composed = "\u1e96";
const apart = "h\u0331";

/** Of texts, those that are not; whole lists at once are much quicker, and `x` composes with nothing. */
function notFixed(texts: string[]): string[] {
  if (isFixed(texts.join("x"))) return [];
  return texts.length === 1
    ? texts
    : [texts.slice(0, texts.length / 2), texts.slice(texts.length / 2)].flatMap(notFixed);
}

function isFixed(text: string): boolean {
  const once = normalPath(text);
  return normalPath(once) === once && once.normalize("NFC") === once && once.toLowerCase() === once;
}

describe("the normal form of a path is the normal form of itself", () => {
  test("for every character of Unicode", () => {
    assert.deepEqual(notFixed(characters), []);
  });

  test("for every letter that has another case or form, with every mark that composes with one, and with two of them", () => {
    const isHangul = (one: string) => /^[\uac00-\ud7a3]/.test(one);
    const composites = new Set(characters.filter((one) => one.normalize("NFD") !== one && !isHangul(one)));
    const letters = characters.filter((one) => one.toLowerCase() !== one || composites.has(one));
    const marks = new Set(
      [...composites].flatMap((one) => [...one.normalize("NFD")].filter((part) => /\p{M}/u.test(part))),
    );
    assert.ok(letters.length > 2_000 && marks.size > 60);
    for (const mark of marks) {
      assert.deepEqual(notFixed(letters.map((letter) => letter + mark)), []);
      assert.deepEqual(notFixed(letters.map((letter) => `${letter}\u0331${mark}`)), []);
    }
  });

  test("so that a letter that composes only in lower case is found however it is written", () => {
    for (const written of ["H\u0331", apart, composed]) assert.equal(connectionPath(written, "path"), composed);
  });

  test("and a stored path is taken as it is, but not what a path may never be", () => {
    assert.equal(storedPath(apart, "path"), apart);
    for (const wrong of ["", " ", " . ", "..", "a/b", "a\u0007", "\ud800", "x".repeat(256), 5, undefined])
      assert.throws(() => storedPath(wrong, "path"), Malformed);
  });
});

describe("what brings stored paths into their normal form", () => {
  const at = (day: number) => `2026-01-0${day}T00:00:00.000Z`;

  test("changes nothing that is in it", () => {
    assert.deepEqual(pathChanges([{ kind: "script", path: composed, createdAt: at(1) }]), []);
  });

  test("leaves the path to the older of two, and gives the other the first that is free", () => {
    const stored = [
      { kind: "script", path: composed, createdAt: at(2) },
      { kind: "script", path: apart, createdAt: at(1) },
      { kind: "script", path: `${composed}-2`, createdAt: at(3) },
      { kind: "script", path: `${apart}-3`, createdAt: at(4) },
      { kind: "battlemetrics", path: apart, createdAt: at(5) },
    ];
    const changes = pathChanges(stored);
    assert.deepEqual(changes, [
      { kind: "script", from: composed, to: `${composed}-4` },
      { kind: "script", from: apart, to: composed },
      { kind: "script", from: `${apart}-3`, to: `${composed}-3` },
      { kind: "battlemetrics", from: apart, to: composed },
    ]);
    const paths = new Set(stored.map(({ kind, path }) => kind + path));
    for (const { kind, from, to } of changes) {
      assert.ok(!paths.has(kind + to), `${to} is free`);
      paths.delete(kind + from);
      paths.add(kind + to);
    }
  });

  test("keeps a path within its length", () => {
    const long = "x".repeat(254);
    const [change] = pathChanges([
      { kind: "script", path: long + composed, createdAt: at(1) },
      { kind: "script", path: `${long}ẖ`.normalize("NFD"), createdAt: at(2) },
    ]);
    assert.equal(change?.to, `${"x".repeat(253)}-2`);
  });
});

describe("a start over the rows of an earlier version", () => {
  let db: TestDatabase;
  before(async () => {
    db = await createTestDatabase();
  });
  after(() => db.drop());
  beforeEach(async () => {
    await db.sql`truncate connections, hourly_counts, accepted_requests, refused_requests`;
  });

  const script = (path: string, secret: string) =>
    ({ kind: "script", path, secret, enabled: true, fixedGameId: null }) as const;

  test("lets commands name every connection, keeps what is known of its requests, and says what it changed", async () => {
    await insertConnections(db, [
      script(apart, "the secret of the older"),
      script(composed, "the secret of the newer"),
    ]);
    await db.sql`update connections set created_at = now() - interval '1 day' where path = ${apart}`;
    await db.sql`
      insert into hourly_counts (hour, kind, path, outcome, count)
      values (now(), 'script', ${apart}, 'accepted', 1), (now(), 'script', ${composed}, 'accepted', 2)`;
    const { log, lines } = memoryLog();
    (await openDirectory(db.database, log)).stop();

    const table = connectionsIn(db.database);
    assert.equal((await table.one("script", "H\u0331"))?.secret, "the secret of the older");
    assert.equal((await table.one("script", `${composed}-2`))?.secret, "the secret of the newer");
    assert.equal((await table.list()).length, 2);
    const counts = await db.sql`select path, count::int from hourly_counts order by count`;
    assert.deepEqual(
      counts.map(({ path, count }) => [path, count]),
      [
        [composed, 1],
        [`${composed}-2`, 2],
      ],
    );
    const said = lines.filter(({ level }) => level === "warn");
    assert.deepEqual(
      said.map(({ connection, before }) => [connection, before]),
      [[`script/${composed}-2`, composed]],
    );

    const again = memoryLog();
    (await openDirectory(db.database, again.log)).stop();
    assert.deepEqual(again.lines, []);
  });

  test("may happen in two processes at once", async () => {
    await insertConnections(db, [
      script(apart, "the secret of the older"),
      script(composed, "the secret of the newer"),
    ]);
    const opened = await Promise.all([0, 1].map(() => openDirectory(db.database, memoryLog().log)));
    for (const directory of opened) {
      assert.deepEqual(
        directory.stored().map(({ path }) => normalPath(path)),
        [composed, `${composed}-2`],
      );
      directory.stop();
    }
    assert.deepEqual(
      (await connectionsIn(db.database).list()).map(({ path }) => path).sort(),
      [`${composed}-2`, composed].sort(),
    );
  });

  test("is not needed for a command: it finds a connection by its path as it is listed", async () => {
    await insertConnections(db, [script(apart, "a secret of sixteen")]);
    assert.equal((await connectionsIn(db.database).one("script", apart))?.path, apart);
  });
});
