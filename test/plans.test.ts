import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import postgres from "postgres";
import { connectionsIn } from "../src/connections.ts";
import { connect, type Sql } from "../src/database/connect.ts";
import { steamId } from "../src/parse.ts";
import { playtimesIn } from "../src/playtimes.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { memoryLog } from "./support/service.ts";

const players = 100_000;
const squad = 393_380;
const player = (number: number) => steamId(String(76561198000000000n + BigInt(number)), "player");

type Statement = { text: string; parameters: unknown[] };

let db: TestDatabase;
let client: Sql;
let statements: Statement[] = [];

before(async () => {
  db = await createTestDatabase();
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at)
    select 76561198000000000 + number, ${squad}, number * 60, 'ok', '2026-01-01', number, '2026-01-01' from generate_series(1, ${players}) number`;
  await db.sql`vacuum analyze playtimes`;
  // An ANALYZE of its own accord holds a snapshot, and on a busy machine for so long that no page can be tidied up.
  await db.sql`alter table playtimes set (autovacuum_enabled = off)`;
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

type Node = { "Node Type": string; "Relation Name"?: string; "Index Name"?: string; Plans?: Node[] };

function nodesOf(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** The plan with these values, and the one for any values, which Postgres may choose after five times. */
async function plansOf({ text, parameters }: Statement): Promise<Node[][]> {
  const [version] = await db.sql<{ number: number }[]>`select current_setting('server_version_num')::int as number`;
  const custom = await db.sql.unsafe(`explain (format json) ${text}`, parameters as string[]);
  const generic =
    (version?.number ?? 0) >= 160_000
      ? await db.sql.unsafe(`explain (format json, generic_plan) ${text}`).simple()
      : [];
  return [...custom, ...generic].map((row) => nodesOf(row["QUERY PLAN"][0].Plan));
}

/** Every statement reads `playtimes` by its primary key, if it reads it at all. */
async function assertByKey(sent: Statement[]): Promise<void> {
  assert.ok(sent.length > 0);
  for (const statement of sent)
    for (const nodes of await plansOf(statement)) {
      const reads = nodes.filter(
        (node) => node["Relation Name"] === "playtimes" && node["Node Type"] !== "ModifyTable",
      );
      for (const node of reads) {
        assert.match(node["Node Type"], /^(Index|Bitmap)/, statement.text);
        if (node["Index Name"]) assert.equal(node["Index Name"], "playtimes_pkey");
      }
      assert.ok(
        !nodes.some((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "playtimes"),
        statement.text,
      );
    }
}

const idsFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => player(first + index * 7));

test("a query of one player, of 120, and many queries at once find their rows by the primary key", async () => {
  await assertByKey(await sentBy((database) => playtimesIn(database).find({ steamIds: idsFrom(5, 1), gameId: squad })));
  await assertByKey(
    await sentBy((database) => playtimesIn(database).find({ steamIds: idsFrom(5, 120), gameId: squad })),
  );
  await assertByKey(
    await sentBy(async (database) => {
      const playtimes = playtimesIn(database);
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          playtimes.find({ steamIds: idsFrom(index * 100, 120), gameId: squad }),
        ),
      );
    }),
  );
});

test("one delivery, many at once, and Steam's answers find their rows by the primary key", async () => {
  await assertByKey(
    await sentBy(async (database) => {
      const { saveBattlemetrics, saveSteam } = playtimesIn(database);
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

test("what the CLI shows of a player is found by the primary key", async () => {
  await assertByKey(await sentBy((database) => playtimesIn(database).ofPlayer(player(5))));
});

test("batches of any size are the same few statements, so that they stay prepared", async () => {
  const sent = await sentBy(async (database) => {
    const playtimes = playtimesIn(database);
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

test("reading all connections is one statement", async () => {
  assert.equal((await sentBy((database) => connectionsIn(database).list())).length, 1);
});

test("deliveries stay heap-only updates", async () => {
  const own = connect(db.address, memoryLog().log);
  const { saveBattlemetrics } = playtimesIn(own);
  const updates = async () => {
    await db.sql`select pg_stat_clear_snapshot()`;
    const [row] = await db.sql<{ all: number; hot: number }[]>`
      select n_tup_upd::int as all, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = 'playtimes'`;
    return row ?? assert.fail();
  };
  const before = await updates();
  for (let round = 0; round < 20; round += 1) {
    const signedAt = new Date(Date.UTC(2030, 0, 1, 0, 0, round));
    await Promise.all(
      idsFrom(1 + round, 500).map((steamId) => saveBattlemetrics({ steamId, gameId: squad, seconds: round, signedAt })),
    );
  }
  // A connection reports its counts when it ends; that takes a moment.
  await own.close();
  const expected = before.all + 20 * 500;
  let now = await updates();
  for (let wait = 0; wait < 200 && now.all < expected; wait += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    now = await updates();
  }
  assert.ok(now.all >= expected, `${now.all - before.all} updates`);
  const share = (now.hot - before.hot) / (now.all - before.all);
  assert.ok(share > 0.98, `${(share * 100).toFixed(1)} % of the updates were heap-only`);
});
