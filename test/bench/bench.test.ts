import assert from "node:assert/strict";
import { test } from "node:test";
import { createTestDatabase } from "../support/database.ts";
import { insertConnections, startTestService, usualConnections } from "../support/service.ts";
import { storedSince } from "./database.ts";
import { deliveries, mixed, queries, secret, send } from "./requests.ts";

test("the service takes all that the bench sends, and the bench counts what is stored", async (t) => {
  const db = await createTestDatabase();
  await insertConnections(
    db,
    usualConnections.map((connection) => ({ ...connection, path: "bench", secret })),
  );
  const service = await startTestService(db);
  t.after(async () => {
    await service.stop();
    await db.drop();
  });
  const sendAll = async (requests: Parameters<typeof send>[1][]) => {
    for (const one of requests) assert.equal((await send(service.url, one)).status, 200, one.path);
  };

  const { requests, figure } = deliveries(2_002);
  await sendAll([...requests.slice(0, 3), ...requests.slice(2_000)]);
  assert.equal(await storedSince(db, figure), 5);
  await sendAll([...queries(100).slice(0, 1), ...queries(100, { days: [7, 30] }).slice(0, 1), ...mixed(100)]);
});
