import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createClient } from "../../src/database/connect.ts";
import { DatabaseProblem } from "../../src/database/problem.ts";
import { type ImportOptions, importDjango } from "../../src/django/import.ts";
import type { SteamId } from "../../src/parse.ts";
import { playtimesIn } from "../../src/players/playtimes.ts";
import type { TestDatabase } from "../support/database.ts";
import {
  created,
  databaseWithDjango,
  djangoContent,
  type Installation,
  insertPaths,
  insertTimes,
  updated,
} from "../support/django.ts";
import { insertConnections } from "../support/service.ts";

const first: Installation = { stage: 1, ids: "serial" };
const player = "76561198000000001" as SteamId;
const other = "76561198000000002" as SteamId;
const bigger = "2025-03-02 00:00:00+00";
const smaller = "2025-02-28 00:00:00+00";

/** Runs the import; gives back its table as `kind: words → count`, the remarks and the skipped rows. */
async function run(db: TestDatabase, options: Partial<ImportOptions> = {}) {
  const remarks: string[] = [];
  const skipped: string[] = [];
  const from = createClient(db.address, 1);
  const tally = await importDjango({
    from,
    into: db.database,
    dryRun: false,
    onProgress: () => {},
    onRemark: (line) => remarks.push(line),
    onSkipped: async (lines) => void skipped.push(...lines),
    ...options,
  }).finally(() => from.end());
  const counts = Object.fromEntries(Object.entries(tally).map(([kind, words]) => [kind, Object.fromEntries(words)]));
  return { counts, remarks, skipped };
}

/** All that we hold, with the number of the transaction that wrote each row. */
async function ours({ sql }: TestDatabase) {
  return {
    players: await sql`
      select steam_id::text as "steamId", game_id as "gameId", steam_seconds as steam, steam_status as status,
        steam_checked_at::text as checked, bm_seconds as bm, bm_signed_at is not null as signed,
        created_at::text as created, updated_at::text as updated, xmin::text as writer
      from playtimes order by steam_id, game_id`.then((rows) => [...rows]),
    connections:
      await sql`select kind, path, secret, enabled, fixed_game_id as game, xmin::text as writer from connections order by kind, path`.then(
        (rows) => [...rows],
      ),
  };
}

async function playersOf(db: TestDatabase) {
  await db.sql`set timezone to 'UTC'`;
  return (await ours(db)).players.map(({ writer, ...row }) => row);
}

