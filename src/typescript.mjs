// Lets Node run our sources, for `npm start` and `npm run cli`: node --import ./src/typescript.mjs src/main.ts. Node 22.18 and
// later read TypeScript by themselves. For older ones it is tsx, which keeps what it compiles, and a socket, in a folder of
// the shared temp folder whose name anybody can guess: whoever makes that folder first has his code run as our user, or as
// root. So tsx gets a temp folder inside the project instead, where only those can write who can change the sources too.
import { lstatSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

if (!process.features.typescript) {
  const { TMPDIR, TSX_DISABLE_CACHE } = process.env;
  const folder = fileURLToPath(new URL("../node_modules/.cache/playtime", import.meta.url));
  process.env.TMPDIR = folder;
  // Without the cache a start takes a moment more.
  if (!isOurs(folder)) process.env.TSX_DISABLE_CACHE = "1";
  await import("tsx");
  restore("TMPDIR", TMPDIR);
  restore("TSX_DISABLE_CACHE", TSX_DISABLE_CACHE);
}

/** Made when missing. Not ours: we may not write there, or another user runs this project too. */
function isOurs(path) {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}

function restore(name, value) {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
