import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { createClient } from "../../src/database/connect.ts";
import { migrate, sqlFolder } from "../../src/database/migrate.ts";
import { cli } from "../support/cli.ts";
import {
  addressOfDatabase,
  createTestDatabase,
  environmentOf,
  onServer,
  type TestDatabase,
} from "../support/database.ts";

const made: TestDatabase[] = [];
const folders: string[] = [];
after(async () => {
  for (const db of made) await db.drop();
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function emptyDatabase(): Promise<TestDatabase> {
  const db = await createTestDatabase({ empty: true });
  made.push(db);
  return db;
}

/** As the service does it: over a connection of its own. */
async function migrated(db: TestDatabase, folder?: URL, onlyNew = false): Promise<string[]> {
  const client = createClient(db.address, 1);
  try {
    return await migrate(client, { ...(folder ? { folder } : {}), onlyNew });
  } finally {
    await client.end();
  }
}

/** A copy of our sql folder with further files. */
async function sqlWith(files: Record<string, string>): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-sql-"));
  folders.push(folder);
  await cp(sqlFolder, folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

test("an empty database gets every file once, in order, with its record", async () => {
  const db = await emptyDatabase();
  const folder = await sqlWith({
    "900-b.sql": "insert into note values ('b')",
    "899-a.sql": "create table note (text text)",
  });
  const ran = await migrated(db, folder);
  assert.deepEqual(ran.slice(-2), ["899-a.sql", "900-b.sql"]);
  assert.deepEqual(await migrated(db, folder), []);
  const rows = await db.sql<{ name: string }[]>`select name from schema_files order by name`;
  assert.deepEqual(
    rows.map(({ name }) => name),
    ran,
  );
  assert.equal((await db.sql`select * from note`).length, 1);
});

test("an older database's players were seen when BattleMetrics signed last", async () => {
  const db = await emptyDatabase();
  const folder = await sqlWith({});
  for (const name of await readdir(folder)) if (name >= "004") await rm(new URL(name, folder));
  await migrated(db, folder);
  await db.sql`
    insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at) values
      (76561198000000001, 1, 5, '2026-01-02T03:04:05Z'), (76561198000000002, 1, null, null)`;
  await migrated(db);
  assert.deepEqual(
    [...(await db.sql`select bm_signed_at as signed, seen_at as seen from playtimes order by steam_id`)],
    [
      { signed: "2026-01-02T03:04:05.000Z", seen: "2026-01-02T03:04:05.000Z" },
      { signed: null, seen: null },
    ],
  );
});

test("a file that fails leaves nothing of itself, and is run again next time", async () => {
  const db = await emptyDatabase();
  const folder = await sqlWith({ "900-bad.sql": "create table half (x int); select 1/0;" });
  await assert.rejects(migrated(db, folder), { code: "22012" });
  assert.deepEqual(
    [
      ...(await db.sql`select to_regclass('half') as half, (select count(*)::int from schema_files where name like '900%') as recorded`),
    ],
    [{ half: null, recorded: 0 }],
  );
  await writeFile(new URL("900-bad.sql", folder), "create table half (x int);");
  assert.deepEqual(await migrated(db, folder), ["900-bad.sql"]);
});

test("processes that start at the same moment do no harm", async () => {
  const db = await emptyDatabase();
  const clients = Array.from({ length: 8 }, () => createClient(db.address, 1));
  const ran = await Promise.all(clients.map((client) => migrate(client)));
  await Promise.all(clients.map((client) => client.end()));
  const names = ran.flat();
  assert.ok(names.includes("001-start.sql"));
  assert.equal(new Set(names).size, names.length);
});

test("a file that we do not have makes the start refuse, in words", async () => {
  const db = await emptyDatabase();
  await migrated(db);
  await db.sql`insert into schema_files (name) values ('999-future.sql')`;
  await assert.rejects(migrated(db), { name: "DatabaseProblem", message: /newer version.*999-future\.sql/ });
});

test("a command that may not change a schema makes a new one, and leaves that of an older service as it is", async () => {
  const db = await emptyDatabase();
  const older = await sqlWith({ "900-last.sql": "create table last (x int)" });
  const newer = await sqlWith({ "900-last.sql": "", "901-more.sql": "create table more (x int)" });
  assert.ok((await migrated(db, older, true)).includes("900-last.sql"));
  await assert.rejects(migrated(db, newer, true), {
    name: "DatabaseProblem",
    message: /older version of the service \(it lacks 901-more\.sql\).*Start the service of this version first/,
  });
  assert.deepEqual([...(await db.sql`select to_regclass('more') as more`)], [{ more: null }]);
  assert.deepEqual(await migrated(db, newer), ["901-more.sql"]);
});

test("of the commands only import and restore bring a database of an older service up to date", async () => {
  const db = await emptyDatabase();
  const folder = await mkdtemp(join(tmpdir(), "playtime-sql-"));
  folders.push(folder);
  const [first = ""] = (await readdir(sqlFolder)).sort();
  await cp(new URL(first, sqlFolder), join(folder, first));
  await migrated(db, pathToFileURL(`${folder}/`));
  const known = async () => (await db.sql`select from schema_files`).length;
  const env = environmentOf(db);
  for (const args of ["stats", "connections list", "players show 76561198000000001", "backup -", "admin password"]) {
    const { code, err } = await cli(args, { env });
    assert.equal(code, 1, args);
    assert.match(err, /^The database was made by an older version of the service/, args);
  }
  assert.equal(await known(), 1);
  const { code } = await cli("import-csv - --game 1", { env, input: "steam_id,bm_seconds\n76561198000000001,5\n" });
  assert.equal(code, 0);
  assert.equal(await known(), (await readdir(sqlFolder)).length);
});

test("a user without rights is told what its database's owner must run", async (context) => {
  const db = await emptyDatabase();
  const role = `${db.name}_role`;
  await onServer((sql) => sql.unsafe(`create role ${role} login password 'just-a-test-1'`));
  context.after(() => onServer((sql) => sql.unsafe(`drop role ${role}`)));
  await db.sql.unsafe("revoke create on schema public from public");
  const address = addressOfDatabase(db.name);
  const client = createClient(
    "url" in address
      ? { url: address.url.replace(/\/\/[^@]*@/, `//${role}:just-a-test-1@`) }
      : { ...address, user: role, password: "just-a-test-1" },
    1,
  );
  try {
    await assert.rejects(migrate(client), {
      name: "DatabaseProblem",
      message: /permission denied for schema public.*GRANT CREATE, USAGE ON SCHEMA public/s,
    });
  } finally {
    await client.end();
  }
});
