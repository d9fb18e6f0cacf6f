import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createCause } from "../../../src/database/embedded/cause.ts";
import { descendantsOf } from "../../../src/database/embedded/descendants.ts";
import { findRunning } from "../../../src/database/embedded/embedded.ts";
import { eventually } from "../../support/eventually.ts";
import { answersAgain, client, dataFolder, pidOf, scratch, startWatched } from "./cluster.ts";

const needsProc = process.platform === "linux" ? false : "needs /proc";

/** Every process of the database in a folder. */
async function freeze(dataDir: string): Promise<void> {
  const postmaster = await pidOf(dataDir, "postgres");
  for (const pid of [postmaster, ...descendantsOf(postmaster)]) process.kill(pid, "SIGSTOP");
}

describe("a database that lives but does not serve is started again", { concurrency: 2 }, () => {
  test("when its processes are frozen", { skip: needsProc }, async (t) => {
    const dataDir = await dataFolder(t);
    const { said, socketDir, isKept } = await startWatched(t, dataDir);
    await freeze(dataDir);
    await eventually("the line that it runs again", () => said.some((line) => line.includes("runs again")));
    assert.match(said.join(""), /starting it again {2}reason="it did not answer within 1 s, though it lived"/);
    await answersAgain(socketDir);
    assert.ok(await isKept());
  });

  test("when the folder of its socket was removed, which is made again", async (t) => {
    const dataDir = join(await scratch(t), "d".repeat(60), "e".repeat(60));
    const { said, socketDir, isKept } = await startWatched(t, dataDir);
    assert.ok(!socketDir.startsWith(dataDir));
    const open = client(socketDir);
    t.after(() => open.end({ timeout: 0 }));
    await open`select 1`;
    await rm(socketDir, { recursive: true });
    await eventually("the line that it runs again", () => said.some((line) => line.includes("runs again")));
    await answersAgain(socketDir);
    assert.ok(await isKept());
    assert.deepEqual(await findRunning(dataDir), { socketDir });
  });

  test("but not because it has no connection left, nor because it is asked for long", async (t) => {
    const dataDir = await dataFolder(t);
    const { said, socketDir } = await startWatched(t, dataDir);
    const clients = Array.from({ length: 15 }, () => client(socketDir));
    t.after(() => Promise.all(clients.map((sql) => sql.end({ timeout: 0 }))));
    await Promise.allSettled(clients.map((sql) => sql`select pg_sleep(3)`));
    assert.doesNotMatch(said.join(""), /starting it again/);
    // Each try that was refused is the same problem: one line.
    assert.equal(said.filter((line) => line.includes("too many clients")).length, 1, said.join(""));
  });
});

describe("why it failed", () => {
  const words = (lines: string[]) => {
    const cause = createCause();
    lines.forEach(cause.read);
    return cause.words();
  };

  test("is the line with the cause, not what was said after it", () => {
    assert.match(
      words([
        'PANIC:  could not write to file "pg_wal/xlogtemp.27": No space left on device',
        "LOG:  checkpointer process (PID 27) was terminated by signal 6: Aborted",
        "FATAL:  the database system is in recovery mode",
        "FATAL:  terminating connection due to administrator command",
        ...Array.from({ length: 100 }, () => "FATAL:  could not open file: Too many open files"),
      ]),
      /^could not write to file "pg_wal\/xlogtemp\.27": No space left on device\. The disk is full/,
    );
    assert.equal(
      words([
        'FATAL:  data directory "/x" has group or world access',
        "DETAIL:  Permissions should be u=rwx (0700).",
        "LOG:  x",
      ]),
      'data directory "/x" has group or world access; Permissions should be u=rwx (0700)',
    );
    assert.equal(
      words(["FATAL:  old", "LOG:  database system is ready to accept connections", "LOG:  shutting down"]),
      "",
    );
  });

  test("of initdb is found behind its times and before its tidying up", () => {
    assert.match(
      words([
        "creating configuration files ... ok",
        '2026-11-26 01:02:03.004 UTC [7] FATAL:  data directory "/x/pg.init" has invalid permissions',
        "2026-11-26 01:02:03.004 UTC [7] DETAIL:  Permissions should be u=rwx (0700) or u=rwx,g=rx (0750).",
        "child process exited with exit code 1",
        'initdb: removing contents of data directory "/x/pg.init"',
      ]),
      /^data directory "\/x\/pg\.init" has invalid permissions; Permissions should be .*The file system does not keep/,
    );
    assert.match(
      words(['initdb: error: could not create directory "/x": No space left on device', "initdb: removing contents"]),
      /^could not create directory "\/x": No space left on device\. The disk is full/,
    );
    const removing = 'initdb: removing contents of data directory "/x/pg.init"';
    for (const step of ["running bootstrap script", "performing post-bootstrap initialization"])
      assert.match(
        words([
          `${step} ... 2026-11-26 01:02:03.004 UTC [7] FATAL:  could not write: No space left on device`,
          removing,
        ]),
        /^could not write: No space left on device\. The disk is full/,
      );
    assert.match(
      words(["FATAL:  x: No space left on device", "PANIC:  cannot abort transaction 1, it was already committed"]),
      /^x: No space left on device/,
    );
    assert.match(
      words(["child process was terminated by signal 9: Killed", removing]),
      /terminated by signal 9: Killed/,
    );
  });
});
