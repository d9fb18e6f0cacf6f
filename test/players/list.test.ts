import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { createClient } from "../../src/database/connect.ts";
import { Malformed } from "../../src/parse.ts";
import { playersListIn } from "../../src/players/list.ts";
import {
  type Cursor,
  cursor,
  cursorText,
  type Listing,
  type PlayerFilter,
  type Sort,
  search,
  sort,
  sortColumns,
} from "../../src/players/listing.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let db: TestDatabase;
let list: ReturnType<typeof playersListIn>;

before(async () => {
  db = await createTestDatabase();
  list = playersListIn(db.database);
});
after(() => db.drop());
beforeEach(() => db.sql`truncate playtimes`);

const newest: Sort = { by: "created", isDown: true };
const byId: Sort = { by: "id", isDown: false };

/** All pages of a list, by the links that each page gives. */
async function walk(filter: PlayerFilter, by: Sort) {
  const pages: string[][] = [];
  for (let after: Cursor | undefined; pages.length < 100; ) {
    const found = await list({ filter, sort: by, after });
    assert.ok(typeof found === "object");
    pages.push(found.players.map(({ steamId, gameId }) => `${steamId}/${gameId}`));
    if (!found.next) return pages;
    after = cursor(by)(cursorText(found.next), "after");
  }
  return assert.fail("the pages have no end");
}

test("every order shows each row once, page by page, also where rows are equal, unknown or apart by a microsecond", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, bm_seconds, created_at, updated_at)
    select 76561198000000000 + number / 3, number % 3, case when number % 4 > 0 then number % 5 end, case when number % 2 > 0 then 7 end,
      timestamptz '2026-01-01' + number / 9 * interval '1 microsecond', timestamptz '2026-01-01' + number % 11 * interval '1 day'
    from generate_series(1, 133) number`;
  const rows = await db.sql<
    { id: string; steam: number | null; bm: number | null; created: string; updated: string }[]
  >`
    select steam_id || '/' || game_id as id, steam_seconds as steam, bm_seconds as bm, created_at::text as created, updated_at::text as updated
    from playtimes`;
  const columnOf = { id: "id", created: "created", steam: "steam", battlemetrics: "bm", updated: "updated" } as const;
  for (const by of sortColumns)
    for (const isDown of [true, false]) {
      const pages = await walk({}, { by, isDown });
      const seen = pages.flat();
      assert.deepEqual([...seen].sort(), rows.map(({ id }) => id).sort(), `${by} ${isDown}`);
      assert.deepEqual(
        pages.map((page) => page.length),
        [50, 50, 33],
      );
      const values = seen.map((id) => rows.find((row) => row.id === id)?.[columnOf[by]] ?? null);
      const known = values.filter((value) => value !== null);
      const ordered = [...known].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
      assert.deepEqual(known, isDown ? ordered.reverse() : ordered, `${by} ${isDown}`);
      assert.ok(
        values.slice(known.length).every((value) => value === null),
        `${by} ${isDown}: unknown last`,
      );
    }
});

test("50 rows are one page, and 51 are two", async () => {
  await db.sql`insert into playtimes (steam_id, game_id) select 76561198000000000 + n, 1 from generate_series(1, 50) n`;
  assert.equal((await walk({}, newest)).length, 1);
  await db.sql`insert into playtimes (steam_id, game_id) values (76561198000000000, 1)`;
  assert.equal((await walk({}, newest)).length, 2);
});

test("a beginning finds IDs of 16, 17 and 18 digits, and no others", async () => {
  const ids = [
    "7656119800000000",
    "76561198000000000",
    "765611980000000000",
    "7656119900000000",
    "76561199000000000",
    "765611990000000000",
  ];
  for (const id of ids) await db.sql`insert into playtimes (steam_id, game_id) values (${id}, 1)`;
  const foundBy = async (idPrefix: string) => (await walk({ idPrefix }, byId)).flat().map((id) => id.split("/")[0]);
  assert.deepEqual(await foundBy("7"), [ids[0], ids[3], ids[1], ids[4], ids[2], ids[5]]);
  assert.deepEqual(await foundBy("76561198"), ids.slice(0, 3));
  assert.deepEqual(await foundBy("76561199000000000"), [ids[4], ids[5]]);
  assert.deepEqual(await foundBy("765611990000000000"), [ids[5]]);
  assert.deepEqual(await foundBy("77"), []);
});

test("filters can be joined, and hold for every page", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds)
    select 76561198000000000 + n, n % 2, case when n % 3 = 0 then 5 end, case when n % 3 = 0 then 'ok' else 'private' end, case when n % 5 = 0 then 5 end
    from generate_series(1, 300) n`;
  const count = async (filter: PlayerFilter, by = newest) => (await walk(filter, by)).flat().length;
  assert.equal(await count({}), 300);
  assert.equal(await count({ game: 1 }), 150);
  assert.equal(await count({ steam: "known" }), 100);
  assert.equal(await count({ steam: "unknown" }), 200);
  assert.equal(await count({ battlemetrics: "known" }), 60);
  assert.equal(await count({ status: "private" }), 200);
  assert.equal(await count({ steam: "known", battlemetrics: "unknown", game: 1 }), 40);
  assert.equal(await count({ idPrefix: "765611980000002", game: 1 }, byId), 50);
  assert.equal(await count({ idPrefix: "765611980000002", game: 1 }), 50);
});

