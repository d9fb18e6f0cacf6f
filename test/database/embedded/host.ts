// A program with an embedded database, for the tests to kill: node host.js <options as JSON>. It says on
// standard output, a JSON object a line, what happens to it, and ends by itself when its standard input ends.
import { type EmbeddedOptions, startEmbedded } from "../../../src/database/embedded/embedded.ts";
import { DatabaseProblem } from "../../../src/database/problem.ts";
import { createLog } from "../../../src/log.ts";

const say = (fact: unknown) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const log = createLog({ level: "info", readable: false, write: (line) => process.stdout.write(line) });
const options: Omit<EmbeddedOptions, "log"> = JSON.parse(process.argv[2] ?? "{}");
try {
  const { stop, ...embedded } = await startEmbedded({ ...options, log });
  say({ ready: embedded });
  process.stdin.resume().once("end", async () => {
    await stop();
    say({ stopped: true });
  });
} catch (error) {
  if (!(error instanceof DatabaseProblem)) throw error;
  say({ problem: error.message });
}
