import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export type Load = { requests: number; seconds: number; p50Ms: number; p99Ms: number };

const run = promisify(execFile);
const script = fileURLToPath(new URL("wrk.lua", import.meta.url));

/** Sends the requests of a file for so many whole seconds. Throws unless every one of them was answered, and with 2xx. */
export async function drive(url: string, file: string, { connections, seconds }: DriveOptions): Promise<Load> {
  const options = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "-s", script];
  const { stdout } = await run("wrk", [...options, url, "--", file]);
  const { refused, broken, ...load }: Load & { refused: number; broken: number } = JSON.parse(
    stdout.slice(stdout.lastIndexOf('{"requests"')),
  );
  if (load.requests === 0 || refused > 0 || broken > 0)
    throw new Error(
      `No figures: of ${load.requests} answers of ${url} ${refused} were not 200, ${broken} did not come.`,
    );
  return load;
}

export type DriveOptions = { connections: number; seconds: number };

export const wrkMissing =
  "The bench needs wrk to make its load: apt install wrk, brew install wrk, or https://github.com/wg/wrk";

export async function hasWrk(): Promise<boolean> {
  // It ends with 1 after telling its version.
  return await run("wrk", ["-v"]).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
}
