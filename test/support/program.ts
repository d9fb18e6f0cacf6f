import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const isCompiled = import.meta.url.endsWith(".js");
/** Lets Node run TypeScript. */
export const loader = new URL("../../src/typescript.mjs", import.meta.url).href;

/** What Node is told to run a file of this project, such as src/main.ts: the compiled one where we are compiled too. */
export function nodeArgs(file: string): string[] {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
  return isCompiled ? [path.replace(/\.ts$/, ".js")] : ["--import", loader, path];
}

export type Ended = { code: number; stdout: string; stderr: string };

/** Runs a program to its end, with nothing on its standard input and no more of our environment than it needs. */
export function runProgram(
  file: string,
  args: string[],
  { env, cwd }: { env: Record<string, string>; cwd?: string },
): Promise<Ended> {
  const { PATH = "", HOME = "" } = process.env;
  return new Promise((resolve) => {
    const child = execFile(file, args, { cwd, env: { PATH, HOME, ...env } }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end();
  });
}