describe("players of the Django service", () => {
  test("come over with their times, to the microsecond, and with what can be said of Steam", async (t) => {
    const db = await databaseWithDjango(t);
    await insertTimes(db.sql, [
      { steamId: "76561198000000001", steam: 360000, bm: 7200 },
      { steamId: "76561198000000002", steam: 0 },
      { steamId: "76561198000000003", bm: 5 },
      { steamId: "76561198000000004" },
      { steamId: "76561198000000001", gameId: 0, bm: 2147483647 },
    ]);
    assert.deepEqual((await run(db)).counts["players"], { imported: 5 });
    const [row] = await db.sql`
      select created_at = ${created}::text::timestamptz and updated_at = ${updated}::text::timestamptz
        and steam_checked_at = updated_at as exact from playtimes where steam_id = ${player} and game_id = 393380`;
    assert.deepEqual(row, { exact: true });
    assert.deepEqual(
      (await playersOf(db)).map(({ steamId, gameId, steam, bm, status, checked, signed }) => [
        `${steamId}/${gameId}`,
        steam,
        bm,
        status,
        checked !== null,
        signed,
      ]),
      [
        ["76561198000000001/0", null, 2147483647, "unchecked", false, false],
        ["76561198000000001/393380", 360000, 7200, "ok", true, false],
        ["76561198000000002/393380", 0, null, "ok", true, false],
        ["76561198000000003/393380", null, 5, "unchecked", false, false],
        ["76561198000000004/393380", null, null, "unavailable", false, false],
      ],
    );
  });

  test("come over in whole seconds from the first version, which kept fractions", async (t) => {
    const db = await databaseWithDjango(t, first);
    await insertTimes(db.sql, [
      { steamId: player, steam: 59.5, bm: 7200.49 },
      { steamId: "76561198000000003", bm: Number.NaN },
      { steamId: "76561198000000004", bm: Number.POSITIVE_INFINITY },
      { steamId: "76561198000000005", steam: -1.5 },
      { steamId: "76561198000000006", steam: 2147483648 },
    ]);
    const { counts, skipped } = await run(db);
    assert.deepEqual(counts["players"], {
      imported: 1,
      "skipped: bm_playtime must be a whole number from 0 to 2147483647": 2,
      "skipped: steam_playtime must be a whole number from 0 to 2147483647": 2,
    });
    assert.equal(skipped.length, 4);
    const [row] = await playersOf(db);
    assert.deepEqual([row?.["steam"], row?.["bm"]], [60, 7200]);
  });

  test("that break our limits are listed with their reason and do not stop the rest", async (t) => {
    const db = await databaseWithDjango(t);
    await insertTimes(db.sql, [
      { steamId: "７６561198000000001", bm: 1 },
      { steamId: "75561198000000001", bm: 1 },
      { steamId: "765611980000000", bm: 1 },
      { steamId: "", bm: 1 },
      { steamId: "76'\u001b\"{,}\\x", bm: 1 },
      { steamId: player, gameId: -1, bm: 1 },
      { steamId: other, bm: -5 },
      { steamId: player, bm: 1 },
    ]);
    const { counts, skipped } = await run(db);
    assert.deepEqual(counts["players"], {
      imported: 1,
      "skipped: steam_id must be a SteamID64: 16 to 18 digits that begin with 76": 5,
      "skipped: game_id must be a whole number from 0 to 2147483647": 1,
      "skipped: bm_playtime must be a whole number from 0 to 2147483647": 1,
    });
    assert.equal(skipped.length, 7);
    assert.ok(skipped.every((line) => /^player, id \d+, steam_id ".*", game -?\d+: \w+ must be /.test(line)));
    assert.ok(skipped.every((line) => !line.includes("\u001b")));
  });

  test("that become one row of ours are counted, and the newest of them is taken", async (t) => {
    const db = await databaseWithDjango(t);
    await insertTimes(db.sql, [
      { steamId: player, bm: 1 },
      { steamId: ` ${player}`, bm: 3, updated: bigger },
      { steamId: `${player} `, bm: 2, updated: smaller },
    ]);
    assert.deepEqual((await run(db)).counts["players"], {
      imported: 1,
      "left unchanged: a newer row of the same player and game was there": 2,
    });
    assert.equal((await playersOf(db))[0]?.["bm"], 3);
  });

  test("may be many: all batches come over, a pair across two batches too", async (t) => {
    const db = await databaseWithDjango(t);
    await db.sql`
      insert into playtime_playtime (steam_id, game_id, bm_playtime, created_at, updated_at)
      select (76561198000000000 + n)::text, 393380, n, now(), now() from generate_series(1, 4500) n`;
    await db.sql`
      insert into playtime_playtime (steam_id, game_id, bm_playtime, created_at, updated_at)
      select ' ' || steam_id, game_id, 0, created_at, '2025-01-01' from playtime_playtime where bm_playtime in (2000, 3999)`;
    const progress: string[] = [];
    const { counts } = await run(db, { onProgress: (done, total) => progress.push(`${done}/${total}`) });
    assert.deepEqual(counts["players"], {
      imported: 4500,
      "left unchanged: a newer row of the same player and game was there": 2,
    });
    assert.deepEqual(progress, ["2000/4502", "4000/4502", "4502/4502"]);
    const [sum] = await db.sql`select count(*)::int as rows, sum(bm_seconds)::int as seconds from playtimes`;
    assert.deepEqual(sum, { rows: 4500, seconds: (4500 * 4501) / 2 });
  });

  test("with times of the future are taken as of now, and never outrank what comes later", async (t) => {
    const db = await databaseWithDjango(t);
    await insertTimes(db.sql, [
      { steamId: player, steam: 60, created: "2999-01-01", updated: "2999-01-02" },
      { steamId: other, steam: 60, created: "-infinity", updated: "infinity" },
    ]);
    await run(db);
    const [late] = await db.sql`
      select count(*)::int as rows from playtimes
      where updated_at > now() or steam_checked_at > now() or created_at > now() or not isfinite(created_at)`;
    assert.deepEqual(late, { rows: 0 });
    await db.sql`update playtimes set steam_seconds = 120, updated_at = now() - interval '1 minute'`;
    await run(db);
    assert.deepEqual(
      (await playersOf(db)).map(({ steam }) => steam),
      [120, 120],
    );
  });
});

