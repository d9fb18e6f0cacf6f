import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../src/database/connect.ts";
import { createLog } from "../../src/log.ts";
import { createTestDatabase, type TestAddress } from "../support/database.ts";

const silent = createLog({ level: "error", readable: true, write: () => {} });

// postgres.js forgets a statement that begins between the error of a socket and its close, and reports it as done when it
// has connected again: a delivery would be acknowledged and lost.
test("a statement that begins on a connection in the moment of its reset is carried out", async (t) => {
  const db = await createTestDatabase();
  t.after(db.drop);
  await db.sql`create table kept (value int)`;
  const proxy = await resettable(db.address);
  t.after(proxy.close);
  const sockets: Socket[] = [];
  const original = Socket.prototype.connect;
  t.mock.method(Socket.prototype, "connect", function (this: Socket, ...options: Parameters<typeof original>) {
    sockets.push(this);
    return original.apply(this, options);
  });
  const database = connect(proxy.address, silent);
  t.after(database.close);
  await database.run((sql) => sql`select 1`);

  let written: Promise<unknown> | undefined;
  sockets[0]?.once("error", () => {
    written = database.run((sql) => sql`insert into kept values (1)`);
  });
  const closed = new Promise((resolve) => sockets[0]?.once("close", resolve));
  proxy.reset();
  await closed;
  // This one opens the connection again.
  await database.run((sql) => sql`select 2`);
  await written;
  assert.equal((await db.sql`select * from kept`).length, 1);
});

test("statements of many callers survive connections that are reset again and again", async (t) => {
  const db = await createTestDatabase();
  t.after(db.drop);
  await db.sql`create table kept (value int primary key)`;
  const proxy = await resettable(db.address);
  t.after(proxy.close);
  const database = connect(proxy.address, silent);
  t.after(database.close);

  const acknowledged: number[] = [];
  let value = 0;
  let running = true;
  const callers = Array.from({ length: 8 }, async () => {
    while (running) {
      value += 1;
      const own = value;
      await database
        .run((sql) => sql`insert into kept values (${own}) on conflict do nothing`)
        .then(
          () => acknowledged.push(own),
          () => {},
        );
    }
  });
  for (let resets = 1; resets <= 15; resets += 1) {
    const wanted = acknowledged.length + 20;
    for (const tooLate = Date.now() + 10_000; acknowledged.length < wanted; await sleep(1))
      assert.ok(Date.now() < tooLate, `nothing is written after ${resets} resets`);
    proxy.reset();
  }
  running = false;
  await Promise.all(callers);
  const rows = new Set((await db.sql<{ value: number }[]>`select value from kept`).map((row) => row.value));
  assert.deepEqual(
    acknowledged.filter((own) => !rows.has(own)),
    [],
  );
  // No connection that nobody uses any more stays behind.
  for (let left = 20; ; left -= 1) {
    const [row] = await db.sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity where datname = ${db.name} and pid <> pg_backend_pid()`;
    if ((row?.count ?? 0) <= 5) break;
    assert.ok(left > 0, `${row?.count} connections are open`);
    await sleep(100);
  }
});

/** A way to the database whose connections can be reset. */
async function resettable(address: TestAddress) {
  const target = "url" in address ? undefined : `${address.host}/.s.PGSQL.${address.port}`;
  const url = "url" in address ? new URL(address.url) : undefined;
  const pairs = new Set<Socket>();
  const server = createServer((near) => {
    const far = target ? connectSocket(target) : connectSocket(Number(url?.port || 5432), url?.hostname);
    pairs.add(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
    near.on("close", () => pairs.delete(near));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    address: viaPort(address, port),
    reset: () => pairs.forEach((near) => void near.resetAndDestroy()),
    close: () => {
      pairs.forEach((near) => void near.destroy());
      server.close();
    },
  };
}

function viaPort(address: Parameters<typeof connect>[0], port: number): Parameters<typeof connect>[0] {
  if (!("url" in address)) return { ...address, host: "127.0.0.1", port };
  const url = new URL(address.url);
  url.host = `127.0.0.1:${port}`;
  return { url: url.href };
}
