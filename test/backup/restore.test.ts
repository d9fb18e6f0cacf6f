import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isPassword } from "../../src/admin/password.ts";
import { backupOf, contentOf, emptyDatabase, filledDatabase, rewrite, run, scratch } from "../support/backups.ts";
import { cli, cliProcess } from "../support/cli.ts";
import { environmentOf, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { startProcess } from "../support/process.ts";
import { post } from "../support/service.ts";

test("a password alone is no data: a fresh machine where one was set takes a backup, and is told which password counts", async (t) => {
  const setPassword = (db: TestDatabase, password: string) => run(db, `admin password --password ${password}`);
  const opens = async (db: TestDatabase) => {
    const [row] = await db.sql<{ value: string }[]>`select value from panel_settings where name = 'password'`;
    for (const password of ["of-the-backup", "of-the-machine"])
      if (row && (await isPassword(password, row.value))) return password;
    return undefined;
  };
  const [from, without] = await Promise.all([filledDatabase(t, 3), filledDatabase(t, 3)]);
  assert.equal((await setPassword(from, "of-the-backup")).code, 0);
  const cases = [
    [
      await backupOf(t, from),
      /5 seconds\.\nThe password of the panel is now the one of the backup\.$/,
      "of-the-backup",
    ],
    [await backupOf(t, without), /5 seconds\.\nThe password of the panel is the same as before\.$/, "of-the-machine"],
  ] as const;
  for (const [file, words, password] of cases) {
    const fresh = await emptyDatabase(t);
    assert.equal((await setPassword(fresh, "of-the-machine")).code, 0);
    const { code, out, err } = await run(fresh, `restore ${file}`);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, words);
    assert.equal(await opens(fresh), password);
    const env = { ...environmentOf(fresh), PLAYTIME_ADMIN_PASSWORD: "of-the-config" };
    const again = await cli(`restore ${file} --replace --yes`, { env });
    assert.match(again.out, /The password of the panel is still the one of the config, \[ADMIN\] PASSWORD\.$/);
  }
});

