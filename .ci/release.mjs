// What a release needs: `node .ci/release.mjs v1.2.3` ends with 1 unless the tag, package.json, the lock file and the newest
// section of CHANGELOG.md name the same version; prints that section.
import { readFileSync } from "node:fs";

const [tag = ""] = process.argv.slice(2);
const json = (file) => JSON.parse(readFileSync(file, "utf8"));
const [, newest = "", section = ""] =
  /^## (\S+)[^\n]*\n(.*?)(?=^## |(?![\s\S]))/ms.exec(readFileSync("CHANGELOG.md", "utf8")) ?? [];
const lock = json("package-lock.json");

const versions = {
  "the tag": tag.replace(/^v/, ""),
  "package.json": json("package.json").version,
  "package-lock.json": lock.version,
  "package-lock.json, the project itself": lock.packages[""].version,
  "the newest section of CHANGELOG.md": newest,
};
const found = Object.entries(versions).map(([place, version]) => `${place}: ${version}`);

if (!/^v\d+\.\d+\.\d+$/.test(tag)) fail(`Expected a tag such as v1.2.3, found "${tag}".`);
if (new Set(Object.values(versions)).size > 1) fail(`The versions differ.\n${found.join("\n")}`);
if (section.trim() === "") fail(`CHANGELOG.md says nothing about ${newest}.`);
process.stdout.write(`${section.trim()}\n`);

function fail(words) {
  process.stderr.write(`${words}\n`);
  process.exit(1);
}
