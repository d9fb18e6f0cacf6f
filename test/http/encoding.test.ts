import assert from "node:assert/strict";
import { test } from "node:test";
import { takesGzip } from "../../src/http/encoding.ts";

test("gzip is taken where it is named or meant by *, with a weight above 0", () => {
  for (const header of [
    "gzip",
    "GZIP",
    "x-gzip",
    "gzip, deflate, br",
    "deflate;q=0.5,gzip;q=0.1",
    "gzip ; q=1.000",
    "gzip;q=0.001",
    "*",
    "br, *;q=0.5",
    "identity;q=0.5, gzip;q=0.5",
    "identity;q=0, *",
  ])
    assert.equal(takesGzip(header), true, header);
});

test("gzip is not taken where it is not named, refused, or wanted less than plain text", () => {
  for (const header of [
    undefined,
    "",
    "br",
    "identity",
    "gzip;q=0",
    "gzip; q=0.0",
    "gzip;Q=0",
    "gzip;q=0.000, *",
    "*;q=0",
    "br;q=1, *;q=0",
    "identity;q=1, gzip;q=0.5",
    "identity, *;q=0.1",
    "notgzip",
    "gzipped",
    "gzip;q=2",
    "gzip;q=nonsense",
    "gzip;q=-1",
  ])
    assert.equal(takesGzip(header), false, header);
});