describe("over rows of ours", () => {
  test("a second run changes nothing", async (t) => {
    const db = await databaseWithDjango(t);
    await insertPaths(db.sql, "script", [
      { path: "Main", secret: "s3cret-of-main" },
      { path: "empty", secret: "" },
    ]);
    await insertTimes(db.sql, [
      { steamId: player, steam: 60, bm: 7200 },
      { steamId: ` ${player}`, steam: 50, updated: smaller },
      { steamId: other },
      { steamId: "76561198000000003", bm: 1, updated: "infinity" },
    ]);
    await run(db);
    const before = await ours(db);
    const again = await run(db);
    assert.deepEqual(await ours(db), before);
    assert.deepEqual(again.counts["players"], {
      "left unchanged: the row here is as new": 3,
      "left unchanged: a newer row of the same player and game was there": 1,
    });
    assert.deepEqual(again.counts["script"], { "left unchanged: it is here already": 2 });
  });

  test("nothing replaces a time that BattleMetrics has signed", async (t) => {
    const db = await databaseWithDjango(t);
    await insertTimes(db.sql, [{ steamId: player, steam: 60, bm: 7200, updated: "2999-01-01" }]);
    const signed = { steamId: player, gameId: 393380, seconds: 7000, signedAt: new Date("2025-01-01") };
    await playtimesIn(db.database).saveBattlemetrics(signed);
    const before = await ours(db);
    assert.deepEqual((await run(db)).counts["players"], {
      "left unchanged: the row here has a time signed by BattleMetrics": 1,
    });
    assert.deepEqual(await ours(db), before);
  });

  test("not even one that arrives while the import is under way", async (t) => {
    const db = await databaseWithDjango(t);
    await insertTimes(db.sql, [{ steamId: player, bm: 7200 }]);
    const delivery = { steamId: player, gameId: 393380, seconds: 7300, signedAt: new Date() };
    await run(db, { onSkipped: () => playtimesIn(db.database).saveBattlemetrics(delivery) });
    assert.equal((await playersOf(db))[0]?.["bm"], 7300);
  });

  test("otherwise the newer one wins, but no known time gives way to none", async (t) => {
    const db = await databaseWithDjango(t);
    const row = (steamId: string, gameId: number, steam: number | null, status: string, checked: string | null) =>
      db.sql`
        insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, created_at, updated_at)
        values (${steamId}, ${gameId}, ${steam}, ${status}, ${checked}::text::timestamptz, ${updated}::text::timestamptz, ${updated}::text::timestamptz)`;
    await row(player, 1, 60, "ok", updated);
    await row(player, 2, 60, "ok", updated);
    await row(player, 3, 60, "ok", updated);
    await row(player, 4, null, "private", updated);
    await row(player, 5, null, "unavailable", null);
    await row(player, 6, 60, "ok", updated);
    await insertTimes(db.sql, [
      { steamId: player, gameId: 1, steam: 120, bm: 5, updated: bigger },
      { steamId: player, gameId: 2, steam: 30, bm: 5, updated: smaller },
      { steamId: player, gameId: 3, bm: 5, updated: bigger },
      { steamId: player, gameId: 4, updated: bigger },
      { steamId: player, gameId: 5, bm: 5, updated: bigger },
      { steamId: player, gameId: 6, steam: 120 },
    ]);
    assert.deepEqual((await run(db)).counts["players"], {
      "imported; an older row was replaced": 4,
      "left unchanged: the row here is as new": 2,
    });
    assert.deepEqual(
      (await playersOf(db)).map(({ steam, bm, status }) => [steam, bm, status]),
      [
        [120, 5, "ok"],
        [60, null, "ok"],
        [60, 5, "ok"],
        [null, null, "private"],
        [null, 5, "unchecked"],
        [60, null, "ok"],
      ],
    );
    const [kept] =
      await db.sql`select created_at = ${created}::text::timestamptz as earlier, updated_at = ${bigger}::text::timestamptz as later
      from playtimes where game_id = 1`;
    assert.deepEqual(kept, { earlier: true, later: true });
  });
});

