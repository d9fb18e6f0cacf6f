import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, connect as dial } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { progressBar } from "../../src/cli/progress.ts";
import { createClient } from "../../src/database/connect.ts";
import { embeddedUser, startEmbedded } from "../../src/database/embedded/embedded.ts";
import { createLog } from "../../src/log.ts";
import { cli, cliProcess } from "../support/cli.ts";
import { createTestDatabase, environmentOf, type TestAddress, type TestDatabase } from "../support/database.ts";
import { createDjangoTables, databaseWithDjango, insertPaths, insertTimes } from "../support/django.ts";

const player = "76561198000000001";
const other = "76561198000000002";

const stored = async ({ sql }: TestDatabase) => (await sql`select from playtimes`).length;

describe("the command import-django", { concurrency: 3 }, () => {
  test("takes the configured database, and ends with a table", async (t) => {
    const db = await databaseWithDjango(t);
    await insertPaths(db.sql, "script", [{ path: "main", secret: "secret-of-main" }]);
    await insertTimes(db.sql, [
      { steamId: player, bm: 1 },
      { steamId: other, bm: -1 },
    ]);
    const env = environmentOf(db);
    const dry = await cli("import-django --dry-run", { env });
    const table = [
      "WHAT                           COUNT  RESULT",
      "battlemetrics connections          0  none in the Django service",
      "script connections                 1  imported",
      "players                            1  imported",
      "players                            1  skipped: bm_playtime must be a whole number from 0 to 2147483647",
      "",
    ].join("\n");
    assert.deepEqual([dry.code, dry.out], [0, `${table}\nThis was a dry run: nothing was changed.`]);
    assert.equal(await stored(db), 0);
    const real = await cli("import-django", { env });
    assert.deepEqual([real.code, real.out.startsWith(table)], [0, true]);
    assert.match(real.err, /^player, id 2, steam_id "76561198000000002", game 393380: bm_playtime must be [^\n]*$/);
    assert.equal(await stored(db), 1);
  });

  test("takes another server's database, into the embedded one, with and without a running service", async (t) => {
    const source = await createTestDatabase({ empty: true });
    t.after(source.drop);
    await createDjangoTables(source.sql, { stage: 1, ids: "serial" });
    await insertPaths(source.sql, "script", [{ path: "main", secret: "secret-of-main" }]);
    await insertTimes(source.sql, [{ steamId: player, bm: 1 }]);
    const from = await overTcp(t, source.address);
    const dataDir = await scratch(t);
    const env = { PLAYTIME_SERVER_DATA_DIR: dataDir };

    const alone = await cli("import-django --from -", { env, input: from });
    assert.deepEqual([alone.code, alone.err], [0, ""]);
    assert.match(alone.out, /script connections +1 {2}imported\nplayers +1 {2}imported\n/);

    await insertTimes(source.sql, [{ steamId: other, bm: 2 }]);
    const log = createLog({ level: "error", readable: true, write: (line) => process.stderr.write(line) });
    const running = await startEmbedded({ dataDir, settings: { fsync: "off" }, log });
    t.after(running.stop);
    const beside = await cli(`import-django --from ${from}`, { env });
    assert.match(
      beside.out,
      /players +1 {2}imported\nplayers +1 {2}left unchanged: the row here is as new\n/,
      beside.err,
    );
    const client = createClient(
      { host: running.socketDir, port: 5432, database: "postgres", user: embeddedUser, password: "", sslmode: "" },
      1,
    );
    const rows = await client`select steam_id::text as id from playtimes order by 1`;
    await client.end();
    assert.deepEqual(
      rows.map(({ id }) => id),
      [player, other],
    );
  });

  test("lists every skipped row where standard error is no terminal, and a few on a terminal", async (t) => {
    const db = await databaseWithDjango(t);
    await insertPaths(db.sql, "script", [{ path: "main", secret: "secret-of-main" }]);
    await db.sql`
      insert into playtime_playtime (steam_id, game_id, bm_playtime, created_at, updated_at)
      select 'no ' || n, 393380, n, now(), now() from generate_series(1, 2500) n`;
    const { code, err } = await cli("import-django", { env: environmentOf(db) });
    assert.equal(code, 0, err);
    assert.equal(new Set(err.split("\n")).size, 2500);
    const onTerminal = await cliProcess("import-django", { env: environmentOf(db), terminal: true });
    assert.equal(onTerminal.code, 0, onTerminal.out);
    assert.equal(onTerminal.out.match(/^player, id \d+/gm)?.length, 20);
    assert.match(onTerminal.out, /^… 2,480 more\. .* 2> skipped\.txt/m);
  });

  test("says what to do where there is nothing to import, and never shows the address of --from", async (t) => {
    const db = await createTestDatabase();
    t.after(db.drop);
    const env = environmentOf(db);
    const nothing = await cli("import-django", { env });
    assert.deepEqual([nothing.code, nothing.out], [1, ""]);
    assert.match(
      nothing.err,
      /^The configured database holds no tables of the Django service\. .*--from - .*postgres:/,
    );

    const from = (url: string) => cli(`import-django --from ${url}`, { env });
    const [noTables, noServer, noUrl, broken] = await Promise.all([
      from(await overTcp(t, db.address)),
      from("postgres://someone:pass-word@127.0.0.1:9/postgres"),
      from("mysql://someone:pass-word@127.0.0.1/x"),
      from("postgres://someone:pass-word@[/x"),
    ]);
    assert.deepEqual([noTables.code, noServer.code, noUrl.code, broken.code], [1, 1, 2, 2]);
    assert.match(noTables.err, /--from names holds no tables of the Django service/);
    assert.match(noServer.err, /nothing listens there \(ECONNREFUSED\)/);
    assert.match(broken.err, /^--from must be an address such as/);
    assert.ok(!JSON.stringify([noTables, noServer, noUrl, broken]).includes("pass-word"));
  });
});

