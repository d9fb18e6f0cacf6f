import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../src/connections/connections.ts";
import type { Summary } from "../../src/watch/read.ts";
import { warningsOf } from "../../src/watch/warnings.ts";
import { testConfig } from "../support/service.ts";

test("warnings say what is not as it should be, and nothing when all is well", async () => {
  const config = await testConfig({ STEAM: { KEY: "key" } });
  const now = new Date("2026-01-02T12:00:00Z");
  const bm: Connection = {
    kind: "battlemetrics",
    path: "bm",
    secret: "s",
    enabled: true,
    fixedGameId: null,
    expectHours: 24,
    isPaused: false,
    oldSecret: null,
    oldSecretUntil: null,
    createdAt: "",
    updatedAt: "",
  };
  const steam = { breaker: "closed", reason: "" };
  const summary: Summary = {
    kind: "battlemetrics",
    path: "bm",
    acceptedAt: "2026-01-02T11:00:00.000Z",
    refusedAt: null,
    refusedCode: null,
    refusedReason: null,
    accepted: 5,
    ignored: 0,
    paused: 0,
    refusedInARow: 0,
    refused: 0,
    badSignatures: 0,
    malformed: 0,
    malformedReason: null,
    ignoredField: null,
  };
  const codes = (known: Partial<Parameters<typeof warningsOf>[0]>) =>
    warningsOf({ config, connections: [bm], summaries: [summary], steam, now, ...known }).map(({ code }) => code);
  assert.deepEqual(codes({}), []);
  assert.deepEqual(codes({ connections: [] }), ["no-connection"]);
  assert.deepEqual(codes({ config: await testConfig({ HMAC: { ENABLE: false } }) }), ["hmac-off", "no-steam-key"]);
  assert.deepEqual(codes({ steam: { breaker: "open", reason: "status 403" } }), ["steam-fails"]);
  assert.deepEqual(codes({ connections: [{ ...bm, secret: null }] }), ["no-secret"]);
  const silent = { ...summary, acceptedAt: "2026-01-01T11:59:00.000Z" };
  assert.deepEqual(codes({ summaries: [silent] }), ["silent"]);
  assert.deepEqual(codes({ summaries: [silent], connections: [{ ...bm, enabled: false }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...silent, acceptedAt: null }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...summary, badSignatures: 2 }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...summary, badSignatures: 3 }] }), ["bad-signatures"]);
  const stale = { ...summary, refusedAt: "2026-01-02T11:30:00.000Z", refusedCode: "stale-timestamp" };
  assert.deepEqual(codes({ summaries: [stale] }), ["stale-timestamps"]);
  assert.deepEqual(codes({ summaries: [{ ...stale, acceptedAt: "2026-01-02T11:31:00.000Z" }] }), []);
  const wrong = { ...summary, malformed: 1, refusedAt: "2026-01-02T11:30:00.000Z", refusedCode: "malformed" };
  assert.deepEqual(codes({ summaries: [wrong] }), ["malformed"]);
  assert.deepEqual(codes({ summaries: [{ ...wrong, acceptedAt: "2026-01-02T11:31:00.000Z" }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...wrong, acceptedAt: "2026-01-02T11:31:00.000Z", malformed: 6 }] }), [
    "malformed",
  ]);
  const unsigned = { ...summary, refusedInARow: 3, refusedCode: "no-signature", refusedAt: "2026-01-02T11:30:00.000Z" };
  assert.deepEqual(codes({ summaries: [unsigned] }), ["refusing"]);
  assert.deepEqual(codes({ summaries: [{ ...unsigned, refusedInARow: 2 }] }), []);
  assert.deepEqual(
    codes({ summaries: [{ ...silent, refusedAt: null }], connections: [{ ...bm, isPaused: true }] }),
    [],
  );
  assert.deepEqual(codes({ summaries: [silent], connections: [{ ...bm, expectHours: null }] }), []);
  assert.deepEqual(codes({ summaries: [summary], connections: [{ ...bm, expectHours: 1 }] }), ["silent"]);
  assert.deepEqual(codes({ summaries: [{ ...summary, ignored: 5 }] }), []);
  assert.deepEqual(codes({ summaries: [{ ...summary, ignored: 6 }] }), ["ignored"]);
  assert.deepEqual(codes({ summaries: [{ ...summary, accepted: 0, ignored: 2 }] }), []);
});
