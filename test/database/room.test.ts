import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect } from "../../src/database/connect.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { memoryLog } from "../support/service.ts";

let db: TestDatabase;

before(async () => {
  db = await createTestDatabase();
});
after(() => db.drop());

/** The codes with which a server without room refuses, raised by hand: the real full disk is among the faults. */
const refusal = (code: string) => `do $$ begin raise exception 'no room' using errcode = '${code}'; end $$`;

test("after a refusal for a full disk the database counts as working only while it can really be written", async (t) => {
  const database = connect(db.address, memoryLog().log);
  t.after(() => database.close());
  assert.equal(await database.answers(), true);
  await assert.rejects(database.run((sql) => sql.unsafe(refusal("53100"))));
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  // There is room, and a table that ends with its statement shows it.
  assert.equal(await database.answers(), true);

  await db.sql.unsafe(`revoke temporary on database ${db.name} from public`);
  t.after(() => db.sql.unsafe(`grant temporary on database ${db.name} to public`));
  await assert.rejects(database.run((sql) => sql.unsafe(refusal("53100"))));
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const { rolsuper } = (await db.sql`select rolsuper from pg_roles where rolname = current_user`)[0] ?? {};
  assert.equal(await database.answers(), rolsuper === true);
});
