import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { writeNewFile } from "../../src/file.ts";
import { answersAgain, ask, isRoot, run, startWatched } from "../database/embedded/cluster.ts";
import { eventually } from "../support/eventually.ts";

const needsRoot = isRoot ? false : "needs root, for a small tmpfs";
const durable = { fsync: "on", full_page_writes: "on" };

describe("the embedded database is started again", () => {
  test("for ever while its disk is full, and then serves", { skip: needsRoot }, async (t) => {
    const dataDir = await smallDisk(t, "size=110m");
    const { said, socketDir, isKept } = await startWatched(t, dataDir);
    const filler = join(dataDir, "filler");
    await fill(filler);
    // It needs another file for its log, ends, and ends again whenever it is started.
    await writeMuch(socketDir, 100);
    const failures = () => said.filter((line) => line.includes("starting it again")).length;
    await eventually("eight failures", () => failures() >= 8);
    assert.match(said.join(""), /No space left on device\. The disk is full, or can hold no more files/);
    assert.doesNotMatch(said.join(""), /given up/);
    await rm(filler);
    await answersAgain(socketDir);
    assert.ok(await isKept());
  });

  test("when its disk could hold no more files, and can again", { skip: needsRoot }, async (t) => {
    const dataDir = await smallDisk(t, "size=260m,nr_inodes=4000");
    const { socketDir, isKept } = await startWatched(t, dataDir, durable);
    const files = join(dataDir, "files");
    await mkdir(files);
    await run("sh", ["-c", `i=0; while true > ${files}/$i; do i=$((i+1)); done 2>/dev/null`]).catch(() => {});
    // A checkpoint fails so badly that all of it starts again inside; the one at the end of a recovery is then waited for for ever.
    const refusals: string[] = [];
    const isStuck = () =>
      refusals.length >= 3 && refusals.slice(-3).every((words) => words.includes("not yet accepting"));
    for (let round = 0; round < 12 && !isStuck(); round += 1) {
      await ask(socketDir, async (sql) => {
        for (let count = 0; count < 50; count += 1) await sql`update kept set seven = 7`;
        await sql`select pg_switch_wal()`;
        await sql`checkpoint`;
      }).catch((error) => refusals.push(String(error)));
      await sleep(400);
    }
    await rm(files, { recursive: true });
    await answersAgain(socketDir);
    assert.ok(await isKept());
    if (!isStuck()) t.diagnostic("This Postgres never got stuck");
  });
});

test("a backup that fills its disk leaves nothing behind, and is an error that somebody can log", {
  skip: needsRoot,
}, async (t) => {
  const folder = join(await smallDisk(t, "size=256k"), "..");
  const file = join(folder, "playtime.backup");
  const blocks = Array.from({ length: 64 }, () => Buffer.alloc(64 * 1024));
  await assert.rejects(
    writeNewFile(file, (to) => pipeline(Readable.from(blocks), to)),
    { code: "ENOSPC" },
  );
  assert.deepEqual(await readdir(folder), []);
  await writeNewFile(file, (to) => pipeline(Readable.from(blocks.slice(0, 2)), to));
  assert.deepEqual(await readdir(folder), ["playtime.backup"]);
});

async function smallDisk(t: TestContext, options: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-small-"));
  await run("mount", ["-t", "tmpfs", "-o", `${options},mode=755`, "tmpfs", folder]);
  t.after(async () => {
    await run("umount", ["-l", folder]);
    await rm(folder, { recursive: true, force: true });
  });
  return join(folder, "data");
}

/** Megabytes of the write-ahead log, and nothing else. */
async function writeMuch(socketDir: string, megabytes: number): Promise<void> {
  await ask(socketDir, async (sql) => {
    for (let count = 0; count < megabytes; count += 1)
      await sql`select pg_logical_emit_message(false, 'test', repeat('x', 1000000))`;
  }).catch(() => {});
}

const fill = (file: string) => run("sh", ["-c", `dd if=/dev/zero of=${file} bs=4k status=none || true`]);
