import { randomBytes } from "node:crypto";
import type { ServerAddress, UrlAddress } from "../../src/database/address.ts";
import { connect, createClient, type Database, type Sql } from "../../src/database/connect.ts";
import { embeddedUser } from "../../src/database/embedded/embedded.ts";
import { createLog } from "../../src/log.ts";

/** Holds the schema; every test file gets a copy of its own. */
export const templateName = "playtime_template";

const quiet = createLog({ level: "error", readable: true, write: (line) => process.stderr.write(line) });

/** The address of a database on the server that the test runner has started, or that TEST_DATABASE_URL names. */
export function addressOfDatabase(name: string): TestAddress {
  const { TEST_DATABASE_URL: url, TEST_SOCKET_DIR: socketDir } = process.env;
  if (url) return { url: withDatabase(url, name) };
  if (!socketDir) throw new Error("Tests need the runner: npm test, or npm test -- test/some.test.ts");
  return { host: socketDir, port: 5432, database: name, user: embeddedUser, password: "", sslmode: "disable" };
}

export function withDatabase(url: string, name: string): string {
  const [plain = "", query] = url.split("?");
  return `${plain.replace(/^(postgres(?:ql)?:\/\/[^/]*)(?:\/.*)?$/, `$1/${name}`)}${query ? `?${query}` : ""}`;
}

export type TestAddress = ServerAddress | UrlAddress;

export type TestDatabase = {
  address: TestAddress;
  name: string;
  database: Database;
  sql: Sql;
  drop: () => Promise<void>;
};

/** A database with our schema, made for one test file (or one test) and dropped by it. `empty`: without the schema. */
export async function createTestDatabase({ empty = false } = {}): Promise<TestDatabase> {
  const name = `playtime_test_${randomBytes(6).toString("hex")}`;
  await onServer((sql) => createDatabase(sql, name, empty ? "template0" : templateName));
  const address = addressOfDatabase(name);
  const database = connect(address, quiet);
  // Not those of the database, which may give its connections up.
  const sql = createClient(address, 2);
  return {
    address,
    name,
    database,
    sql,
    drop: async () => {
      await sql.end();
      await database.close();
      await onServer((sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
    },
  };
}

/** Copying files is the quick way (12 ms), which Postgres 15 and later know. */
async function createDatabase(sql: Sql, name: string, template: string): Promise<void> {
  const [version] = await sql<{ number: number }[]>`select current_setting('server_version_num')::int as number`;
  const strategy = (version?.number ?? 0) >= 150_000 ? "strategy file_copy" : "";
  await sql.unsafe(`create database ${name} template ${template} ${strategy}`);
}

let shared: Sql | undefined;

/** One connection makes and drops all databases from now on. Returns what ends it. */
export function shareServerConnection(): () => Promise<void> {
  const client = serverClient();
  shared = client;
  return async () => {
    shared = undefined;
    await client.end();
  };
}

function serverClient(): Sql {
  const { TEST_DATABASE_URL: url } = process.env;
  return createClient(url ? { url } : addressOfDatabase("postgres"), 1);
}

export async function onServer<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
  if (shared) return work(shared);
  const client = serverClient();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The settings, as environment variables, that make a process use this database. */
export function environmentOf({ address }: Pick<TestDatabase, "address">): Record<string, string> {
  if ("url" in address) return { DATABASE_URL: address.url };
  return {
    PLAYTIME_POSTGRES_HOST: address.host,
    PLAYTIME_POSTGRES_DATABASE_NAME: address.database,
    PLAYTIME_POSTGRES_USER: address.user,
  };
}
