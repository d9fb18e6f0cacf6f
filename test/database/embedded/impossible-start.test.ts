import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { findBinaries } from "../../../src/database/embedded/binaries.ts";
import { startEmbedded } from "../../../src/database/embedded/embedded.ts";
import { DatabaseProblem } from "../../../src/database/problem.ts";
import { dataFolder, isRoot, keptLog, processes, projectCopy, quick, run, scratch } from "./cluster.ts";

const needsUser = isRoot ? "needs an ordinary user" : false;

describe("a start that cannot succeed says why, and leaves nothing running", () => {
  test("when the data folder cannot be made", async (t) => {
    const file = join(await scratch(t), "file");
    await writeFile(file, "");
    await refuses(
      join(file, "data"),
      /The data folder .*file\/data cannot be used \((?:ENOTDIR|EEXIST).*\)\. Make it writable/,
    );
  });

  test("when the data folder may not be written", { skip: needsUser }, async (t) => {
    const dataDir = await dataFolder(t, { isEmpty: true });
    await mkdir(dataDir, { mode: 0o500 });
    await refuses(dataDir, /cannot be used \(EACCES/);
  });

  test("when a setting is wrong", async (t) => {
    const dataDir = await dataFolder(t);
    await refuses(dataDir, /does not start: invalid value for parameter "work_mem": "many"/, {
      settings: { work_mem: "many" },
    });
  });

  test("when the database is damaged", async (t) => {
    const dataDir = await dataFolder(t);
    await rm(join(dataDir, "pg/global/pg_control"));
    await refuses(dataDir, /does not start: .*pg_control/);
  });

  test("when the folder pg holds no database, which stays untouched", async (t) => {
    const dataDir = await dataFolder(t, { isEmpty: true });
    await mkdir(join(dataDir, "pg"), { recursive: true });
    await writeFile(join(dataDir, "pg/mine"), "kept");
    await refuses(dataDir, /data\/pg holds no database/);
    assert.equal(await readFile(join(dataDir, "pg/mine"), "utf8"), "kept");
  });

  test("when the database is of another major version, naming both and the way out", async (t) => {
    const dataDir = await dataFolder(t);
    const { major } = await findBinaries({ place: { dir: dataDir, account: {} }, binDir: "", wanted: undefined });
    await writeFile(join(dataDir, "pg/PG_VERSION"), "9\n");
    await refuses(dataDir, new RegExp(`made by Postgres 9, and only Postgres ${major}.* backup .* restore`));
  });

  test("when the folder of programs in the settings is wrong", async (t) => {
    const dataDir = await dataFolder(t, { isEmpty: true });
    await refuses(dataDir, /\[POSTGRES\] BINARIES is \/usr\/share, but/, { binDir: "/usr/share" });
  });

  test("when there is no Postgres at all", async (t) => {
    const project = await projectCopy(t);
    const script = join(project, "look.mjs");
    await writeFile(
      script,
      `import { findBinaries } from "./src/database/embedded/binaries.js";
     const search = { place: { dir: "/nowhere", account: {} }, binDir: "", wanted: undefined, systemDir: "/nowhere" };
     findBinaries(search).catch((error) => console.log(error.name, error.message));`,
    );
    const env = { PATH: "/nowhere" };
    const { stdout } = await run(process.execPath, [script], { env });
    assert.match(
      stdout,
      /^DatabaseProblem There is no Postgres to run: install .* \[POSTGRES\] BINARIES, .* DATABASE_URL/,
    );
  });
});

async function refuses(
  dataDir: string,
  words: RegExp,
  options: { binDir?: string; settings?: Record<string, string> } = {},
) {
  const { log } = keptLog();
  await assert.rejects(startEmbedded({ dataDir, settings: quick, log, ...options }), (error) => {
    assert.ok(error instanceof DatabaseProblem, String(error));
    assert.match(error.message, words);
    return true;
  });
  assert.deepEqual(await processes(dataDir), []);
}
