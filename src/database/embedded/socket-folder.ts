import { randomBytes } from "node:crypto";
import { lchown, mkdtemp, readFile, rename, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseProblem } from "../problem.ts";
import { isPrivate, makePrivate, type Place, reaches, unlessExisting } from "./place.ts";

/**
 * The folder of the socket, created when missing. It lies in the temp folder when the path would be too long for a socket:
 * there its name cannot be guessed, so nobody can take it first. The data folder remembers it, for a start after a kill.
 */
export async function socketFolder(place: Place): Promise<string> {
  const usual = join(place.dir, "pg.socket");
  if (!fits(usual)) return temporaryFolder(place);
  await remakeSocketFolder(place, usual);
  return usual;
}

/** Makes the folder again when somebody has removed it. Throws DatabaseProblem when it is not only the account's. */
export async function remakeSocketFolder({ account }: Place, folder: string): Promise<void> {
  await makePrivate(folder, account).catch(unlessExisting);
  const uid = uidOf(account);
  if (await isPrivate(folder, uid)) return;
  throw new DatabaseProblem(
    `${folder} must be a folder (not a link) of uid ${uid} that is closed to everybody else, and it is not: remove it.`,
  );
}

/** Removes a folder in the temp folder after the end; the next start makes another. */
export async function removeSocketFolder({ dir }: Place, folder: string): Promise<void> {
  if (folder !== join(dir, "pg.socket")) await rmdir(folder).catch(() => {});
}

async function temporaryFolder({ dir, account }: Place): Promise<string> {
  const record = join(dir, "pg.socket-folder");
  const known = await readFile(record, "utf8").catch(() => "");
  if (known !== "" && fits(known) && (await isPrivate(known, uidOf(account)).catch(() => false))) return known;
  for (const parent of [tmpdir(), "/tmp"]) {
    if (!fits(join(parent, "playtime-XXXXXX"))) continue;
    const folder = await mkdtemp(join(parent, "playtime-"));
    const { uid, gid } = account;
    if (uid !== undefined && gid !== undefined) await lchown(folder, uid, gid);
    if (uid !== undefined && !(await reaches(account, folder))) {
      await rmdir(folder);
      continue;
    }
    // Under another name first, and renamed: never written through a link that stands there.
    const written = `${record}-${randomBytes(4).toString("hex")}`;
    await writeFile(written, folder, { flag: "wx", mode: 0o644 });
    await rename(written, record);
    return folder;
  }
  throw new DatabaseProblem(
    `The path of the data folder, ${dir}, is too long for a socket, and ${tmpdir()} cannot hold it: choose a shorter one.`,
  );
}

/** A socket's path has at most 107 bytes on Linux, 103 on macOS. */
const fits = (folder: string) => Buffer.byteLength(join(folder, ".s.PGSQL.5432")) <= 103;

const uidOf = (account: Place["account"]) => account.uid ?? process.getuid?.() ?? 0;
