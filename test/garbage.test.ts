import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { extname } from "node:path";
import { test } from "node:test";
import { loader } from "./support/program.ts";

test("this Node knows every flag that is set for garbage collection", () => {
  const file = import.meta.resolve(`../src/garbage${extname(import.meta.url)}`);
  const program = `import { setGarbageCollection } from ${JSON.stringify(file)}; setGarbageCollection(); console.log("set");`;
  const args = ["--import", loader, "--input-type=module", "--eval", program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
  // V8 says on standard error what it does not know, and goes on.
  assert.deepEqual({ stdout, stderr }, { stdout: "set\n", stderr: "" });
});
