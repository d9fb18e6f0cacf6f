import { writeFileSync } from "node:fs";
import { after, describe, mock } from "node:test";
import { fileURLToPath } from "node:url";
import { errorCode } from "../../src/error-code.ts";
import { hashCheaply } from "./cheap-hashes.ts";
import { shareServerConnection } from "./database.ts";

/**
 * Runs files of tests in this process, one after the other: each that no other process has taken from the folder of what is
 * taken. To start a process and to warm it up costs more than most files.
 */
export async function runLane(files: readonly string[], takenDir: string): Promise<void> {
  hashCheaply();
  const end = shareServerConnection();
  for (const [index, file] of files.entries()) {
    if (!take(`${takenDir}/${index}`)) continue;
    await new Promise<void>((resolve) => {
      describe(file, async () => {
        after(() => {
          // The other files want the real clock and console.
          mock.reset();
          resolve();
        });
        try {
          await import(compiled(file));
        } catch (error) {
          resolve();
          throw error;
        }
      });
    });
  }
  await end();
  // Nothing that a test left open holds up all.
  setTimeout(() => {
    process.stderr.write(`Still open after the tests: ${process.getActiveResourcesInfo().join(", ")}\n`);
    process.exit();
  }, leftMs).unref();
}

const leftMs = 3_000;

function take(mark: string): boolean {
  try {
    writeFileSync(mark, "", { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Where a file such as test/log.test.ts is compiled to. */
export const compiled = (file: string) =>
  fileURLToPath(new URL(`../../${file.replace(/\.ts$/, ".js")}`, import.meta.url));
