import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { tables } from "../../src/backup/tables.ts";
import { writeBackup } from "../../src/backup/write.ts";
import { writeNewFile } from "../../src/file.ts";
import { backupOf, contentOf, emptyDatabase, filledDatabase, run, scratch } from "../support/backups.ts";
import { cli, cliProcess } from "../support/cli.ts";
import { environmentOf, type TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { nodeArgs } from "../support/program.ts";

const cliArgs = nodeArgs("src/cli.ts");

describe("a backup", { concurrency: 4 }, () => {
  test("comes back as it was, to the microsecond, in an empty database", async (t) => {
    const from = await filledDatabase(t);
    const file = await backupOf(t, from);
    const into = await emptyDatabase(t);
    const { code, out, err } = await run(into, `restore ${file}`);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(
      out,
      /^Restored: 2 connections, 600 player times and 320 daily times\. A running service knows it within 5 seconds\.$/,
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
    assert.match(out, /^Restored: 0 connections and 0 player times/);
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
    const db = await filledDatabase(t, 3_000);
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
    assert.match(err, /large\.backup: a file may not be that large here\. The unfinished file was removed\.\n$/);
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

test("every table and column of the schema is in the backup, but for what tells only of the last days, one statement or what runs, and who is signed in", async (t) => {
  const { sql } = await emptyDatabase(t);
  const left = [
    ...["schema_files", "sessions", "sign_in_links", "wrong_guesses", "replicas", "turns"],
    ...[
      "hourly_counts",
      "accepted_requests",
      "refused_requests",
      "refused_in_a_row",
      "alerts",
      "alert_messages",
      "changes",
    ],
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
