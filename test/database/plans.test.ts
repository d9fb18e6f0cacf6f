import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import postgres from "postgres";
import { dayIn } from "../../src/calendar.ts";
import { connectionsIn } from "../../src/connections/connections.ts";
import { connect, createClient, type Database, type Sql } from "../../src/database/connect.ts";
import { type SteamId, steamId } from "../../src/parse.ts";
import { daysIn } from "../../src/players/days.ts";
import { playersListIn } from "../../src/players/list.ts";
import type { Listing } from "../../src/players/listing.ts";
import { removeOldDays } from "../../src/players/old-days.ts";
import { type Playtimes, playtimesIn } from "../../src/players/playtimes.ts";
import { statisticsIn } from "../../src/players/statistics.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { memoryLog } from "../support/service.ts";

const players = 100_000;
const squad = 393_380;
const history = { keepDays: 400, dayOf: dayIn("UTC") };
const player = (number: number) => steamId(String(76561198000000000n + BigInt(number)), "player");

type Statement = { text: string; parameters: unknown[] };

let db: TestDatabase;
let client: Sql;
let statements: Statement[] = [];

before(async () => {
  db = await createTestDatabase();
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, seen_at)
    select 76561198000000000 + number, ${squad}, number * 60, 'ok', '2026-01-01', number, '2026-01-01', '2026-01-01' from generate_series(1, ${players}) number`;
  await db.sql`vacuum analyze playtimes`;
  // An ANALYZE of its own accord holds a snapshot, and on a busy machine for so long that no page can be tidied up.
  await db.sql`alter table playtimes set (autovacuum_enabled = off)`;
  await db.sql`alter table playtime_days set (autovacuum_enabled = off)`;
  const options = {
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    debug: (_: number, text: string, parameters: unknown[]) => statements.push({ text, parameters }),
  };
  const { address } = db;
  client =
    "url" in address
      ? postgres(address.url, options)
      : postgres({
          ...options,
          host: address.host,
          port: address.port,
          database: address.database,
          user: address.user,
        });
});
after(async () => {
  await client.end();
  await db.drop();
});

/** The statements that a piece of work sends, each as the service sends it. */
async function sentBy(
  work: (database: { run: <T>(statement: (sql: Sql) => Promise<T>) => Promise<T> }) => Promise<unknown>,
): Promise<Statement[]> {
  statements = [];
  await work({ run: (statement) => statement(client) });
  return statements.filter(({ text }) => /playtimes|connections/.test(text));
}

type Node = {
  "Node Type": string;
  "Plan Rows": number;
  "Relation Name"?: string;
  "Index Name"?: string;
  "Conflict Arbiter Indexes"?: string[];
  Plans?: Node[];
};

function nodesOf(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** The plan with these values, and the one for any values, which Postgres may choose after five times. */
async function plansOf({ text, parameters }: Statement, sql: Pick<Sql, "unsafe"> = db.sql): Promise<Node[][]> {
  const [version] = await db.sql<{ number: number }[]>`select current_setting('server_version_num')::int as number`;
  const custom = await sql.unsafe(`explain (format json) ${text}`, parameters as string[]);
  const generic =
    (version?.number ?? 0) >= 160_000 ? await sql.unsafe(`explain (format json, generic_plan) ${text}`).simple() : [];
  return [...custom, ...generic].map((row) => nodesOf(row["QUERY PLAN"][0].Plan));
}

/** Every statement reads `playtimes` by its primary key (or by that index), and finds by it the row that it writes over. */
async function assertByKey(
  sent: Statement[],
  index = "playtimes_pkey",
  sql: Pick<Sql, "unsafe"> = db.sql,
): Promise<void> {
  assert.ok(sent.length > 0);
  for (const statement of sent)
    for (const nodes of await plansOf(statement, sql)) {
      const ofTable = nodes.filter((node) => node["Relation Name"] === "playtimes");
      const reads = ofTable.filter((node) => node["Node Type"] !== "ModifyTable");
      const writes = ofTable.filter((node) => node["Node Type"] === "ModifyTable");
      assert.ok(ofTable.length > 0, statement.text);
      for (const node of writes) assert.deepEqual(node["Conflict Arbiter Indexes"], [index], statement.text);
      for (const node of reads) {
        assert.match(node["Node Type"], /^(Index|Bitmap)/, statement.text);
        if (node["Index Name"]) assert.equal(node["Index Name"], index);
      }
      assert.ok(
        !nodes.some((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "playtimes"),
        statement.text,
      );
    }
}

/** How much of the table and its indexes a statement truly reads; 100,000 rows are about 2,000 pages, their keys 400. */
async function pagesReadBy(sent: Statement[]): Promise<number> {
  let pages = 0;
  for (const { text, parameters } of sent) {
    const [row] = await db.sql.unsafe(`explain (analyze, buffers, format json) ${text}`, parameters as string[]);
    const { Plan } = row?.["QUERY PLAN"][0] ?? assert.fail();
    pages += Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"];
  }
  return pages;
}

const idsFrom = (first: number, count: number, apart = 7) =>
  Array.from({ length: count }, (_, index) => player(first + index * apart));

test("a query of one player, of 120, and many queries at once find their rows by the primary key", async () => {
  await assertByKey(await sentBy((database) => playtimesIn(database).find({ steamIds: idsFrom(5, 1), gameId: squad })));
  await assertByKey(
    await sentBy((database) => playtimesIn(database).find({ steamIds: idsFrom(5, 120), gameId: squad })),
  );
  await assertByKey(
    await sentBy(async (database) => {
      const playtimes = playtimesIn(database, { history });
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          playtimes.find({ steamIds: idsFrom(index * 100, 120), gameId: squad }),
        ),
      );
    }),
  );
});

test("so they do while Postgres knows nothing of the table, or what it knows is of a time when it was small", async () => {
  const found = await sentBy(async (database) => {
    for (const count of [1, 120, 500]) await playtimesIn(database).find({ steamIds: idsFrom(5, count), gameId: squad });
  });
  assert.equal(found.length, 3);
  const own = createClient(db.address, 1);
  for (const [pages, rows] of [
    [0, -1],
    [0, 0],
    [1, 10],
  ] as const) {
    await own`begin`;
    await own`update pg_class set relpages = ${pages}, reltuples = ${rows} where oid = 'playtimes'::regclass`;
    await own`delete from pg_statistic where starelid = 'playtimes'::regclass`;
    await assertByKey(found, undefined, own);
    await own`rollback`;
  }
  await own.end();
});

test("one delivery, many at once, and Steam's answers find their rows by the primary key", async () => {
  await assertByKey(
    await sentBy(async (database) => {
      const { saveBattlemetrics, saveSteam } = playtimesIn(database, { history });
      const signedAt = new Date("2026-01-02");
      await Promise.all(
        idsFrom(5, 300).map((steamId) => saveBattlemetrics({ steamId, gameId: squad, seconds: 1, signedAt })),
      );
      await Promise.all(
        idsFrom(5, 300).map((steamId) =>
          saveSteam({ steamId, gameId: squad, seconds: null, status: "private", checkedAt: signedAt }),
        ),
      );
    }),
  );
});

test("in the panel the newest, a beginning of an ID, and their later pages are read in the order of an index", async () => {
  const after = { steamId: player(50_000), gameId: squad };
  const newest: Listing = { filter: {}, sort: { by: "created", isDown: true } };
  const byId: Listing = { filter: { idPrefix: "7656119800" }, sort: { by: "id", isDown: false } };
  const cases: [Listing, string][] = [
    [newest, "playtimes_newest"],
    [{ ...newest, sort: { by: "created", isDown: false } }, "playtimes_newest"],
    [{ ...newest, after: { ...after, key: "2026-01-01T00:00:00.000000Z" } }, "playtimes_newest"],
    [byId, "playtimes_pkey"],
    [{ ...byId, filter: { idPrefix: "7" } }, "playtimes_pkey"],
    [{ ...byId, filter: { idPrefix: player(5) } }, "playtimes_pkey"],
    [{ ...byId, filter: {}, sort: { by: "id", isDown: true } }, "playtimes_pkey"],
    [{ ...byId, after: { ...after, key: "" } }, "playtimes_pkey"],
    [{ ...byId, filter: { idPrefix: "7" }, after: { ...after, key: "" } }, "playtimes_pkey"],
    [{ filter: { idPrefix: "7" }, sort: { by: "id", isDown: true }, after: { ...after, key: "" } }, "playtimes_pkey"],
  ];
  for (const [listing, index] of cases) {
    const sent = await sentBy(({ run }) =>
      playersListIn({ run, alone: () => assert.fail("a limit of time") })(listing),
    );
    assert.equal(sent.length, 1);
    await assertByKey(sent, index);
    for (const statement of sent)
      for (const nodes of await plansOf(statement))
        for (const node of nodes.filter((one) => one["Node Type"].includes("Sort")))
          assert.ok(node["Plan Rows"] <= 3 * 51, `${node["Node Type"]} of ${node["Plan Rows"]} rows`);
    const pages = await pagesReadBy(sent);
    assert.ok(pages < 100, `${pages} pages of the disk: ${JSON.stringify(listing)}`);
  }
});

test("what the CLI shows of a player is found by the primary key", async () => {
  await assertByKey(await sentBy((database) => playtimesIn(database).ofPlayer(player(5))));
});

test("the newest players of the panel's overview are read from an index, and its figures from a part of a large table", async () => {
  const [newest] = await sentBy((database) => statisticsIn(database).newest(8));
  for (const nodes of await plansOf(newest ?? assert.fail())) {
    assert.ok(nodes.some((node) => node["Index Name"] === "playtimes_newest"));
    assert.ok(!nodes.some((node) => /Sort|Seq Scan/.test(node["Node Type"])));
  }
  for (const statement of await sentBy((database) => statisticsIn(database).totals()))
    for (const nodes of await plansOf(statement))
      assert.ok(!nodes.some((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "playtimes"));
});

test("days of players are read by the primary key, the top list of some days by game and day, and the oldest likewise", async () => {
  await db.sql`
    insert into playtime_days (steam_id, game_id, day, seconds)
    select 76561198000000000 + player * 7 + day, ${squad}, date '2026-03-01' - day, 60
    from generate_series(0, 49) day, generate_series(1, 2000) player`;
  await db.sql`vacuum analyze playtime_days`;
  const today = "2026-03-01";
  const asked = { gameId: squad, windows: [7, 30], today };
  const reads: [work: (database: Pick<Database, "run">) => Promise<unknown>, index: RegExp][] = [
    [(database) => daysIn(database).lately({ ...asked, steamIds: idsFrom(7, 120) }), /^playtime(s|_days)_pkey$/],
    [(database) => daysIn(database).lately({ ...asked, steamIds: idsFrom(7, 1) }), /^playtime(s|_days)_pkey$/],
    [
      (database) => daysIn(database).top({ gameId: squad, days: 3, today, limit: 10, exclude: [] }),
      /^playtimes_pkey$|^playtime_days_of_game$/,
    ],
    [
      (database) => removeOldDays({ run: (work) => database.run(work) }, "2026-01-12").catch(() => {}),
      /^playtime_days_of_game$/,
    ],
  ];
  for (const [read, index] of reads)
    for (const statement of await sentBy(read))
      for (const nodes of await plansOf(statement)) {
        assert.ok(
          !nodes.some((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"]?.startsWith("playtime")),
        );
        for (const node of nodes) if (node["Index Name"]) assert.match(node["Index Name"], index);
      }
});

test("batches of any size are the same few statements, so that they stay prepared", async () => {
  const sent = await sentBy(async (database) => {
    const playtimes = playtimesIn(database, { history });
    for (const size of [1, 2, 3, 50, 999])
      await Promise.all([
        ...idsFrom(1, size).map((steamId) =>
          playtimes.saveBattlemetrics({ steamId, gameId: squad, seconds: size, signedAt: new Date() }),
        ),
        ...idsFrom(1, Math.min(size, 120)).map((steamId) => playtimes.find({ steamIds: [steamId], gameId: squad })),
      ]);
  });
  assert.equal(sent.length, 10);
  assert.equal(new Set(sent.map(({ text }) => text)).size, 2);
});

test("a query of few players and a delivery are planned at their first times, and not each time anew", async () => {
  // Postgres keeps plans for each connection.
  const own = createClient(db.address, 1);
  const { find, saveBattlemetrics } = playtimesIn({ run: (statement) => statement(own) }, { history });
  for (let time = 0; time < 20; time += 1) {
    await find({ steamIds: idsFrom(5, 1 + (time % 3)), gameId: squad });
    await saveBattlemetrics({ steamId: player(5), gameId: squad, seconds: time, signedAt: new Date() });
  }
  // Postgres plans five times for the very values, and compares. These columns are there since Postgres 14.
  const plans = await own<{ custom: number; generic: number }[]>`
    select custom_plans::int as custom, generic_plans::int as generic from pg_prepared_statements
    where statement not like '%pg_prepared_statements%' and (statement like '%concat_ws(%' or statement like '%bm_gained_seconds%')`;
  await own.end();
  assert.equal(plans.length, 2);
  for (const { custom, generic } of plans) assert.ok(custom === 5 && generic >= 15, `${custom} times, kept ${generic}`);
});

test("reading all connections is one statement", async () => {
  assert.equal((await sentBy((database) => connectionsIn(database).list())).length, 1);
});

/** How many rows of a table were updated, and how many of these stayed in their page. */
async function updatesOf(table: string) {
  await db.sql`select pg_stat_clear_snapshot()`;
  const [row] = await db.sql<{ all: number; hot: number }[]>`
    select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = ${table}`;
  return row ?? assert.fail();
}

/**
 * The share of heap-only updates in a table while deliveries come. Few enough that a page has room for all its updates:
 * when old versions may be tidied up depends on what else the server does.
 */
async function heapOnlyShare(table: string, updates: number, deliver: (by: Playtimes) => Promise<void>) {
  const own = connect(db.address, memoryLog().log);
  const before = await updatesOf(table);
  await deliver(playtimesIn(own, { history }));
  // A connection reports its counts when it ends; that takes a moment.
  await own.close();
  const expected = before.all + updates;
  let now = await updatesOf(table);
  for (let wait = 0; wait < 200 && now.all < expected; wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    now = await updatesOf(table);
  }
  assert.ok(now.all >= expected, `${now.all - before.all} updates`);
  return (now.hot - before.hot) / (now.all - before.all);
}

test("deliveries stay heap-only updates", async () => {
  const share = await heapOnlyShare("playtimes", 6 * 500, async ({ saveBattlemetrics }) => {
    for (let round = 0; round < 6; round += 1) {
      const signedAt = new Date(Date.UTC(2030, 0, 1, 0, 0, round));
      await Promise.all(
        // So far apart that one page has to take few of them at once, as with the players of game servers.
        idsFrom(1 + round, 500, 97).map((steamId) =>
          saveBattlemetrics({ steamId, gameId: squad, seconds: round, signedAt }),
        ),
      );
    }
  });
  // With an index on what changes it is 0; on a busy machine a page is not always tidied up in time.
  assert.ok(share > 0.8, `${(share * 100).toFixed(1)} % of the updates were heap-only`);
});

test("so do the days that they add to", async () => {
  const told = ({ saveBattlemetrics }: Playtimes, ids: SteamId[], minute: number) => {
    const signedAt = new Date(Date.UTC(2031, 0, 1, 0, minute));
    return Promise.all(
      ids.map((steamId) => saveBattlemetrics({ steamId, gameId: squad, seconds: 1_000_000 + minute * 60, signedAt })),
    );
  };
  const everybody = idsFrom(1, 2_000, 1);
  const playtimes = playtimesIn(db.database, { history });
  for (const minute of [0, 1]) await told(playtimes, everybody, minute);
  const share = await heapOnlyShare("playtime_days", 4 * 50, async (by) => {
    for (const round of [0, 1, 2, 3]) await told(by, idsFrom(1 + round, 50, 40), 2 + round);
  });
  // With an index on what changes it is 0; on a busy machine a page is not always tidied up in time.
  assert.ok(share > 0.8, `${(share * 100).toFixed(1)} % of the updates were heap-only`);
});
