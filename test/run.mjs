// npm test: compiles the project into a temporary folder and runs test/run.ts from there. The tests start some two hundred
// processes, and each one starts a quarter of a second of CPU sooner without a loader. Plain JavaScript, because nothing
// is compiled yet.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const project = resolve(fileURLToPath(new URL("..", import.meta.url)));
process.chdir(project);
const compiled = mkdtempSync(join(tmpdir(), "playtime-compiled-"));
process.on("exit", () => rmSync(compiled, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
compile();
linkTheRest();
await import(pathToFileURL(join(compiled, "test/run.js")).href);

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
  for (const name of readdirSync(".")) if (!["src", "test", ".git"].includes(name)) link(name);
  for (const folder of ["src", "test"])
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const name = join(entry.parentPath ?? entry.path, entry.name);
      if (entry.isFile() && !name.endsWith(".ts")) link(name);
    }
}

function link(name) {
  mkdirSync(join(compiled, dirname(name)), { recursive: true });
  symlinkSync(join(project, name), join(compiled, name));
}
