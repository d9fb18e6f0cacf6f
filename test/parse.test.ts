import assert from "node:assert/strict";
import { test } from "node:test";
import {
  boolean,
  gameId,
  integer,
  isSteamId,
  Malformed,
  object,
  oneOf,
  optional,
  steamId,
  text,
} from "../src/parse.ts";

test("a SteamID64 is text of 16 to 18 ASCII digits that begin with 76; blanks around are trimmed", () => {
  assert.equal(steamId(" 76561198012345678\n", "steam_id"), "76561198012345678");
  assert.equal(steamId("7656119801234567", "steam_id"), "7656119801234567");
  assert.equal(steamId("765611980123456789", "steam_id"), "765611980123456789");
  for (const wrong of [
    "",
    "7656",
    "86561198012345678",
    "7656119801234567a",
    "7656119801234567890",
    "７６561198012345678",
    "76561198012345678\0",
    7656119801234567,
    null,
    true,
    [],
    {},
  ])
    assert.throws(() => steamId(wrong, "steam_id"), { name: "Malformed", place: "steam_id" }, JSON.stringify(wrong));
});

test("a whole number may be a number or text, and whole with a point too", () => {
  const number = integer({ min: 0, max: 9_000 });
  for (const [given, expected] of [
    [7200, 7200],
    ["7200", 7200],
    ["7200.0", 7200],
    [" 7200. ", 7200],
    [0, 0],
    ["007", 7],
  ] as const)
    assert.equal(number(given, "playtime"), expected);
  for (const wrong of [
    -1,
    9_001,
    1.5,
    "1.5",
    "1e3",
    "-1",
    "",
    " ",
    "1_000",
    "0x10",
    "١٢",
    "9".repeat(5_000),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    true,
    null,
    undefined,
    [],
    [1],
  ])
    assert.throws(() => number(wrong, "playtime"), Malformed, String(wrong));
});

test("a game id lies between 0 and 2147483647", () => {
  assert.equal(gameId("393380", "game_id"), 393_380);
  assert.equal(gameId(2_147_483_647, "game_id"), 2_147_483_647);
  assert.throws(() => gameId(2_147_483_648, "game_id"), /game_id must be a whole number from 0 to 2147483647/);
});

test("true and false may be text in any case, or 1 and 0", () => {
  for (const yes of [true, "true", "True", 1, "1", " TRUE "]) assert.equal(boolean(yes, "x"), true);
  for (const no of [false, "false", "False", 0, "0"]) assert.equal(boolean(no, "x"), false);
  for (const wrong of ["null", "", 2, [], null, undefined, "yes"]) assert.throws(() => boolean(wrong, "x"), Malformed);
});

test("an optional field may be absent or null, but not wrong", () => {
  const flag = optional(boolean, false);
  assert.equal(flag(undefined, "x"), false);
  assert.equal(flag(null, "x"), false);
  assert.equal(flag("1", "x"), true);
  assert.throws(() => flag("perhaps", "x"), Malformed);
});

test("the message names the place and the expectation, never the value", () => {
  const secret = "hunter2-hunter2";
  for (const parse of [
    () => steamId(secret, "a"),
    () => gameId(secret, "a"),
    () => oneOf(["x", "y"])(secret, "a"),
    () => object(secret, "a"),
    () => text(5, "a"),
  ])
    assert.throws(
      parse,
      (error) =>
        error instanceof Malformed && error.message.startsWith("a must be ") && !error.message.includes(secret),
    );
});

test("a Steam ID is its digits with any blank of Unicode around it, and none with any other character", () => {
  const id = "76561198000000001";
  const blanks: string[] = [];
  for (let point = 0; point < 0x110000; point += 1) {
    const one = String.fromCodePoint(point);
    if (one.trim() === "") blanks.push(one);
    else if (isSteamId(`${one}${id}${one}`.trim())) assert.match(one, /^[0-9]$/);
  }
  assert.ok(blanks.length > 20);
  for (const blank of blanks) assert.equal(steamId(`${blank}${id}${blank}`, ""), id);
});
