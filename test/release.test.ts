import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";

const text = (file: string) => readFileSync(file, "utf8");
const { version } = JSON.parse(text("package.json"));

type Step = { uses?: string; run?: string };
type Workflow = {
  permissions: unknown;
  jobs: Record<string, { needs?: string; permissions?: unknown; steps: Step[] }>;
};
const workflow = (name: string): Workflow => parse(text(`.github/workflows/${name}.yml`));
const stepsOf = ({ jobs }: Workflow) => Object.values(jobs).flatMap(({ steps }) => steps);

function release(tag: string, folder = ".") {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve(".ci/release.mjs"), tag], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("package.json, the lock file and CHANGELOG.md name one version, and what is new in it", () => {
  const { status, stdout, stderr } = release(`v${version}`);
  assert.equal(status, 0, stderr);
  assert.ok(stdout.length > 100 && !stdout.includes("\n## "));
});

test("a release under another name than that is refused, with every version that was found", (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), "playtime-release-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const file of ["package.json", "package-lock.json", "CHANGELOG.md"]) cpSync(file, join(folder, file));
  for (const tag of [version, "v99.0.0", `v${version}-rc1`, "", "latest"])
    assert.equal(release(tag, folder).status, 1, tag);
  assert.match(release("v99.0.0", folder).stderr, /the tag: 99\.0\.0\npackage\.json: [\d.]+\n/);
  writeFileSync(join(folder, "CHANGELOG.md"), "# Changes\n\n## 98.0.0\n\nNew.\n");
  assert.match(release(`v${version}`, folder).stderr, /the newest section of CHANGELOG\.md: 98\.0\.0/);
  writeFileSync(join(folder, "CHANGELOG.md"), `# Changes\n\n## ${version}\n\n## 0.1.0\n\nOld.\n`);
  assert.match(release(`v${version}`, folder).stderr, /says nothing about/);
});

test("a release runs what every change must pass, and only then builds and publishes", () => {
  const { jobs, permissions } = workflow("release");
  assert.deepEqual(permissions, {});
  const runs = (name: string) => (jobs[name]?.steps ?? []).map(({ run = "" }) => run).join("\n");
  assert.match(runs("check"), /^\.ci\/run$/m);
  assert.match(runs("check"), /node \.ci\/release\.mjs "\$GITHUB_REF_NAME"/);
  assert.deepEqual([jobs["image"]?.needs, jobs["notes"]?.needs], ["check", "image"]);
  assert.match(runs("image"), /docker buildx build --platform linux\/amd64,linux\/arm64 --provenance mode=max --push/);
  for (const tag of ["$version", "$" + "{version%%.*}", "latest"])
    assert.ok(runs("image").includes(`--tag "$image:${tag}"`), tag);
  assert.match(runs("image"), /image="ghcr\.io\/\$\{GITHUB_REPOSITORY,,\}"/);
});

test("each job of a release may do what it needs, and no more", () => {
  const { jobs } = workflow("release");
  assert.deepEqual(
    Object.entries(jobs).map(([name, { permissions }]) => [name, permissions]),
    [
      ["check", { contents: "read" }],
      ["image", { contents: "read", packages: "write" }],
      ["notes", { contents: "write" }],
    ],
  );
});

test("the workflows use the same few actions, and no text of strangers in a script", () => {
  const used = (name: string) => new Set(stepsOf(workflow(name)).flatMap(({ uses }) => uses ?? []));
  for (const action of used("release")) assert.ok(used("ci").has(action), action);
  for (const name of ["ci", "release"])
    for (const { run = "" } of stepsOf(workflow(name))) assert.ok(!run.includes("${{"), run);
});

test("the scripts of the workflows are valid for the shell", () => {
  for (const name of ["ci", "release"])
    for (const { run } of stepsOf(workflow(name))) {
      if (run === undefined) continue;
      const { status, stderr } = spawnSync("bash", ["-n"], { input: run, encoding: "utf8" });
      assert.equal(status, 0, `${run}\n${stderr}`);
    }
});
