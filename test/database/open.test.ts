import assert from "node:assert/strict";
import { test } from "node:test";
import { isEmbedded } from "../../src/database/open.ts";
import { testConfig } from "../support/service.ts";

test("the database is our own unless a server is named", async () => {
  const config = await testConfig();
  assert.equal(isEmbedded(config), true);
  assert.equal(isEmbedded({ ...config, databaseUrl: "postgres://there/" }), false);
  assert.equal(isEmbedded({ ...config, POSTGRES: { ...config.POSTGRES, HOST: "db" } }), false);
});
