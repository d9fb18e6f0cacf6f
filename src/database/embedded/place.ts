import { existsSync } from "node:fs";
import { chmod, chown, lchown, lstat, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errorCode } from "../../error-code.ts";
import type { Log } from "../../log.ts";
import { DatabaseProblem } from "../problem.ts";
import { type Account, runAs } from "./guarded.ts";

/** Where the embedded database lives (its cluster in the folder `pg`), and which account it runs as. */
export type Place = { dir: string; account: Account };

/**
 * The data folder and our own account, unless we are root: Postgres refuses to run as root, so the folder's owner or a
 * system account gets the work, and where that one cannot reach the folder the database lives in /var/lib/playtime.
 */
export async function choosePlace(dataDir: string, log: Log): Promise<Place> {
  const asked = wholePath(dataDir);
  if (process.getuid?.() !== 0) {
    await mkdir(dirname(asked), { recursive: true, mode: 0o755 });
    await mkdir(asked, { mode: 0o700 }).catch(unlessExisting);
    await warnIfOpen(asked, log);
    return { dir: asked, account: {} };
  }
  const away = possiblePlaces(dataDir)[1];
  const holds = (dir: string) => existsSync(join(dir, "pg"));
  const isAway = holds(away) && !holds(asked);
  const { name, ...account } = await chooseAccount(isAway ? away : asked);
  // Tried before anything is given to that account: some roots may not become others.
  await runAs(account, "/bin/sh", ["-c", ":"]);
  if (name === "nobody") {
    log.warn("The database runs as nobody, an account that other programs share: create a user named playtime");
  }
  await makeOpen(asked, account);
  await warnIfOpen(asked, log);
  // An existing database stays where it is, even if the rights of folders have changed since.
  if (holds(asked) || (!isAway && (await reaches(account, asked)))) return { dir: asked, account };

  log.warn("The database is in another folder, because its user cannot reach the data folder", {
    dataFolder: asked,
    uid: account.uid,
    folder: away,
  });
  await makeOpen(away, account);
  return { dir: away, account };
}

/** The data folder, and the folder that replaces it when the database's user cannot reach it. */
export function possiblePlaces(dataDir: string): [asked: string, away: string] {
  const asked = wholePath(dataDir);
  return [asked, join("/var/lib/playtime", asked.slice(1).replaceAll("/", "-"))];
}

function wholePath(dataDir: string): string {
  try {
    return resolve(dataDir);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new DatabaseProblem(
      `The data folder ${dataDir} lies in the folder where you are, and that was removed: change to the project's folder (cd).`,
    );
  }
}

async function warnIfOpen(folder: string, log: Log): Promise<void> {
  if ((await stat(folder)).mode & 0o002)
    log.warn("Every user of this machine can replace files in the data folder: take that right away (chmod o-w)", {
      folder,
    });
}

/** Creates a folder for the database's account alone, inside a folder where that account may not write. */
export async function makePrivate(folder: string, { uid, gid }: Account): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  if (uid !== undefined && gid !== undefined) await lchown(folder, uid, gid);
}

/** Whether only `uid` (and root) can have put something into this folder or replaced it. */
export async function isPrivate(folder: string, uid: number): Promise<boolean> {
  const found = await lstat(folder);
  return found.isDirectory() && found.uid === uid && (found.mode & 0o777) === 0o700;
}

async function chooseAccount(dir: string): Promise<User> {
  const passwd = await readFile("/etc/passwd", "utf8");
  const owner = await stat(join(dir, "pg"))
    .catch(() => stat(dir))
    .catch(() => undefined);
  if (owner === undefined || owner.uid === 0) return systemAccount(passwd);
  return usersIn(passwd).find(({ uid }) => uid === owner.uid) ?? { name: "", uid: owner.uid, gid: owner.gid };
}

/** The account of /etc/passwd that gets a database whose folder belongs to root. */
export function systemAccount(passwd: string): User {
  const users = usersIn(passwd);
  for (const wanted of ["playtime", "postgres", "nobody"]) {
    const user = users.find(({ name }) => name === wanted);
    if (user) return user;
  }
  throw new DatabaseProblem(
    "Postgres does not run as root, and there is no other user for it: make one named playtime.",
  );
}

type User = Required<Account> & { name: string };

function usersIn(passwd: string): User[] {
  return passwd.split("\n").map((line) => {
    const [name = "", , uid, gid] = line.split(":");
    return { name, uid: Number(uid), gid: Number(gid) };
  });
}

/** Made when missing, with folders above it that everybody may pass. While it is empty and root's, it is given to the account. */
async function makeOpen(folder: string, { uid, gid }: Required<Account>): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o755 });
  for (let path = folder; first !== undefined && path.length >= first.length; path = dirname(path)) {
    await chmod(path, 0o755); // whatever the umask
  }
  const isNew = (await stat(folder)).uid === 0 && (await readdir(folder)).length === 0;
  if (isNew) await chown(folder, uid, gid);
}

/** Asked of the system itself, as it alone knows about groups, access lists and security modules. */
export async function reaches(account: Account, folder: string): Promise<boolean> {
  return (await runAs(account, "/bin/sh", ["-c", 'test -r "$0" && test -x "$0"', folder])) !== undefined;
}

export function unlessExisting(error: unknown): void {
  if (errorCode(error) !== "EEXIST") throw error;
}