describe("connections of the Django service", () => {
  test("come over with secret, switch and fixed game, their paths in our form", async (t) => {
    const db = await databaseWithDjango(t);
    await insertPaths(db.sql, "battlemetrics", [
      { path: "bm-main", secret: "bm-secret-1" },
      { path: "bm-fixed", secret: "bm-secret-2", fixedGameId: 393380 },
      { path: "bm-off", secret: "bm-secret-3", enabled: false },
    ]);
    await insertPaths(db.sql, "script", [
      { path: "bm-main", secret: " секрет-ключ " },
      { path: " My Server", secret: "get-secret-1" },
    ]);
    const { counts, remarks } = await run(db);
    assert.deepEqual(
      (await ours(db)).connections.map(({ writer, ...connection }) => connection),
      [
        { kind: "battlemetrics", path: "bm-fixed", secret: "bm-secret-2", enabled: true, game: 393380 },
        { kind: "battlemetrics", path: "bm-main", secret: "bm-secret-1", enabled: true, game: null },
        { kind: "battlemetrics", path: "bm-off", secret: "bm-secret-3", enabled: false, game: null },
        { kind: "script", path: "bm-main", secret: " секрет-ключ ", enabled: true, game: null },
        { kind: "script", path: "my-server", secret: "get-secret-1", enabled: true, game: null },
      ],
    );
    assert.deepEqual([counts["battlemetrics"], counts["script"]], [{ imported: 3 }, { imported: 2 }]);
    assert.deepEqual(remarks, []);
  });

  test("that cannot come as they are, are reported, without a secret in the words", async (t) => {
    const db = await databaseWithDjango(t);
    const ours: Parameters<typeof insertConnections>[1] = [
      { kind: "script", path: "changed", secret: "our-own-secret", enabled: false, fixedGameId: null },
    ];
    await insertConnections(db, ours);
    await insertPaths(db.sql, "script", [
      { path: "MAIN", secret: "the-secret-1", enabled: false },
      { path: "main", secret: "the-secret-2" },
      { path: "a/b", secret: "the-secret-3" },
      { path: "empty", secret: "" },
      { path: "changed", secret: "the-secret-4" },
      { path: "fixed", secret: "the-secret-5", fixedGameId: -1 },
    ]);
    const { counts, remarks } = await run(db);
    assert.deepEqual(counts["script"], {
      imported: 1,
      "imported switched off: its secret is empty": 1,
      "left unchanged: it is here already, with another secret": 1,
      "skipped: its path is the same as another one's": 1,
      "skipped: the path must be 1 to 255 characters without / and control characters, and not . or ..": 1,
      "skipped: fixed_game_id must be a whole number from 0 to 2147483647": 1,
    });
    assert.equal(remarks.length, 5);
    assert.ok(
      remarks.some((line) => line.startsWith('script "MAIN" (id 1): skipped:') && line.includes('"main" (id 2)')),
    );
    assert.ok(!/the-secret|our-own/.test(remarks.join()));
    const rows = await db.sql`select path, secret, enabled from connections order by path`;
    assert.deepEqual(
      [...rows],
      [
        { path: "changed", secret: "our-own-secret", enabled: false },
        { path: "empty", secret: null, enabled: false },
        { path: "main", secret: "the-secret-2", enabled: true },
      ],
    );
  });
});

test("a dry run counts the same, and writes nothing", async (t) => {
  const db = await databaseWithDjango(t);
  await insertPaths(db.sql, "script", [
    { path: "Main", secret: "s" },
    { path: "main", secret: "s" },
    { path: "empty", secret: "" },
  ]);
  await insertTimes(db.sql, [
    { steamId: player, bm: 1 },
    { steamId: ` ${player}`, bm: 3, updated: smaller },
    { steamId: other, bm: 1 },
    { steamId: "x", bm: 1 },
  ]);
  await db.sql`insert into playtimes (steam_id, game_id, updated_at) values (${other}, 393380, ${smaller})`;
  const before = await ours(db);
  const dry = await run(db, { dryRun: true });
  assert.deepEqual(await ours(db), before);
  assert.deepEqual(await run(db), dry);
});

test("nothing in the source is changed, and another table of that name is told apart", async (t) => {
  const db = await databaseWithDjango(t);
  await insertPaths(db.sql, "battlemetrics", [{ path: "Main", secret: "s" }]);
  await insertTimes(db.sql, [{ steamId: player, bm: 1 }, { steamId: "x" }]);
  const before = await djangoContent(db.sql);
  await run(db);
  assert.deepEqual(await djangoContent(db.sql), before);

  await db.sql`alter table playtime_playtime rename column bm_playtime to hours`;
  await assert.rejects(
    run(db),
    (error) => error instanceof DatabaseProblem && /not those of the Django service.*bm_playtime/.test(error.message),
  );
});

test("texts of any length, in a source that somebody else made, are read in part and skipped", async (t) => {
  const db = await databaseWithDjango(t);
  await db.sql.unsafe(`
    alter table playtime_playtime alter column steam_id type text;
    alter table playtime_playtimegetpath alter column path type text, alter column hmac_secret_key type text;
    insert into playtime_playtime (steam_id, game_id, created_at, updated_at)
      select '76561198000000001' || repeat('1', 100000) || n, 1, now(), now() from generate_series(1, 20) as n;
    insert into playtime_playtimegetpath (enabled, path, hmac_secret_key)
      values (true, repeat('x', 100000), 'a secret of sixteen'), (true, 'long', repeat('x', 100000));`);
  const { counts, remarks, skipped } = await run(db);
  assert.equal(skipped.length, 20);
  assert.ok([...skipped, ...remarks].every((line) => line.length < 2_000));
  assert.deepEqual(Object.values(counts["players"] ?? {}), [20]);
  assert.deepEqual(Object.values(counts["script"] ?? {}), [1, 1]);
  assert.deepEqual(await playersOf(db), []);
});
