import assert from "node:assert/strict";
import { test } from "node:test";
import { tlsProblem } from "../../src/database/tls.ts";

const address = (sslmode: string, host = "127.0.0.1") => ({
  host,
  port: 1,
  database: "x",
  user: "x",
  password: "hunter2",
  sslmode,
});

test("a certificate that does not pass is no reason to wait", async () => {
  assert.match(
    (await tlsProblem(address("verify-full"), "DEPTH_ZERO_SELF_SIGNED_CERT")) ?? "",
    /certificate does not pass \(DEPTH_ZERO_SELF_SIGNED_CERT\).* for the name in \[POSTGRES\] HOST; .*NODE_EXTRA_CA_CERTS/,
  );
  assert.match((await tlsProblem(address("verify-ca"), "CERT_HAS_EXPIRED")) ?? "", /authority must have signed it; /);
});

test("a server that is away, a socket, or a mode that does not insist is another matter", async () => {
  assert.equal(await tlsProblem(address("require"), "ECONNREFUSED"), undefined);
  assert.equal(await tlsProblem(address("require", "/var/run/postgresql"), "ENOENT"), undefined);
  assert.equal(await tlsProblem(address("prefer"), "ECONNRESET"), undefined);
});