test("what no index serves is stopped after its time, and the connections of others are not given up", async () => {
  const blocker = createClient(db.address, 1);
  await blocker`begin`;
  await blocker`lock table playtimes in access exclusive mode`;
  try {
    const list = playersListIn(db.database, 300);
    const slow: Listing = { filter: { game: 1 }, sort: newest };
    const answers = await Promise.all([list(slow), list(slow), list(slow)]);
    assert.deepEqual(answers, ["too-slow", "too-slow", "busy"]);
    assert.equal(db.database.status().renewals, 0);
  } finally {
    await blocker`rollback`;
    await blocker.end();
  }
  assert.deepEqual(await list({ filter: { game: 1 }, sort: newest }), { players: [], next: undefined });
});

test("the search takes IDs, beginnings of them, and addresses of profiles, however they were pasted", () => {
  const id = "76561198000000001";
  for (const text of [
    id,
    ` ${id}\n`,
    `"${id}"`,
    `\u202a${id}\u202c`,
    `https://steamcommunity.com/profiles/${id}`,
    `http://steamcommunity.com/profiles/${id}/`,
    `steamcommunity.com/profiles/${id}/games/?tab=all#x`,
    ` "https://www.SteamCommunity.com/profiles/${id}?l=russian" `,
    `<https://steamcommunity.com/profiles/${id}>`,
  ])
    assert.deepEqual(search(text, "q"), { idPrefix: id }, text);
  assert.deepEqual(search("7656", "q"), { idPrefix: "7656" });
  assert.deepEqual(search("7", "q"), { idPrefix: "7" });
  assert.deepEqual(search("https://steamcommunity.com/id/Some_Name-1/home", "q"), { name: "Some_Name-1" });
  for (const text of [
    "6",
    "77",
    "name",
    "7656119800000000123",
    "https://steamcommunity.com/profiles/1",
    "https://steamcommunity.com/id/",
    "https://steamcommunity.com/id/%2e%2e",
    "https://evil.example/profiles/76561198000000001",
    "٧٦٥٦١",
    "<script>",
  ])
    assert.throws(() => search(text, "q"), Malformed, text);
});

test("an order or a link to a page that nobody made is Malformed", () => {
  for (const text of ["", "id", "id-up", "name-asc", "constructor-asc", "id-asc-"])
    assert.throws(() => sort(text, "sort"), Malformed, text);
  const id = "76561198000000001";
  const wrong: [Sort, string][] = [
    [newest, `_${id}_1`],
    [newest, `2026-13-01T00:00:00.000000Z_${id}_1`],
    [newest, `2026-01-01T00:00:00Z_${id}_1_1`],
    [newest, `2026-01-01T00:00:00Z_${id}_-1`],
    [newest, `2026-01-01T00:00:00Z_1_1`],
    [byId, `1_${id}_1`],
    [{ by: "steam", isDown: true }, `99999999999_${id}_1`],
    [{ by: "steam", isDown: true }, `x_${id}_1`],
    [byId, "'; drop table playtimes"],
  ];
  for (const [by, text] of wrong) assert.throws(() => cursor(by)(text, "after"), Malformed, text);
});
