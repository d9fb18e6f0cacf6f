import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { embeddedUser, findRunning, startEmbedded } from "../../../src/database/embedded/embedded.ts";
import { possiblePlaces, systemAccount } from "../../../src/database/embedded/place.ts";
import { probe } from "../../../src/database/embedded/probe.ts";
import { DatabaseProblem } from "../../../src/database/problem.ts";
import { eventually } from "../../support/eventually.ts";
import {
  answersAgain,
  ask,
  client,
  dataFolder,
  hasPackage,
  host,
  isRoot,
  keptLog,
  packageIn,
  processes,
  projectCopy,
  quick,
  removeWithAll,
  run,
  scratch,
  start,
} from "./cluster.ts";

const needsRoot = isRoot ? false : "needs root";
const needsPackage = hasPackage ? false : "needs the npm package with Postgres";

// Two groups at a time: some of their tests mostly wait.
describe("the embedded database", { concurrency: 2 }, () => {
  describe("a start", () => {
    test("by two copies at once on an empty folder makes one database, and refuses one copy", async (t) => {
      const dataDir = await dataFolder(t, { isEmpty: true });
      const copies = [host(t, { dataDir }), host(t, { dataDir })];
      await eventually("one of them to be ready", () => copies.some(({ facts }) => facts.some((fact) => fact.ready)));
      await Promise.race(copies.map(({ ended }) => ended));
      const refused = copies.flatMap(({ facts }) => facts.flatMap((fact) => fact.problem ?? []));
      assert.equal(refused.length, 1);
      assert.match(refused[0] ?? "", /Another copy of the service already uses the database in .*\/data\/pg/);
      await answersAgain(join(dataDir, "pg.socket"));
    });

    test("makes a database in an empty folder, with checksums and lean settings, and only on a socket", async (t) => {
      const dataDir = await dataFolder(t, { isEmpty: true });
      const { socketDir, version } = await start(t, { dataDir });
      const shown = await ask(
        socketDir,
        (sql) => sql`
      select current_setting('server_version') as version, current_user as user,
             current_setting('data_checksums') as checksums, current_setting('server_encoding') as encoding,
             current_setting('listen_addresses') as addresses, current_setting('shared_buffers') as buffers`,
      );
      assert.deepEqual(shown[0], {
        version,
        user: embeddedUser,
        checksums: "on",
        encoding: "UTF8",
        addresses: "",
        buffers: "40MB",
      });
    });

    test("finds the rows of the last one, and says nothing when all is well", async (t) => {
      const dataDir = await dataFolder(t);
      const { said, log } = keptLog();
      const first = await startEmbedded({ dataDir, settings: quick, log });
      await ask(first.socketDir, (sql) => sql`create table kept as select 7 as seven`);
      const idle = client(first.socketDir);
      await idle`select 1`;
      await first.stop();
      await idle.end({ timeout: 0 });
      const second = await startEmbedded({ dataDir, settings: quick, log });
      assert.equal((await ask(second.socketDir, (sql) => sql`select seven from kept`))[0]?.["seven"], 7);
      await second.stop();
      assert.deepEqual(said, []);
    });

    test("removes what an earlier one left half-made, and uses none of it", async (t) => {
      const dataDir = await dataFolder(t);
      const left = ["pg.init-1-2", "pg.init", "pg.bin-half-x", "pg.bin-17.0.0"];
      for (const name of left) await mkdir(join(dataDir, name, "base"), { recursive: true });
      await start(t, { dataDir });
      assert.deepEqual(
        (await readdir(dataDir)).filter((name) => left.includes(name)),
        [],
      );
    });

    test("that is killed while it makes the database leaves nothing running, and the next one succeeds", async (t) => {
      const dataDir = await dataFolder(t, { isEmpty: true });
      const killed = host(t, { dataDir });
      await eventually(
        "a half-made database",
        async () => existsSync(dataDir) && (await readdir(dataDir)).some((name) => name.startsWith("pg.init")),
      );
      killed.child.kill("SIGKILL");
      const { socketDir } = await start(t, { dataDir });
      await answersAgain(socketDir);
      assert.deepEqual(
        (await readdir(dataDir)).filter((name) => name.startsWith("pg.init")),
        [],
      );
    });

    test("waits for a copy that is just ending", async (t) => {
      const dataDir = await dataFolder(t);
      const first = await start(t, { dataDir });
      setTimeout(first.stop, 700);
      const second = await start(t, { dataDir });
      await answersAgain(second.socketDir);
    });

    test("does not listen to the caller's environment", async (t) => {
      const dataDir = await dataFolder(t);
      const env = {
        PGPORT: "1",
        PGDATA: "/nowhere",
        PGOPTIONS: "-c nonsense=1",
        PGUSER: "x",
        LC_ALL: "de_DE.UTF-8",
        LANGUAGE: "de",
      };
      const { says } = host(t, { dataDir }, { env });
      assert.equal((await says("ready"))?.socketDir, join(dataDir, "pg.socket"));
    });

    test("is supervised in a folder whose name holds what stands between hosts", async (t) => {
      const dataDir = join(await scratch(t), "games, squad: 1");
      const { socketDir } = await start(t, { dataDir });
      await answersAgain(socketDir);
      assert.deepEqual(await findRunning(dataDir), { socketDir });
      assert.equal(await probe(socketDir, 5_000), "answers");
    });

    test("puts the socket into a private temporary folder when the path is too long, where the CLI finds it", async (t) => {
      const dataDir = join(await scratch(t), "d".repeat(60), "e".repeat(60));
      const { socketDir, stop } = await start(t, { dataDir });
      t.after(() => rm(socketDir, { recursive: true, force: true }));
      assert.ok(socketDir.startsWith(join(tmpdir(), "playtime-")), socketDir);
      assert.equal((await lstat(socketDir)).mode & 0o777, 0o700);
      await answersAgain(socketDir);
      assert.deepEqual(await findRunning(dataDir), { socketDir });
      await stop();
      await assert.rejects(lstat(socketDir), { code: "ENOENT" });
    });
  });

  describe("the programs of Postgres", () => {
    test("are taken from the npm package where it is, when it is complete", { skip: needsPackage }, async (t) => {
      const project = await withPackage(t, { hasLinks: true });
      const dataDir = await dataFolder(t);
      const { says } = host(t, { dataDir }, { repository: project });
      assert.ok(await says("ready"));
      assert.deepEqual((await readdir(dataDir)).sort(), ["pg", "pg.socket"]);
    });

    test("are linked into the data folder when npm ran no install scripts, anew for each version", {
      skip: needsPackage,
    }, async (t) => {
      const project = await withPackage(t, { hasLinks: false });
      const dataDir = await dataFolder(t);
      await mkdir(join(dataDir, "pg.bin-half-1", "native/bin"), { recursive: true });
      const first = host(t, { dataDir }, { repository: project });
      assert.ok(await first.says("ready"));
      const version = (await readdir(dataDir)).filter((name) => name.startsWith("pg.bin-"));
      assert.equal(version.length, 1);
      assert.match(version[0] ?? "", /^pg\.bin-18\./);
      const [ours, theirs] = await Promise.all([
        stat(join(dataDir, version[0] ?? "", "native/bin/postgres")),
        stat(join(packageIn(project), "native/bin/postgres")),
      ]);
      assert.equal(ours.ino, theirs.ino);
      assert.equal(theirs.uid, process.getuid?.());
      first.child.stdin.end();
      await first.ended;

      const about = join(packageIn(project), "package.json");
      await writeFile(about, (await readFile(about, "utf8")).replace(/"version": "[^"]+"/, '"version": "18.99.0"'));
      assert.ok(await host(t, { dataDir }, { repository: project }).says("ready"));
      assert.deepEqual(
        (await readdir(dataDir)).filter((name) => name.startsWith("pg.bin-")),
        ["pg.bin-18.99.0"],
      );
    });

    test("are those of the major version that made the database, even if another one comes first", async (t) => {
      const others = (await readdir("/usr/lib/postgresql").catch(() => [])).filter((major) =>
        existsSync(`/usr/lib/postgresql/${major}/bin/initdb`),
      );
      const other = others.find((major) => major !== "18");
      if (!other || !hasPackage) return t.skip("needs two versions of Postgres");
      const dataDir = await dataFolder(t, { isEmpty: true });
      const first = await start(t, { dataDir, binDir: `/usr/lib/postgresql/${other}/bin` });
      await first.stop();
      const { version } = await start(t, { dataDir });
      assert.equal(version.split(".")[0], other);
    });
  });

  describe("nobody else", () => {
    test("may open the folder or the socket", async (t) => {
      const dataDir = await dataFolder(t);
      const { socketDir } = await start(t, { dataDir });
      assert.equal((await stat(socketDir)).mode & 0o777, 0o700);
      assert.equal((await stat(join(socketDir, ".s.PGSQL.5432"))).mode & 0o777, 0o700);
      assert.equal((await stat(join(dataDir, "pg"))).mode & 0o777, 0o700);
    });

    test("gets a connection, not even with the folders above wide open", { skip: needsRoot }, async (t) => {
      const dataDir = await dataFolder(t);
      const { socketDir } = await start(t, { dataDir });
      const reach = `require("net").connect(${JSON.stringify(join(socketDir, ".s.PGSQL.5432"))})
      .on("connect", () => process.exit(0)).on("error", (error) => { console.log(error.code); process.exit(1); })`;
      await assert.rejects(run(process.execPath, ["-e", reach], { uid: 4242, gid: 4242, cwd: "/" }), {
        code: 1,
        stdout: "EACCES\n",
      });
    });

    test("is found running where nothing runs", async (t) => {
      const dataDir = await dataFolder(t);
      assert.equal(await findRunning(dataDir), undefined);
      const { socketDir, stop } = await start(t, { dataDir });
      assert.deepEqual(await findRunning(dataDir), { socketDir });
      const pidFile = await readFile(join(dataDir, "pg/postmaster.pid"));
      await stop();
      await writeFile(join(dataDir, "pg/postmaster.pid"), pidFile);
      assert.equal(await findRunning(dataDir), undefined);
      assert.equal(await findRunning(join(dataDir, "missing")), undefined);
    });
  });

  describe("started by root", () => {
    test("the database runs as playtime, postgres or nobody, whichever there is first", () => {
      const passwd = [
        "root:x:0:0::/root:/bin/sh",
        "nobody:x:65534:65533::/:/bin/false",
        "postgres:x:101:104::/:/bin/sh",
        "",
      ];
      assert.equal(systemAccount(passwd.join("\n")).name, "postgres");
      assert.equal(systemAccount([...passwd, "playtime:x:7:8::/:/bin/sh"].join("\n")).name, "playtime");
      assert.deepEqual(systemAccount(passwd.toSpliced(2, 1).join("\n")), { name: "nobody", uid: 65534, gid: 65533 });
      assert.throws(() => systemAccount("root:x:0:0::/root:/bin/sh"), DatabaseProblem);
    });

    test("the database runs as the owner of the data folder, with a word when that is nobody", {
      skip: needsRoot,
    }, async (t) => {
      const dataDir = await dataFolder(t);
      const nobody = Number((await run("id", ["-u", "nobody"])).stdout);
      await run("chown", ["-R", String(nobody), dataDir]);
      const { said, log } = keptLog();
      await start(t, { dataDir, log });
      assert.ok((await processes(dataDir)).every(({ user }) => user === nobody));
      assert.match(said.join(""), /WARN {2}The database runs as nobody/);
    });

    test("a closed project gets its programs linked and its database below /var/lib/playtime, where the CLI finds it", {
      skip: needsRoot || needsPackage,
    }, async (t) => {
      const closed = join(await scratch(t), "closed");
      const project = await withPackage(t, { hasLinks: true }, join(closed, "project"));
      const dataDir = join(project, "data");
      const away = possiblePlaces(dataDir)[1];
      t.after(() => removeWithAll(away));
      await chmod(join(packageIn(project), "native/bin/initdb"), 0o700); // as a umask of 077 leaves it
      await chmod(closed, 0o700);
      const first = host(t, { dataDir }, { repository: project });
      // Where the temp folder has a long name the socket lies elsewhere, and the data folder tells where.
      const socketFolder = (await first.says("ready"))?.socketDir ?? "";
      assert.ok(
        socketFolder === join(away, "pg.socket") || `${away}/pg.socket/.s.PGSQL.5432`.length > 100,
        socketFolder,
      );
      assert.ok(first.facts.some(({ message }) => message?.startsWith("The database is in another folder")));
      assert.deepEqual(await findRunning(dataDir), { socketDir: socketFolder });
      assert.ok((await processes(away)).every(({ user }) => user !== 0));
      const ours = await stat(join(packageIn(project), "native/bin/initdb"));
      assert.deepEqual([ours.uid, ours.mode & 0o777], [0, 0o700]);
      await ask(socketFolder, (sql) => sql`create table kept as select 7 as seven`);
      first.child.kill("SIGKILL");
      await first.ended;
      await chmod(closed, 0o755);
      const { socketDir } = await start(t, { dataDir });
      assert.equal(
        (await ask(socketDir, (sql) => sql`select seven from kept`))[0]?.["seven"],
        7,
        "the database stays when the folder is opened",
      );
    });

    test("a database whose folder was closed later is not replaced by an empty one", {
      skip: needsRoot || needsPackage,
    }, async (t) => {
      const project = await withPackage(t, { hasLinks: true });
      const dataDir = await dataFolder(t);
      await chmod(join(dataDir, ".."), 0o700);
      assert.match(
        (await host(t, { dataDir }, { repository: project }).says("problem")) ?? "",
        /does not start: .*Permission denied/,
      );
      await chmod(join(project, ".."), 0o700);
      assert.match(
        (await host(t, { dataDir }, { repository: project }).says("problem")) ?? "",
        /Postgres \d+ is here, but uid \d+ cannot run it: let every user pass the folders above .*\/data/,
      );
    });
  });
});

/** A copy of the project with the npm package, whose links are all there or all missing. */
async function withPackage(
  t: Parameters<typeof scratch>[0],
  { hasLinks }: { hasLinks: boolean },
  to?: string,
): Promise<string> {
  const project = await projectCopy(t, to);
  const original = packageIn(fileURLToPath(new URL("../../..", import.meta.url)));
  await mkdir(join(packageIn(project), ".."), { recursive: true });
  await run("cp", ["-R", original, packageIn(project)]);
  const lib = join(packageIn(project), "native/lib");
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(lib, "../pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    await rm(join(packageIn(project), target), { force: true });
    if (hasLinks) await symlink(source.split("/").at(-1) ?? "", join(packageIn(project), target));
  }
  return project;
}
