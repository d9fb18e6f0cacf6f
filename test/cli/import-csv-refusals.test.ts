import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openTables } from "../support/csv.ts";

const { folder, run, importing, stored } = await openTables();

test("with one wrong row nothing is imported; each is named with its line", async () => {
  const good = Array.from({ length: 5_000 }, (_, n) => `${76561198000000001n + BigInt(n)},1,2`).join("\n");
  const { code, err } = await importing(
    `steam_id,game_id,bm_seconds\n${good}\n1234,1,2\n76561198000000001,-1,2\n76561198000000001,1,2.5\n76561198000000001,1\n`,
  );
  assert.equal(code, 1);
  assert.deepEqual(err.split("\n"), [
    "line 5002: steam_id must be a SteamID64: 16 to 18 digits that begin with 76.",
    "line 5003: game_id must be a whole number from 0 to 2147483647.",
    "line 5004: bm_seconds must be a whole number from 0 to 2147483647.",
    "line 5005: the row must be 3 cells, as the first line has.",
    "Nothing was imported.",
  ]);
  assert.equal((await stored()).length, 0);
  const many = await importing(`steam_id,game_id\n${"x,y\n".repeat(1_500)}`);
  assert.match(many.err, /\nline 21: [^\n]+\n… 1,480 more\.\nNothing was imported\.$/);
});

test("an ID that a spreadsheet has rounded is refused, with what to do", async () => {
  const words =
    /rounded by a spreadsheet.*last digits are lost\..*\nTake the original table again\..*steam_id to text\.\n/;
  for (const id of [
    "7.65612E+16",
    '"7,65612E+16"',
    "7.65E+16",
    "7E16",
    "76561200000000000",
    "76561198000000000",
    "76561198012345600",
  ]) {
    const { code, err } = await importing(`steam_id;game_id\n${id};393380\n`);
    assert.equal(code, 1, id);
    assert.match(err, words, id);
    assert.match(err, /Nothing was imported\.$/);
  }
  const column = ["76561198012345600", "76561198087654300", "76561198011111111", "76561198022222222"];
  assert.match((await importing(`steam_id,game_id\n${column.join(",1\n")},1\n`)).err, words);
  assert.equal((await stored()).length, 0);
});

test("an ID that ends in 00 by chance is taken among others, and alone with a ' or as a formula", async () => {
  const others = Array.from({ length: 50 }, (_, n) => `${76561198012345601n + BigInt(n)},1`);
  assert.equal((await importing(["steam_id,game_id", "76561198012345600,1", ...others, ""].join("\n"))).code, 0);
  for (const id of ["'76561198000000100", '"=""76561198000000200"""'])
    assert.equal((await importing(`steam_id,game_id\n${id},1\n`)).code, 0, id);
  assert.equal((await stored()).length, 53);
});

test("what is no table is said to be none, and standard input leaves nothing behind", async () => {
  for (const text of ["", "\n\n", "hello\n", "\u0000\u0001", '{"a": 1}\n'])
    assert.match(
      (await importing(text)).err,
      /^(the table|the first line) must be .*names of the columns.*Nothing was imported\.$/s,
    );
  assert.match((await importing("steam_id,game_id,steam_id\n")).err, /without steam_id twice/);
  assert.match((await run(`import-csv ${folder}/none.csv`)).err, /none\.csv: this file or folder does not exist/);
  assert.deepEqual(await readdir(folder), []);
  await writeFile(join(folder, "empty.csv"), "steam_id,game_id\n,\n");
  assert.deepEqual(await run(`import-csv ${folder}/empty.csv`), {
    code: 1,
    out: "",
    err: "The table has a line with the names of the columns, and no rows below it. Nothing was imported.",
  });
});
