import { execFile } from "node:child_process";

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
