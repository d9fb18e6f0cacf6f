import assert from "node:assert/strict";
import { test } from "node:test";
import {
  anyMatches,
  isSameText,
  parseDeliverySignature,
  parseScriptSignature,
  parseTimestamp,
  sign,
} from "../src/signature.ts";

const official = {
  secret: "fd38838ffca5116a9024b5957571e07bce98b207fe123f286f6af494ac8e6e54",
  timestamp: "1970-01-01T00:00:00.000Z",
  body: "Hello world",
  signature: "4723360cfc233c2137ede9094bfb1b6d4b034d49a65bcb582acd725636ea6258",
};

test("BattleMetrics' official vector is signed as BattleMetrics signs it", () => {
  const { secret, timestamp, body, signature } = official;
  assert.equal(sign(secret, timestamp, ".", Buffer.from(body)).toString("hex"), signature);
});

test("any of several signatures may match, in either case, and nothing but hex of 32 bytes", () => {
  const right = Buffer.from(official.signature, "hex");
  const wrong = "0".repeat(64);
  assert.ok(anyMatches([official.signature], right));
  assert.ok(anyMatches([official.signature.toUpperCase()], right));
  assert.ok(anyMatches([wrong, official.signature], right));
  for (const none of [
    [],
    [wrong],
    [""],
    [official.signature.slice(2)],
    [`${official.signature}00`],
    [`${official.signature.slice(0, 62)}zz`],
    [`0x${official.signature.slice(2)}`],
  ])
    assert.ok(!anyMatches(none, right), String(none));
});

test("the parts of a delivery's header come in any order, unknown ones are ignored, blanks too", () => {
  const expected = { timestamp: "T", signatures: ["S"] };
  for (const header of ["t=T,s=S", "s=S,t=T", " t = T , s = S ", "v=1,t=T,x,s=S,keys=abc", "é,t=T,s=S"])
    assert.deepEqual(parseDeliverySignature(header), expected, header);
  assert.deepEqual(parseDeliverySignature("t=T,s=a,s=b"), { timestamp: "T", signatures: ["a", "b"] });
});

test("a delivery's header without exactly one time and at least one signature is none", () => {
  for (const header of ["", ",", "t=T", "s=S", "t=,s=S", "t=T,t=T,s=S", "T=T,S=S", official.signature])
    assert.equal(parseDeliverySignature(header), undefined, header);
});

test("a script's header is the bare hex, or sha256= and the hex", () => {
  for (const header of [`  ${official.signature} `, `sha256=${official.signature}`, ` SHA256=${official.signature}`])
    assert.equal(parseScriptSignature(header), official.signature, header);
  for (const header of [
    "",
    "zz",
    "sha256=",
    `sha1=${official.signature}`,
    `sha256=sha256=${official.signature}`,
    `t=T,s=${official.signature}`,
  ])
    assert.equal(parseScriptSignature(header), undefined);
});

test("a time has seconds and a zone", () => {
  const expected = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  for (const text of [
    "2026-01-02T03:04:05.678Z",
    "2026-01-02T03:04:05.678000000Z",
    "2026-01-02T03:04:05.678+00:00",
    "2026-01-02T06:04:05.678+03:00",
    "2026-01-01T21:34:05.678-05:30",
    "2026-01-02T06:04:05.678+0300",
    "2026-01-02T06:04:05.678+03",
    "2026-01-01T21:34:05.678-0530",
  ])
    assert.equal(parseTimestamp(text), expected, text);
  for (const text of [
    "",
    "garbage",
    "2026-01-02T03:04:05",
    "2026-01-02 03:04:05Z",
    "2026-01-02T03:04Z",
    "2026-01-02T03:04:05,678Z",
    "2026-01-02T03:04:05+24:00",
    "2026-01-02T03:04:05+24",
    "2026-01-02T03:04:05+3",
    "2026-01-02T03:04:05+030",
    "2026-01-02T03:04:05+03:",
    "2026-01-02T03:04:05Z+03",
    "1767323045",
    "2026-13-02T03:04:05Z",
    "2026-01-02T03:04:05Z, s=1",
  ])
    assert.ok(Number.isNaN(parseTimestamp(text)), text);
});

test("texts are the same only as a whole, and may differ in length", () => {
  assert.ok(isSameText("токен", "токен"));
  for (const other of ["", "token", "toke", "token ", "Token", "tokentoken"])
    assert.equal(isSameText("token", other), other === "token", other);
});