describe("a restore into a database that is not empty", { concurrency: 4 }, () => {
  test("needs --replace, and then a word of consent", async (t) => {
    const file = await backupOf(t, await filledDatabase(t));
    const db = await filledDatabase(t, 5);
    const before = await contentOf(db);
    const without = await run(db, `restore ${file}`);
    assert.equal(without.code, 1);
    assert.match(without.err, /^The database is not empty: .*--replace/);
    const unasked = await run(db, `restore ${file} --replace`);
    assert.equal(unasked.code, 2);
    assert.match(unasked.err, /^There is no terminal to ask on: add --yes\./);
    assert.deepEqual(await contentOf(db), before);
    const replaced = await run(db, `restore ${file} --replace --yes`);
    assert.equal(replaced.code, 0, replaced.err);
    assert.equal((await contentOf(db)).length, 1_042);
  });

  test("asks on a terminal what is to be replaced by what, and shows how far it is", async (t) => {
    const file = await backupOf(t, await filledDatabase(t));
    const db = await filledDatabase(t, 5);
    const options = { env: environmentOf(db), terminal: true };
    const no = await cliProcess(`restore ${file} --replace`, { ...options, input: "no\n" });
    assert.match(
      no.out,
      /The database holds 2 connections, 5 player times and 4 daily times\. Delete them all, and restore the backup of 20\S+ with 2 connections, 600 player times and 320 daily times\?/,
    );
    assert.match(no.out, /Nothing was changed\./);
    const yes = await cliProcess(`restore ${file} --replace`, { ...options, input: "yes\n" });
    assert.match(yes.out, /100 % {2}1,042 of 1,042 rows checked/);
    assert.match(yes.out, /100 % {2}1,042 of 1,042 rows restored/);
    assert.equal((await contentOf(db)).length, 1_042);
  });

  test("that is lost on the way changes nothing", async (t) => {
    const file = await backupOf(t, await filledDatabase(t, 25_000));
    const db = await filledDatabase(t, 5);
    const before = await contentOf(db);
    const restoring = run(db, `restore ${file} --replace --yes`);
    const hit = async () =>
      (
        await db.sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query like '%insert into "playtimes"%' and pid <> pg_backend_pid()`
      ).length;
    await eventually("a statement of the restore to end", async () => (await hit()) > 0, { everyMs: 5 });
    const { code, err } = await restoring;
    assert.equal(code, 1);
    assert.match(err, /^The connection to the database was lost: try again\.$/);
    assert.deepEqual(await contentOf(db), before);
  });
});

test("moves all from a server into the embedded database beside its running service, which follows within 5 seconds, and back", {
  timeout: 60_000,
}, async (t) => {
  const from = await filledDatabase(t, 500);
  const file = await backupOf(t, from);
  const dataDir = await scratch(t);
  const env = { PLAYTIME_SERVER_DATA_DIR: dataDir };
  const service = await startProcess({ env });
  t.after(() => service.end("SIGKILL"));

  const restored = await cli(`restore ${file}`, { env });
  assert.deepEqual([restored.code, restored.err], [0, ""]);
  // The connection is switched off in the backup: the answer shows that the service knows it.
  const isKnown = async () => (await post(`${service.url}/get-playtime/plugin`, "{}")).status === 403;
  await eventually("the service to know the restored connection", isKnown, { everyMs: 100 });

  const again = join(await scratch(t), "embedded.backup");
  assert.equal((await cli(`backup ${again}`, { env })).code, 0);
  const back = await emptyDatabase(t);
  assert.equal((await run(back, `restore ${again}`)).code, 0);
  assert.deepEqual(await contentOf(back), await contentOf(from));
});

test("a time of the future in a backup is set to now: it would outrank all that comes", async (t) => {
  const file = await backupOf(t, await filledDatabase(t, 1));
  await rewrite(file, (lines) => lines.map((line) => line.replace(/"2026-02-03T[^"]+"/, '"2100-01-01T00:00:00Z"')));
  const db = await emptyDatabase(t);
  assert.equal((await run(db, `restore ${file}`)).code, 0);
  const [row] = await db.sql`select bm_signed_at <= now() as past, bm_seconds as seconds from playtimes`;
  assert.deepEqual(row, { past: true, seconds: 2_147_483_646 });
});

test("a backup of a version that kept no days restores: players were seen when BattleMetrics signed last", async (t) => {
  const from = await filledDatabase(t, 10);
  const file = await backupOf(t, from);
  await rewrite(file, (lines) => {
    const days = lines.findIndex((line) => line.startsWith('{"table":"playtime_days"'));
    const players = lines.findIndex((line) => line.startsWith('{"table":"playtimes"'));
    return lines.slice(0, days).map((line, index) => {
      if (index === 0) {
        const header = JSON.parse(line);
        delete header.rows.playtime_days;
        delete header.rows.player_names;
        delete header.rows.edits;
        return JSON.stringify(header);
      }
      if (index < players) return line;
      const { table, columns } = JSON.parse(line);
      if (table !== undefined) return JSON.stringify({ table, columns: columns.slice(0, -3) });
      return JSON.stringify(JSON.parse(line).slice(0, -3));
    });
  });
  const into = await emptyDatabase(t);
  const { code, err } = await run(into, `restore ${file}`);
  assert.deepEqual([code, err], [0, ""]);
  const rows = await into.sql<{ same: boolean; signed: boolean; org: number | null }[]>`
    select seen_at is not distinct from bm_signed_at as same, bm_signed_at is not null as signed, org_seconds as org from playtimes`;
  assert.equal(rows.length, 10);
  assert.ok(rows.every(({ same, org }) => same && org === null) && rows.some(({ signed }) => signed));
});

test("a backup of an earlier version with two paths of one normal form is restored whole", async (t) => {
  const from = await emptyDatabase(t);
  await from.sql`
    insert into connections (kind, path, secret, created_at) values
      ('script', ${"h\u0331"}, 'the secret of the older', now() - interval '1 day'), ('script', ${"\u1e96"}, 'the secret of the newer', now())`;
  const file = await backupOf(t, from);
  const into = await emptyDatabase(t);
  const { code, err } = await run(into, `restore ${file}`);
  assert.equal(code, 0, err);
  assert.match(err, /is now "\u1e96-2": see connections show script \u1e96-2/);
  assert.deepEqual(
    (await into.sql`select path, secret from connections order by created_at`).map(({ path, secret }) => [
      path,
      secret,
    ]),
    [
      ["\u1e96", "the secret of the older"],
      ["\u1e96-2", "the secret of the newer"],
    ],
  );
});
