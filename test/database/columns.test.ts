import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { insertRows, jsonArray, rowParser, selected } from "../../src/database/columns.ts";
import { quotedArrayOf } from "../../src/database/rows.ts";
import { instant, integer, optional, steamId, text } from "../../src/parse.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
  await db.sql`create table things (id bigint, words text, figure integer, told_at timestamptz)`;
});
after(() => db?.drop());

const columns = {
  steamId: { column: "id", type: "int8", parse: steamId },
  words: { column: "words", type: "text", parse: optional(text, null) },
  figure: { column: "figure", type: "int4", parse: optional(integer({ min: 0, max: 9 }), null), formerly: "number" },
  toldAt: { column: "told_at", type: "timestamptz", parse: optional(instant, null), isTold: true },
} as const;

const texts = ['"', "\\", "a,b", "{}", "null", "NULL", "", " ", "it's", "первый\nвторой", '\\"', null];

test("any text of a column comes back as it was, nothing as nothing", async () => {
  const [row] = await db.sql<{ back: (string | null)[] }[]>`
    select array_to_json(${quotedArrayOf(texts, (one) => one)}::text[]) as back`;
  assert.deepEqual(row?.back, texts);
});

test("rows are inserted and read by the description of their columns; a time of the future is now", async () => {
  const now = new Date();
  const inserted = texts.map((words, index) => ({
    steamId: steamId(String(76_561_198_000_000_000n + BigInt(index)), ""),
    words,
    figure: index < 9 ? index : null,
    toldAt: index === 0 ? "2999-01-01T00:00:00.000Z" : index === 1 ? null : "2026-01-02T03:04:05.678Z",
  }));
  const { count } = await insertRows(db.sql, "things", columns, inserted);
  assert.equal(count, texts.length);
  const rows = await db.sql<typeof inserted>`select ${selected(db.sql, columns)} from things order by id`;
  assert.deepEqual(rows.slice(1), inserted.slice(1));
  const toldAt = Date.parse(rows[0]?.toldAt ?? "");
  assert.ok(Math.abs(toldAt - now.getTime()) < 60_000, String(toldAt));
  const [line] = await db.sql<
    { line: string }[]
  >`select ${jsonArray(db.sql, columns)} as line from things where figure = 2`;
  assert.deepEqual(JSON.parse(line?.line ?? "").slice(0, 3), ["76561198000000002", "a,b", 2]);
});

test("a row of a backup is read by its columns; one that it lacks is taken from the column that stood for it", () => {
  const parse = rowParser(columns);
  assert.deepEqual(parse({ id: "76561198000000001", number: 5 }), {
    steamId: "76561198000000001",
    words: null,
    figure: 5,
    toldAt: null,
  });
  assert.equal(parse({ id: "76561198000000001", number: 5, figure: null }).figure, null);
  assert.throws(() => parse({ id: "76561198000000001", figure: 10 }), { name: "Malformed", place: "figure" });
});
