import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { isPrivate, possiblePlaces } from "./place.ts";

/** For the CLI: where the embedded database of a running service can be reached, or undefined when nothing answers there. */
export async function findRunning(dataDir: string): Promise<{ socketDir: string } | undefined> {
  for (const dir of possiblePlaces(dataDir)) {
    const socketDir = await socketOf(dir);
    if (socketDir !== undefined && (await isOpen(join(socketDir, ".s.PGSQL.5432")))) return { socketDir };
  }
  return undefined;
}

/** The folder of the socket of whatever runs on this folder; undefined when nothing does, or it is somebody else's. */
export async function socketOf(dir: string): Promise<string | undefined> {
  try {
    const owner = await stat(join(dir, "pg"));
    const socketDir = (await readFile(join(dir, "pg/postmaster.pid"), "utf8")).split("\n")[4] ?? "";
    return (await isPrivate(socketDir, owner.uid)) ? socketDir : undefined;
  } catch {
    return undefined;
  }
}

function isOpen(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
