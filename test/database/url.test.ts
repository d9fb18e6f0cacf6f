import assert from "node:assert/strict";
import { userInfo } from "node:os";
import { test } from "node:test";
import { describe, targetOf } from "../../src/database/address.ts";
import { parseHosts } from "../../src/database/target.ts";
import { parseUrl } from "../../src/database/url.ts";
import { Malformed } from "../../src/parse.ts";

const read = (url: string) => parseUrl(url, "DATABASE_URL");

function refusal(url: string): string {
  try {
    read(url);
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
  return assert.fail(`${url} is taken`);
}

test("an address as libpq writes it says where the database is and who comes", () => {
  const { target, remarks } = read("postgresql://me:secret@db.example:6543/times?sslmode=require");
  assert.deepEqual(target, {
    hosts: [{ host: "db.example", port: 6543 }],
    database: "times",
    user: "me",
    password: "secret",
    sslmode: "require",
    prepare: true,
    startup: {},
  });
  assert.deepEqual(remarks, []);
  const bare = read("postgres://db").target;
  const { username } = userInfo();
  assert.deepEqual(
    [bare.hosts, bare.user, bare.database, bare.password],
    [[{ host: "db", port: 5432 }], username, username, ""],
  );
});

test("what is pasted around an address, or behind its scheme, is understood", () => {
  const plain = read("postgresql://me:secret@db:6543/times").target;
  for (const pasted of [
    "psql 'postgresql://me:secret@db:6543/times'",
    'psql "postgresql://me:secret@db:6543/times" ',
    "'postgresql://me:secret@db:6543/times'",
    "POSTGRES://me:secret@db:6543/times",
    "postgresql+asyncpg://me:secret@db:6543/times",
  ])
    assert.deepEqual(read(pasted).target, plain, pasted);
  for (const other of ["mysql://me:secret@db/times", "jdbc:postgresql://db/times", "psql -h db times"])
    assert.doesNotMatch(refusal(other), /secret/);
});

test("several hosts, IPv6 and sockets are hosts", () => {
  const hosts = (url: string) => read(url).target.hosts.map(({ host, port }) => `${host} ${port}`);
  assert.deepEqual(hosts("postgres://u@n1,n2:5433,[::1],[fd00::2]:6000/x"), [
    "n1 5432",
    "n2 5433",
    "::1 5432",
    "fd00::2 6000",
  ]);
  assert.deepEqual(hosts("postgres://u@/x?host=/var/run/postgresql"), ["/var/run/postgresql 5432"]);
  assert.deepEqual(hosts("postgres:///x?host=/run/pg&port=5433&user=u"), ["/run/pg 5433"]);
  assert.deepEqual(hosts("postgres://u@%2Fvar%2Frun%2Fpostgresql/x"), ["/var/run/postgresql 5432"]);
  assert.deepEqual(hosts("postgres://u@/x?host=n1,n2&port=1,2"), ["n1 1", "n2 2"]);
  assert.deepEqual(parseHosts("db, 10.0.0.1:5433,::1,[::2]:7", "5432", "HOST"), [
    { host: "db", port: 5432 },
    { host: "10.0.0.1", port: 5433 },
    { host: "::1", port: 5432 },
    { host: "::2", port: 7 },
  ]);
  for (const wrong of ["", "db,", "a b", "db:0", "db:65536", "db:x", "[::1", "[db]", "a:b:c"])
    assert.throws(() => parseHosts(wrong, "5432", "HOST"), Malformed, wrong);
});

test("letters with a meaning in addresses are taken in a password where it is clear what is meant", () => {
  for (const password of [
    "a#b",
    "a/b",
    "a?b",
    "a@b",
    "a%b",
    "100%",
    "a:b",
    "12345?abc",
    "1234/x",
    "#",
    "?=&",
    "p@ss/w#rd?100%",
    "a+b",
    "пароль",
    "a?b=c",
  ]) {
    const { target } = read(`postgres://me:${password}@db.example:5432/times?sslmode=require`);
    assert.deepEqual([target.password, target.user, target.database], [password, "me", "times"], password);
    const { target: escaped } = read(`postgres://me:${encodeURIComponent(password)}@db.example/times`);
    assert.equal(escaped.password, password);
  }
  assert.equal(read("postgres://me@db/x?password=a%23b").target.password, "a#b");
});

test("where it is not clear, a sentence says how to write it, and never shows a part of it", () => {
  for (const url of [
    "postgres://me:hunter2%23%@db/x",
    "postgres://me:hunter2%ff@db/x",
    "postgres://me:5432?sslmode=hunter2@db/x",
    "postgres://me:hunter2@[/x",
    "postgres://me:hunter2@db:port/x",
    "postgres://me:hunter2@db/x#y",
    "mysql://me:hunter2@db/x",
    "hunter2",
  ]) {
    const words = refusal(url);
    assert.match(words, /^DATABASE_URL must be an address such as postgres:/, url);
    assert.ok(!words.includes("hunter2"), words);
  }
  assert.match(refusal("postgres://me:hunter2%23%@db/x"), /% as %25, # as %23/);
});

test("what is said of an address in the log holds nothing of its password", () => {
  for (const url of [
    "postgres://special:12345?abc@host/db",
    "postgres://special:12345/abc@host/db",
    "postgres://special:12345#abc@host/db",
    "postgres://special:12345@abc@host/db",
  ])
    assert.equal(describe({ url }), "PostgreSQL at host/db", url);
  assert.equal(describe({ url: "postgres://u:p@[::1]:5433,b/db" }), "PostgreSQL at [::1]:5433,b/db");
  assert.equal(describe({ url: "postgres:///db?host=/run/pg&user=u" }), "PostgreSQL at /run/pg, database db");
});

test("parameters of other programs start and are said to do nothing", () => {
  const url =
    "postgres://u:p@ep-x-pooler.example/db?sslmode=require&channel_binding=require&pgbouncer=true&schema=public&connection_limit=1&pool_timeout=0&connect_timeout=15&target_session_attrs=read-write&application_name=mine&options=endpoint%3Dep-x";
  const { target, remarks } = read(url);
  assert.deepEqual(remarks, [
    "DATABASE_URL: channel_binding, connection_limit, pool_timeout, connect_timeout, target_session_attrs: without effect here.",
  ]);
  assert.deepEqual(target.startup, { options: "endpoint=ep-x", application_name: "mine" });
  assert.deepEqual([target.prepare, target.sslmode, target.database], [false, "require", "db"]);
  assert.equal(read("postgres://u@db/x?prepare=false").target.prepare, false);
  assert.equal(targetOf({ url: "postgres://u@db/x", prepare: false }).prepare, false);
  assert.equal(read("postgres://u@db/x?ssl=true").target.sslmode, "require");
  assert.equal(read("postgres://u@db/x?sslmode=verify-ca").target.sslmode, "verify-ca");
  assert.equal(read("postgres://u@db/x?sslrootcert=system&sslmode=verify-full").target.sslmode, "verify-full");
});

test("parameters that would matter are refused by their names", () => {
  assert.match(
    refusal("postgres://u:hunter2@db/x?sslrootcert=/etc/ca.pem"),
    /without sslrootcert: .*NODE_EXTRA_CA_CERTS/,
  );
  assert.match(refusal("postgres://u:hunter2@db/x?schema=games"), /without schema: .*ALTER ROLE .* SET search_path/);
  assert.match(refusal("postgres://u:hunter2@db/x?currentSchema=games"), /without currentschema/);
  assert.match(refusal("postgres://u:hunter2@db/x?sslcert=a"), /without sslcert, which is not supported/);
  assert.match(refusal("postgres://u:hunter2@db/x?target_session_attrs=standby"), /able to write/);
  assert.match(refusal("postgres://u:hunter2@db/x?sslmode=strict"), /with sslmode=disable, prefer/);
});
