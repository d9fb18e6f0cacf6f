import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { isPassword } from "../../src/admin/password.ts";
import { backUpIfDue, keepBackups } from "../../src/backup/schedule.ts";
import { tables } from "../../src/backup/tables.ts";
import { writeBackup } from "../../src/backup/write.ts";
import { writeNewFile } from "../../src/file.ts";
import { cli, cliProcess } from "../support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { startProcess } from "../support/process.ts";
import { nodeArgs } from "../support/program.ts";
import { memoryLog, post } from "../support/service.ts";

const cliArgs = nodeArgs("src/cli.ts");

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-backup-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function emptyDatabase(t: TestContext): Promise<TestDatabase> {
  const db = await createTestDatabase();
  t.after(db.drop);
  return db;
}

/** Two connections and some thousand players, with every kind of value. */
async function filledDatabase(t: TestContext, players = 3_000): Promise<TestDatabase> {
  const db = await emptyDatabase(t);
  await db.sql`
    insert into connections (kind, path, secret, enabled, fixed_game_id, created_at, updated_at) values
      ('battlemetrics', 'сервер-один', ${'quotes " \' \\ {"end"\n and \u2028 lines'}, true, 393380, '2026-01-02 03:04:05.678901+00', now()),
      ('script', 'plugin', null, false, null, now(), now())`;
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at)
    select 76561198000000000 + n, n % 3, case when n % 2 = 0 then n end, case when n % 2 = 0 then 'ok' else 'unchecked' end,
      case when n % 2 = 0 then now() - n * interval '1 minute' end, case when n % 5 > 0 then 2147483647 - n end,
      case when n % 5 > 0 then '2026-02-03 04:05:06.789+00'::timestamptz + n * interval '1 ms' end, now() - interval '1 year', now()
    from generate_series(1, ${players}::int) n`;
  await db.sql`
    update playtimes set seen_at = bm_signed_at - case when game_id = 0 then interval '1 day' else '0' end,
      org_seconds = bm_seconds / 2, org_signed_at = bm_signed_at - interval '1 hour'
    where bm_signed_at is not null and game_id < 2`;
  await db.sql`
    insert into playtime_days (steam_id, game_id, day, seconds)
    select steam_id, game_id, date '2026-02-03' - back, 1 + bm_seconds % 86400
    from playtimes, generate_series(0, 1) back where bm_seconds is not null and game_id = 1`;
  await db.sql`
    insert into player_names (steam_id, name, checked_at)
    select steam_id, case when game_id = 0 then ${"quotes \" ' \\ \u2028 🎉"} end, now() from playtimes where steam_id % 10 < 2`;
  return db;
}

/** Everything, to the microsecond. */
async function contentOf({ sql }: TestDatabase) {
  const connections = await sql`select to_jsonb(connections)::text as row from connections order by kind, path`;
  const playtimes = await sql`select to_jsonb(playtimes)::text as row from playtimes order by steam_id, game_id`;
  const days =
    await sql`select to_jsonb(playtime_days)::text as row from playtime_days order by steam_id, game_id, day`;
  const names = await sql`select to_jsonb(player_names)::text as row from player_names order by steam_id`;
  return [...connections, ...playtimes, ...days, ...names].map(({ row }) => row);
}

const run = (db: TestDatabase, args: string) => cli(args, { env: environmentOf(db) });

async function backupOf(t: TestContext, db: TestDatabase): Promise<string> {
  const file = join(await scratch(t), "all.backup");
  const { code, err } = await run(db, `backup ${file}`);
  assert.deepEqual([code, err], [0, ""]);
  return file;
}

/** The same backup with other lines, and with the checksum that belongs to them. */
async function rewrite(file: string, change: (lines: string[]) => string[]): Promise<void> {
  const lines = gunzipSync(await readFile(file))
    .toString()
    .trimEnd()
    .split("\n")
    .slice(0, -1);
  const text = `${change(lines).join("\n")}\n`;
  const sha256 = createHash("sha256").update(text).digest("hex");
  await writeFile(file, gzipSync(`${text}${JSON.stringify({ end: true, sha256 })}\n`));
}

/** Restores what must not be restored: exit code 1 with these words, and nothing is changed. */
async function assertRefused(db: TestDatabase, file: string, words: RegExp): Promise<void> {
  const before = await contentOf(db);
  const { code, err } = await run(db, `restore ${file} --replace --yes`);
  assert.equal(code, 1, err);
  assert.match(err, words);
  assert.equal(err.trim().split("\n").length, 1, err);
  assert.deepEqual(await contentOf(db), before);
}

describe("a backup", { concurrency: 4 }, () => {
  test("comes back as it was, to the microsecond, in an empty database", async (t) => {
    const from = await filledDatabase(t);
    const file = await backupOf(t, from);
    const into = await emptyDatabase(t);
    const { code, out, err } = await run(into, `restore ${file}`);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(
      out,
      /^Restored: 2 connections and 3,000 times of players with 1,600 days\. A running service follows within 5 seconds\.$/,
    );
    assert.deepEqual(await contentOf(into), await contentOf(from));
  });

  test("can be read by its owner alone, and never takes the place of another file", async (t) => {
    const db = await filledDatabase(t, 1);
    const file = await backupOf(t, db);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const { code, err } = await run(db, `backup ${file}`);
    assert.equal(code, 1);
    assert.match(err, /all\.backup exists already: name another file/);
  });

  test("of nothing restores nothing", async (t) => {
    const db = await emptyDatabase(t);
    const { code, out } = await run(db, `restore ${await backupOf(t, db)}`);
    assert.equal(code, 0);
    assert.match(out, /^Restored: 0 connections and 0 times/);
  });

  test("goes through a pipe", async (t) => {
    const from = await filledDatabase(t);
    const into = await emptyDatabase(t);
    const shell = (line: string, db: TestDatabase) =>
      new Promise<number | null>((resolve) => {
        const env = { PATH: process.env["PATH"], PLAYTIME_SERVER_DATA_DIR: folder, ...environmentOf(db) };
        const child = spawn("sh", ["-c", line.replaceAll("CLI", `node ${cliArgs.join(" ")}`)], { env });
        child.on("close", resolve);
      });
    const folder = await scratch(t);
    assert.equal(await shell(`CLI backup - > ${folder}/piped`, from), 0);
    assert.equal(await shell(`cat ${folder}/piped | CLI restore - `, into), 0);
    assert.deepEqual(await contentOf(into), await contentOf(from));
    assert.deepEqual(await readdir(folder), ["piped"]);
  });

  test("is of one moment, whatever is written meanwhile", async (t) => {
    const db = await filledDatabase(t);
    const before = await contentOf(db);
    const file = join(await scratch(t), "moment.backup");
    let changed = false;
    await writeNewFile(file, (to) =>
      writeBackup({
        database: db.database,
        to,
        pause: async () => {
          if (!changed) await db.sql`delete from playtimes where steam_id > 76561198000000010`;
          changed = true;
        },
      }),
    );
    const into = await emptyDatabase(t);
    await run(into, `restore ${file}`);
    assert.deepEqual(await contentOf(into), before);
  });

  test("that is killed leaves no file of its name", async (t) => {
    const db = await filledDatabase(t, 200_000);
    const folder = await scratch(t);
    const child = spawn(process.execPath, [...cliArgs, "backup", join(folder, "killed.backup")], {
      env: { PATH: process.env["PATH"], ...environmentOf(db) },
    });
    const ended = new Promise((resolve) => child.on("close", (_, signal) => resolve(signal)));
    await eventually("the first part of the file", async () => (await readdir(folder)).length > 0, { everyMs: 5 });
    child.kill("SIGKILL");
    assert.equal(await ended, "SIGKILL");
    assert.match((await readdir(folder)).join(), /^killed\.backup\.partial-[0-9a-f]{8}$/);
  });

  test("that finds no room ends with a word and leaves nothing", async (t) => {
    const db = await filledDatabase(t);
    const folder = await scratch(t);
    const line = `ulimit -f 8; trap '' XFSZ; exec node ${cliArgs.join(" ")} backup ${folder}/large.backup`;
    const env = { PATH: process.env["PATH"], ...environmentOf(db) };
    const child = spawn("sh", ["-c", line], { env });
    let err = "";
    child.stderr.on("data", (part) => {
      err += part;
    });
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 1, err);
    assert.match(err, /large\.backup: a file may not be that large here\. Nothing was left behind\.\n$/);
    assert.deepEqual(await readdir(folder), []);
  });

  test("goes where there is a folder, and says so where there is none", async (t) => {
    const db = await emptyDatabase(t);
    const folder = await scratch(t);
    assert.match((await run(db, `backup ${folder}/no/such.backup`)).err, /this file or folder does not exist\.$/);
    assert.match((await run(db, `backup ${folder}`)).err, /exists already/);
    assert.match(
      (await run(db, `restore ${folder}/none.backup`)).err,
      /none\.backup: this file or folder does not exist/,
    );
    assert.match((await run(db, `restore ${folder}`)).err, /is a folder/);
  });
});

describe("a restore refuses, and changes nothing,", { concurrency: 4 }, () => {
  test("a file that is cut, wherever that is", async (t) => {
    const db = await filledDatabase(t, 10);
    const whole = await readFile(await backupOf(t, await filledDatabase(t)));
    const file = join(await scratch(t), "cut.backup");
    for (const bytes of [9, 15, 1_000, Math.floor(whole.length / 2), whole.length - 9, whole.length - 1]) {
      await writeFile(file, whole.subarray(0, bytes));
      await assertRefused(db, file, /^The file is cut off or was changed/);
    }
    await writeFile(file, "");
    await assertRefused(db, file, /^The file is cut off or was changed/);
  });

  test("a file that is cut at a line and packed again", async (t) => {
    const db = await filledDatabase(t, 10);
    const file = await backupOf(t, await filledDatabase(t));
    const lines = gunzipSync(await readFile(file))
      .toString()
      .split("\n");
    await writeFile(file, gzipSync(`${lines.slice(0, 1_000).join("\n")}\n`));
    await assertRefused(db, file, /^The file is cut off or was changed/);
  });

  test("a file with any byte flipped", async (t) => {
    const whole = await readFile(await backupOf(t, await filledDatabase(t, 50)));
    const file = join(await scratch(t), "flipped.backup");
    const db = await emptyDatabase(t);
    // The header of gzip holds bytes that say nothing: time and system.
    for (let at = 10; at < whole.length; at += Math.ceil(whole.length / 40)) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      await writeFile(file, bytes);
      const { code, err } = await run(db, `restore ${file}`);
      assert.equal(code, 1, `byte ${at}`);
      assert.match(err, /^The file is cut off or was changed/, `byte ${at}`);
    }
    assert.deepEqual(await contentOf(db), []);
  });

  test("a value changed inside, or a row left out, with the old checksum", async (t) => {
    const db = await filledDatabase(t, 10);
    const file = await backupOf(t, await filledDatabase(t));
    const text = gunzipSync(await readFile(file)).toString();
    await writeFile(file, gzipSync(text.replace("2147482646", "2147482645")));
    await assertRefused(db, file, /^The file is cut off or was changed/);
    await writeFile(file, gzipSync(text.replace(/^\["7656.*\n/m, "")));
    await assertRefused(db, file, /^The file is cut off or was changed/);
  });

  test("values that the service would never have stored, though the checksum is right", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 20));
    const file = join(await scratch(t), "forged.backup");
    const changes: [from: string | RegExp, to: string, words: RegExp][] = [
      ["76561198000000007", "86561198000000007", /steam_id must be a SteamID64/],
      ["2147483646", "2147483648", /bm_seconds must be a whole number/],
      ["2147483646", "-1", /bm_seconds must be/],
      ['"unchecked"', '"unknown"', /steam_status must be one of ok/],
      [/"2026-02-03T[^"]+"/, '"2026-02-30T00:00:00+00:00"', /bm_signed_at must be an ISO 8601 time/],
      [/"2026-02-03T[^"]+"/, '"infinity"', /bm_signed_at must be/],
      ['"plugin"', '"pl/ug"', /path must be 1 to 255/],
      ['"script"', '"admin"', /kind must be one of/],
    ];
    for (const [from, to, words] of changes) {
      await writeFile(file, await readFile(original));
      await rewrite(file, (lines) => lines.map((line) => (line.startsWith("[") ? line.replace(from, to) : line)));
      await assertRefused(db, file, words);
    }
  });

  test("a day that is none, and a player without time on it", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 20));
    const file = join(await scratch(t), "days.backup");
    for (const [from, to, words] of [
      ['"2026-02-02"', '"2026-02-30"', /day must be a day, such as 2026-01-02/],
      ['"2026-02-02"', '"infinity"', /day must be a day/],
      [/("2026-02-02"), \d+/, "$1, 0", /seconds must be a whole number from 1/],
    ] as const) {
      await writeFile(file, await readFile(original));
      await rewrite(file, (lines) => lines.map((line) => (line.startsWith("[") ? line.replace(from, to) : line)));
      await assertRefused(db, file, words);
    }
  });

  test("a player twice, rows of no table, and other counts than the file says", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 20));
    const file = join(await scratch(t), "odd.backup");
    const odd = async (change: (lines: string[]) => string[], words: RegExp) => {
      await writeFile(file, await readFile(original));
      await rewrite(file, change);
      await assertRefused(db, file, words);
    };
    await odd(([header = "", ...lines]) => {
      const end = lines.findIndex((line) => line.startsWith('{"table":"playtime_days"'));
      const twice = [...lines.slice(0, end), lines[end - 1] ?? "", ...lines.slice(end)];
      return [header.replace('"playtimes":20', '"playtimes":21'), ...twice];
    }, /a player twice/);
    await odd((lines) => lines.slice(0, -1), /cut off or was changed/);
    await odd(([header = "", ...lines]) => [header, lines.at(-1) ?? "", ...lines], /cut off or was changed/);
    await odd((lines) => lines.slice(1), /no backup/);
  });

  test("a file of a newer version: by its number, a table or a column", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 2));
    const file = join(await scratch(t), "newer.backup");
    for (const [from, to] of [
      ['"version":1,"service":"', '"version":2,"service":"9.'],
      ['{"table":"playtimes"', '{"table":"mottos"'],
      ['"created_at"', '"born_at"'],
    ] as const) {
      await writeFile(file, await readFile(original));
      await rewrite(file, (lines) => lines.map((line) => (line.startsWith("{") ? line.replace(from, to) : line)));
      await assertRefused(
        db,
        file,
        /^The backup was made by a newer version of the service \([0-9.]+\)\. Update the service/,
      );
    }
  });

  test("what is no backup", async (t) => {
    const db = await filledDatabase(t, 10);
    const file = join(await scratch(t), "other");
    for (const bytes of [
      "steam_id,game_id\n",
      gzipSync("hello\n"),
      gzipSync('{"format":"other"}\n'),
      gzipSync("[1]\n"),
    ]) {
      await writeFile(file, bytes);
      await assertRefused(db, file, /^This file is no backup of Playtime-Service\.$/);
    }
  });
});

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
    assert.equal((await contentOf(db)).length, 5_202);
  });

  test("asks on a terminal what is to be replaced by what, and shows how far it is", async (t) => {
    const file = await backupOf(t, await filledDatabase(t));
    const db = await filledDatabase(t, 5);
    const options = { env: environmentOf(db), terminal: true };
    const no = await cliProcess(`restore ${file} --replace`, { ...options, input: "no\n" });
    assert.match(
      no.out,
      /Replace 2 connections and 5 times of players with 4 days by 2 connections and 3,000 times of players with 1,600 days of 20/,
    );
    assert.match(no.out, /Nothing was changed\./);
    const yes = await cliProcess(`restore ${file} --replace`, { ...options, input: "yes\n" });
    assert.match(yes.out, /100 % {2}5,202 of 5,202 rows checked/);
    assert.match(yes.out, /100 % {2}5,202 of 5,202 rows restored/);
    assert.equal((await contentOf(db)).length, 5_202);
  });

  test("that is lost on the way changes nothing", async (t) => {
    const file = await backupOf(t, await filledDatabase(t, 100_000));
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

test("every table and column of the schema is in the backup, but for what tells only of the last days, one statement or what runs, and who is signed in", async (t) => {
  const { sql } = await emptyDatabase(t);
  const left = [
    ...["schema_files", "sessions", "sign_in_links", "wrong_guesses", "replicas", "turns"],
    ...["hourly_counts", "accepted_requests", "refused_requests", "refused_in_a_row", "alerts", "alert_messages"],
  ];
  const rows = await sql<{ name: string; columns: string[] }[]>`
    select table_name as name, json_agg(column_name order by ordinal_position) as columns
    from information_schema.columns where table_schema = 'public' and table_name <> all (${`{${left}}`}::text[])
      and column_name <> 'bm_gained_seconds' group by table_name`;
  assert.deepEqual(
    Object.fromEntries(rows.map(({ name, columns }) => [name, columns])),
    Object.fromEntries(tables.map(({ name, columns }) => [name, columns])),
  );
});

describe("backups by themselves", { concurrency: 4 }, () => {
  const hour = 3_600_000;
  const schedule = (db: TestDatabase, folder: string, nowMs: number, keep = 2) => {
    const { log, lines } = memoryLog();
    const options = { database: db.database, folder, everyHours: 24, keep, now: () => new Date(nowMs), log };
    return { options, lines, look: () => backUpIfDue(options, new AbortController().signal) };
  };

  test("are made by one of two services on one database, and by the other when that one is late or fails", async (t) => {
    const db = await filledDatabase(t, 10);
    const [one, other] = [join(await scratch(t), "backups"), join(await scratch(t), "backups")];
    const startMs = Date.UTC(2026, 0, 2);
    const lookBoth = async (hours: number) => {
      await Promise.all([one, other].map((folder) => schedule(db, folder, startMs + hours * hour).look()));
      return [(await readdir(one)).length, (await readdir(other)).length];
    };
    await schedule(db, one, startMs).look();
    assert.deepEqual(await lookBoth(0.1), [1, 0]);
    assert.deepEqual(await lookBoth(23.9), [1, 0]);
    assert.deepEqual(await lookBoth(24.1), [2, 0]);
    // The first one has stopped.
    await schedule(db, other, startMs + 48.2 * hour).look();
    assert.equal((await readdir(other)).length, 0);
    await schedule(db, other, startMs + 48.4 * hour).look();
    assert.equal((await readdir(other)).length, 1);
    assert.deepEqual(await lookBoth(48.5), [2, 1]);
    // Now this one fails, and the next to look makes it.
    const failing = { ...schedule(db, other, startMs + 72.5 * hour).options, keep: 2 };
    const broken = { ...failing, database: { ...failing.database, alone: () => Promise.reject(new Error("a test")) } };
    await assert.rejects(backUpIfDue(broken, new AbortController().signal), /a test/);
    await schedule(db, one, startMs + 72.6 * hour).look();
    assert.ok((await readdir(one)).some((name) => name.startsWith("playtime-2026-01-05")));
  });

  test("are made when the newest is old enough, named by their time, and the oldest go", async (t) => {
    const db = await filledDatabase(t, 10);
    const folder = join(await scratch(t), "data", "backups");
    const startMs = Date.UTC(2026, 0, 2, 3, 4, 5);
    for (const hours of [0, 1, 23.9, 24, 47, 48]) await schedule(db, folder, startMs + hours * hour).look();
    assert.deepEqual((await readdir(folder)).sort(), [
      "playtime-2026-01-03T03-04-05Z.backup",
      "playtime-2026-01-04T03-04-05Z.backup",
    ]);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    const into = await emptyDatabase(t);
    assert.equal((await run(into, `restore ${folder}/playtime-2026-01-04T03-04-05Z.backup`)).code, 0);
    assert.deepEqual(await contentOf(into), await contentOf(db));
  });

  test("are said in the log with their size", async (t) => {
    const folder = await scratch(t);
    const { look, lines } = schedule(await filledDatabase(t, 10), folder, Date.now());
    await look();
    const [line] = lines;
    assert.deepEqual([line?.message, line?.["connections"], line?.["playtimes"]], ["a backup was made", 2, 10]);
    assert.ok(Number(line?.["bytes"]) > 100);
  });

  test("leave what others put into the folder, and what is being written; what a kill left goes", async (t) => {
    const folder = await scratch(t);
    const partial = (name: string) => join(folder, `playtime-2026-01-01T00-00-00Z.backup.partial-${name}`);
    for (const file of [join(folder, "mine.backup"), partial("fresh"), partial("old")]) await writeFile(file, "");
    await utimes(partial("old"), new Date(0), new Date(0));
    await schedule(await filledDatabase(t, 1), folder, Date.now(), 1).look();
    const names = await readdir(folder);
    assert.deepEqual(
      [names.length, names.includes("mine.backup"), names.some((name) => name.endsWith("-old"))],
      [3, true, false],
    );
  });

  test("a file of the future, from a clock that was wrong, hinders none", async (t) => {
    const folder = await scratch(t);
    await writeFile(join(folder, "playtime-2099-01-01T00-00-00Z.backup"), "");
    await schedule(await filledDatabase(t, 1), folder, Date.now(), 1).look();
    assert.equal((await readdir(folder)).length, 2);
  });

  test("of an empty database are not made: they would push the good ones out", async (t) => {
    const folder = await scratch(t);
    await schedule(await emptyDatabase(t), folder, Date.now()).look();
    assert.deepEqual(await readdir(folder), []);
  });

  test("a failure is one error in the log, and no file", async (t) => {
    const { options, lines } = schedule(await filledDatabase(t, 1), "/dev/null/backups", Date.now());
    const backups = keepBackups(options, 5);
    await eventually("a line in the log", () => lines.length > 0);
    // Some looks more, which do nothing before the 15 minutes are over.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await backups.stop();
    assert.deepEqual(
      lines.map(({ level, message }) => [level, message]),
      [["error", "the backup failed; next try in 15 minutes"]],
    );
  });

  test("one under way is given up when the service stops, and leaves nothing", async (t) => {
    const db = await filledDatabase(t, 50_000);
    const folder = await scratch(t);
    const abort = new AbortController();
    const { options } = schedule(db, folder, Date.now());
    const backingUp = backUpIfDue(options, abort.signal);
    backingUp.catch(() => {});
    await eventually("the first part of the file", async () => (await readdir(folder)).length > 0, { everyMs: 2 });
    abort.abort();
    await assert.rejects(backingUp);
    assert.deepEqual(await readdir(folder), []);
  });
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

describe("a backup that went through a shell", () => {
  async function backupBytes(t: TestContext) {
    const db = await filledDatabase(t, 10);
    const folder = await scratch(t);
    const file = join(folder, "backup");
    const made = await cli(`backup ${file}`, { env: environmentOf(db) });
    assert.equal(made.code, 0, made.err);
    return { db, folder, bytes: await readFile(file) };
  }

  test("restores when npm has put its lines before it", async (t) => {
    const { folder, bytes } = await backupBytes(t);
    const into = await emptyDatabase(t);
    const file = join(folder, "with-banner");
    const banner = "\n> playtime-service@1.0.0 cli\n> node --import tsx src/cli.ts backup -\n\n";
    await writeFile(file, Buffer.concat([Buffer.from(banner), bytes]));
    const { code, err } = await cli(`restore ${file}`, { env: environmentOf(into) });
    assert.equal(code, 0, err);
    const [count] = await into.sql`select count(*)::int as players from playtimes`;
    assert.equal(count?.["players"], 10);
  });

  test("is said to be lost when PowerShell has made it UTF-16", async (t) => {
    const { folder, bytes } = await backupBytes(t);
    const into = await emptyDatabase(t);
    const file = join(folder, "utf-16");
    await writeFile(file, Buffer.from(`\ufeff${bytes.toString("utf8")}`, "utf16le"));
    const { code, err } = await cli(`restore ${file}`, { env: environmentOf(into) });
    assert.equal(code, 1);
    assert.match(err, /^This file was written with > in Windows PowerShell/);
  });

  test("is not written to standard output below npm without -s, nor to a terminal", async (t) => {
    const { db } = await backupBytes(t);
    const env = environmentOf(db);
    const npm = await cli("backup -", { env: { ...env, npm_lifecycle_event: "cli" } });
    assert.deepEqual([npm.code, npm.out], [1, ""]);
    assert.match(npm.err, /^npm writes lines of its own .* npm run -s cli -- backup - > FILE$/);
    const terminal = await cliProcess("backup -", { env, terminal: true });
    assert.equal(terminal.code, 1);
    assert.match(terminal.out, /A backup is not text for a terminal\. Name a file: /);
  });
});

/**
 * A file of few bytes that holds much: each part is compressed once and stands in the file as often as said.
 * Node reads the parts one after another, as gzip allows it.
 */
async function crafted(t: TestContext, parts: [text: string, times: number][]): Promise<string> {
  const file = join(await scratch(t), "crafted.backup");
  const bytes = parts.flatMap(([text, times]) => Array.from({ length: times }, () => gzipSync(text)));
  await writeFile(file, Buffer.concat(bytes));
  return file;
}

describe("a crafted backup of few bytes", { concurrency: 2 }, () => {
  const header = (rows: Record<string, number>) =>
    `${JSON.stringify({ format: "playtime-service backup", version: 1, service: "1.0.0", madeAt: "2026-01-02T03:04:05Z", rows })}\n`;
  const columns = ["kind", "path", "secret", "enabled", "fixed_game_id", "created_at", "updated_at"];
  const table = `${JSON.stringify({ table: "connections", columns })}\n`;
  const at = "2026-01-02T03:04:05Z";
  const row = (secret: unknown, path: unknown = "x") =>
    `${JSON.stringify(["script", path, secret, true, null, at, at])}\n`;
  const large = 1_000_000;
  const nested = `${"[".repeat(large / 2)}${"]".repeat(large / 2)}`;

  for (const [name, parts] of [
    [
      "whose rows are large",
      [
        [header({ connections: 9_999 }) + table, 1],
        [row("x".repeat(large)), 120],
      ],
    ],
    [
      "whose rows hold many lists",
      [
        [header({ connections: 9_999 }) + table, 1],
        [
          row(
            null,
            Array.from({ length: large / 4 }, () => []),
          ),
          40,
        ],
      ],
    ],
    [
      "whose rows are deep",
      [
        [header({ connections: 9_999 }) + table, 1],
        [`${nested}\n`, 10],
      ],
    ],
    [
      "with a line without end",
      [
        [header({}), 1],
        ["x".repeat(large), 100],
      ],
    ],
    ["with a first line without end", [["{".repeat(large), 100]]],
    [
      "with a column again and again",
      [
        [
          `${header({})}${JSON.stringify({ table: "connections", columns: Array.from({ length: large / 8 }, () => "path") })}\n`,
          1,
        ],
        [row("x"), 10],
      ],
    ],
    [
      "with more rows than it says",
      [
        [header({ connections: 1 }) + table, 1],
        [row("x").repeat(9_000), 10],
      ],
    ],
    ["of nothing but empty lines", [["\n".repeat(large), 10]]],
  ] as [string, [string, number][]][])
    test(`${name} is refused in a sentence, and in little memory`, async (t) => {
      const db = await emptyDatabase(t);
      const file = await crafted(t, parts);
      assert.ok((await stat(file)).size < 2_000_000);
      const env = { ...environmentOf(db), NODE_OPTIONS: "--max-old-space-size=64" };
      // A process of its own for what would end this one.
      const { code, err } = await (/large|many/.test(name) ? cliProcess : cli)(`restore ${file}`, { env });
      assert.equal(code, 1, err.slice(-2_000));
      assert.match(err, /cut off or was changed|no backup of Playtime-Service/);
      assert.ok(err.length < 1_000);
    });
});