test("a source that goes away in the middle stops the import with a word, and a second run brings the rest", async (t) => {
  const db = await createTestDatabase();
  t.after(db.drop);
  const source = await createTestDatabase({ empty: true });
  t.after(source.drop);
  await createDjangoTables(source.sql, { stage: 3, ids: "identity" });
  await source.sql`
    insert into playtime_playtime (steam_id, game_id, bm_playtime, created_at, updated_at)
    select (76561198000000000 + n)::text, 393380, n, now(), now() from generate_series(1, 20000) n`;
  const cut = await cli(`import-django --from ${await overTcp(t, source.address, 1_000_000)}`, {
    env: environmentOf(db),
  });
  assert.equal(cut.code, 1);
  assert.match(cut.err, /^The connection to a database was lost during the import\..*run the import again/);
  const some = await stored(db);
  assert.ok(some > 0 && some < 20_000, `${some} rows`);
  await cli(`import-django --from ${await overTcp(t, source.address)}`, { env: environmentOf(db) });
  assert.equal(await stored(db), 20_000);
});

test("the bar on the terminal shows how far it is, and ends its line", () => {
  const drawn: string[] = [];
  let nowMs = 0;
  const bar = progressBar(
    (text) => drawn.push(text),
    "players",
    () => nowMs,
  );
  bar(2500, 10000);
  nowMs = 99;
  bar(2501, 10000); // too soon after the last one
  bar(10000, 10000);
  assert.deepEqual(drawn, [
    "\r[######                  ]  25 %  2,500 of 10,000 players",
    "\r[########################] 100 %  10,000 of 10,000 players\n",
  ]);
  progressBar(undefined, "players")(1, 1);
});

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-move-"));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** A postgres:// address of a test database: the cluster of the tests listens on a socket only, which such an address
 * cannot name. `cutBytes`: the connection breaks after so much of the answers. */
async function overTcp(t: TestContext, address: TestAddress, cutBytes = Number.POSITIVE_INFINITY): Promise<string> {
  if ("url" in address) return address.url;
  const server = createServer((client) => {
    const upstream = dial(join(address.host, `.s.PGSQL.${address.port}`));
    client.pipe(upstream).pipe(client);
    upstream.on("data", () => {
      if (upstream.bytesRead > cutBytes) client.destroy();
    });
    for (const socket of [client, upstream]) socket.on("error", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const listening = server.address();
  assert.ok(listening && typeof listening === "object");
  return `postgres://${address.user}:pass-word@127.0.0.1:${listening.port}/${address.database}`;
}
