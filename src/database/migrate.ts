import { readdir, readFile } from "node:fs/promises";
import { errorCode } from "../error-code.ts";
import type { Sql } from "./connect.ts";
import { DatabaseProblem } from "./problem.ts";

/** Beside `src` and `dist` alike. */
export const sqlFolder = new URL("../../sql/", import.meta.url);

/**
 * Runs each sql file that the database does not know yet, in the order of their names, each in a transaction together
 * with its record. Two processes that start together wait for each other. `sql` has a single connection. Returns the
 * names of the files that ran. `onlyNew`: a database that a service has used stays unchanged.
 * Throws DatabaseProblem when the database knows a file that we do not have, when we lack the rights, or when `onlyNew` forbids
 * a change that is needed.
 */
export async function migrate(sql: Sql, { folder = sqlFolder, onlyNew = false } = {}): Promise<string[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  try {
    const known = await knownFiles(sql);
    const unknown = known.filter((name) => !files.includes(name));
    if (unknown.length > 0)
      throw new DatabaseProblem(
        `The database was created by a newer version of the service (it knows ${unknown.join(", ")}). Update the service, or use another database.`,
      );
    const missing = files.filter((name) => !known.includes(name));
    if (onlyNew && known.length > 0 && missing.length > 0)
      throw new DatabaseProblem(
        `The database was made by an older version of the service (it lacks ${missing.join(", ")}), and this command does not change that. Start the service of this version first, or use the commands of the one that runs.`,
      );
    const ran = [];
    for (const name of missing)
      if (await runOnce(sql, name, await readFile(new URL(name, folder), "utf8"))) ran.push(name);
    return ran;
  } catch (error) {
    throw errorCode(error) === "42501" ? new DatabaseProblem(noRights(error)) : error;
  }
}

async function knownFiles(sql: Sql): Promise<string[]> {
  const [table] = await sql`select to_regclass('schema_files') is not null as exists`;
  if (!table?.["exists"]) await createRecord(sql);
  const rows = await sql<{ name: string }[]>`select name from schema_files order by name`;
  return rows.map(({ name }) => name);
}

async function createRecord(sql: Sql): Promise<void> {
  try {
    await sql`create table if not exists schema_files (name text primary key, applied_at timestamptz not null default now())`;
  } catch (error) {
    // "if not exists" is not safe against another process that creates it in the same moment.
    if (!["23505", "42P07", "42710"].includes(errorCode(error))) throw error;
  }
}

/** Not by the driver's own `begin`, which crashes the process when the connection is lost inside (postgres.js 3.4.9). */
async function runOnce(sql: Sql, name: string, text: string): Promise<boolean> {
  await sql`begin`;
  try {
    await sql`lock table schema_files in share row exclusive mode`;
    const [done] = await sql`select 1 from schema_files where name = ${name}`;
    if (!done) {
      await sql.unsafe(text);
      await sql`insert into schema_files (name) values (${name})`;
    }
    await sql`commit`;
    return !done;
  } catch (error) {
    await sql`rollback`.catch(() => {});
    throw error;
  }
}

function noRights(error: unknown): string {
  const reason = error instanceof Error ? error.message : "";
  return `The user of the database may not create tables (${reason}). As its owner, run: GRANT CREATE, USAGE ON SCHEMA public TO <the user>.`;
}
