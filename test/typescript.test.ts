import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { version } from "../src/version.ts";

/* How `npm start` and `npm run cli` load our sources, on a machine that others use too. */

const run = promisify(execFile);
const uid = process.geteuid?.() ?? 0;

/** A project as it is cloned, a temp folder that everybody may write to, and what others have put into it. */
let project: string;
let shared: string;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "playtime-load-"));
  await chmod(folder, 0o755);
  [project, shared] = [join(folder, "project"), join(folder, "tmp")];
  await mkdir(shared);
  await chmod(shared, 0o1777);
  await mkdir(join(project, "node_modules"), { recursive: true });
  for (const name of await readdir("node_modules"))
    if (!name.startsWith(".")) await symlink(resolve("node_modules", name), join(project, "node_modules", name));
  await run("cp", ["-R", "src", "sql", "package.json", "tsconfig.json", project]);
});
after(() => rm(folder, { recursive: true, force: true }));

async function script(name: string): Promise<string> {
  return JSON.parse(await readFile("package.json", "utf8")).scripts[name];
}

async function versionBy(name: string, account: { uid?: number; gid?: number } = {}): Promise<string> {
  const env = { PATH: process.env["PATH"], TMPDIR: shared };
  const line = `umask 000; ${await script(name)} --version`;
  return (await run("sh", ["-c", line], { cwd: project, env, ...account })).stdout;
}

test("nothing of the shared temp folder is run, connected to or made there", async (t) => {
  // tsx's own folder, and the socket of the process that would be its parent, made first by somebody else.
  const theirs = join(shared, `tsx-${uid}`);
  await mkdir(theirs);
  await chmod(theirs, 0o777);
  let guests = 0;
  const servers = [process.pid, 1].map((pid) =>
    createServer(() => {
      guests += 1;
    }).listen(join(theirs, `${pid}.pipe`)),
  );
  t.after(() => servers.forEach((server) => void server.close()));
  for (const name of ["start", "cli", "cli"]) assert.equal(await versionBy(name), `${version}\n`);
  assert.equal(guests, 0);
  assert.deepEqual(await readdir(shared), [`tsx-${uid}`]);
  assert.equal((await readdir(theirs)).length, 2);
});

test("what is kept for the next start lies in the project, closed to others whatever the umask", {
  skip: "typescript" in process.features && process.features.typescript ? "this Node needs no tsx" : false,
}, async () => {
  await versionBy("cli");
  const kept = join(project, "node_modules/.cache/playtime");
  assert.equal((await stat(kept)).mode & 0o777, 0o700);
  assert.ok((await readdir(join(kept, `tsx-${uid}`))).length > 10);
});

test("a user who may not write in the project starts all the same, and so does one after another", {
  skip: uid === 0 ? false : "needs root, for a second user",
}, async (t) => {
  try {
    await run("test", ["-r", resolve("node_modules/postgres/package.json")], { uid: 4242, gid: 4242 });
  } catch {
    return t.skip("another user cannot reach this project");
  }
  assert.equal(await versionBy("start", { uid: 4242, gid: 4242 }), `${version}\n`);
  const kept = join(project, "node_modules/.cache/playtime");
  await rm(kept, { recursive: true, force: true });
  await mkdir(kept, { recursive: true, mode: 0o700 });
  await chown(kept, 4242, 4242);
  assert.equal(await versionBy("cli"), `${version}\n`);
  assert.deepEqual(await readdir(kept), []);
});
