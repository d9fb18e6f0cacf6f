import assert from "node:assert/strict";
import { readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { backUpIfDue, keepBackups } from "../../src/backup/schedule.ts";
import { contentOf, emptyDatabase, filledDatabase, run, scratch } from "../support/backups.ts";
import type { TestDatabase } from "../support/database.ts";
import { eventually } from "../support/eventually.ts";
import { memoryLog } from "../support/service.ts";

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
    const db = await filledDatabase(t, 20_000);
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
