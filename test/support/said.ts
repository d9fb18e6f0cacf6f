import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const { TEST_SAID_DIR: folder } = process.env;
const said: string[] = [];

if (folder)
  process.on("exit", () => {
    if (said.length > 0) appendFileSync(join(folder, `${process.pid}.txt`), said.join("\n"));
  });

/** Notes what a service wrote into its log or answered: the runner looks through all of it for secrets in the end. */
export function noteSaid(text: string): void {
  if (folder) said.push(text);
}

/** The places where any of `secrets`, or something that looks like a signature, was said in the files of a folder. */
export function findSecrets(folder: string, secrets: readonly string[]): string[] {
  const forbidden = [...secrets.map((secret) => secret.replace(/[^\w]/g, "\\$&")), "\\b(?![a-f]{64})[0-9a-f]{64}\\b"];
  const places = new RegExp(`.{0,80}(?:${forbidden.join("|")}).{0,20}`, "gi");
  return readdirSync(folder).flatMap((file) =>
    [...readFileSync(join(folder, file), "utf8").matchAll(places)].map(([place]) => place),
  );
}
