import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJson } from "../src/json.ts";
import { Malformed } from "../src/parse.ts";

const parse = (text: string) => parseJson(Buffer.from(text));

test("a whole number of 16 or more digits comes back as text, with every digit", () => {
  assert.deepEqual(parse("[76561198012345679, 7656119801234567, 765611980123456789, -76561198012345679]"), [
    "76561198012345679",
    "7656119801234567",
    "765611980123456789",
    "-76561198012345679",
  ]);
  assert.equal(parse("76561198012345679"), "76561198012345679");
  assert.deepEqual(parse('{"steam_id" : \n 76561198012345679 }'), { steam_id: "76561198012345679" });
});

test("everything else is what JSON.parse makes of it", () => {
  for (const text of [
    "393380",
    "123456789012345",
    "1.5",
    "1e3",
    "7.6561198012345679e16",
    "76561198012345679.0",
    "0",
    "-0",
    '"76561198012345679"',
    '{"a":"x: 76561198012345679","b":[76]}',
    '{"76561198012345679":1}',
    String.raw`{"a\"[":"\\","b":"[76561198012345679"}`,
    '{"__proto__":{"x":1}}',
    '{"a":1,"a":2}',
    "[]",
    "null",
    ' \n{"ю":"☃"} ',
  ])
    assert.deepEqual(parse(text), JSON.parse(text), text);
});

test("what is not JSON does not become JSON by the quotes around long numbers", () => {
  for (const text of [
    "",
    "{nope",
    "{76561198012345679:1}",
    "{76561198012345679 :1}",
    "[76561198012345679 76561198012345679]",
    "[076561198012345679]",
    "[+76561198012345679]",
    "[.76561198012345679]",
    "[76561198012345679x]",
    "[--76561198012345679]",
    '"76561198012345679',
    "NaN",
  ])
    assert.throws(() => parse(text), Malformed, text);
});

test("bytes that are not UTF-8 are refused", () => {
  assert.throws(() => parseJson(Buffer.from([0x22, 0xff, 0x22])), /the body must be JSON in UTF-8/);
});

test("deep nesting and long hostile texts are read without a crash", () => {
  const depth = 30_000;
  const deep = `${"[".repeat(depth)}76561198012345679${"]".repeat(depth)}`;
  let value = parse(deep);
  for (let level = 0; level < depth; level += 1) value = Array.isArray(value) ? value[0] : assert.fail();
  assert.equal(value, "76561198012345679");
  for (const hostile of ['"', "\\", "[ ", ":", "1", "76561198012345679 ", '"\\"'])
    assert.throws(() => parse(`[1234567890123456,${hostile.repeat(65_536 / hostile.length)}`), Malformed);
});
