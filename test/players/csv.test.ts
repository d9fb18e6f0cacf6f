import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readCsv } from "../../src/players/csv.ts";
import { cellsOf } from "../support/csv.ts";

describe("a table of cells", () => {
  test("may have commas, semicolons or tabs, any end of line, and a byte order mark", async () => {
    const expected = [
      ["a", "b"],
      ["1", "2"],
    ];
    for (const text of ["a,b\n1,2\n", "a;b\r\n1;2\r\n", "a\tb\n1\t2", "\uFEFFa,b\r\n\r\n1,2\r\n\n", 'a;b\n"1";"2"'])
      assert.deepEqual(await cellsOf(text), expected, JSON.stringify(text));
  });

  test("may have lines that end in CR alone, a first line that names the separator, and rows of nothing but separators", async () => {
    const expected = [
      ["a", "b"],
      ["1", "2"],
    ];
    for (const text of [
      "a,b\r1,2\r",
      "a;b\r1;2",
      "sep=;\r\na;b\r\n1;2\r\n",
      '"sep=;"\na;b\n1;2\n',
      "SEP=|\na|b\n1|2\n",
      "sep=\t\na\tb\n1\t2\n",
      "a,b\n1,2\n,\n",
      ";;;\n\na,b\n , \n1,2\n,,,\n",
    ])
      for (const pieceBytes of [1, 3, 1_000])
        assert.deepEqual(await cellsOf(text, pieceBytes), expected, JSON.stringify(text));
    assert.deepEqual(await cellsOf('a,b\r"1\r\n1\r",2\r'), [
      ["a", "b"],
      ["1\r\n1\r", "2"],
    ]);
  });

  test("may be UTF-16 in either order of bytes, and begin with the lines that npm writes", async () => {
    const expected = [
      ["id", "name"],
      ["1", "Пётр"],
    ];
    const little = Buffer.from("\ufeffid;name\r\n1;Пётр\r\n", "utf16le");
    const big = Buffer.from(little).swap16();
    const banner = "\n> playtime-service@1.0.0 cli\n> node src/cli.ts players export, --game;\n\nid\tname\n1\tПётр\n";
    for (const bytes of [little, big, little.subarray(2), big.subarray(2), Buffer.from(banner)])
      for (const pieceBytes of [1, 3, 1_000])
        assert.deepEqual(await cellsOf(bytes, pieceBytes), expected, bytes.toString("hex"));
  });

  test("keeps in quotes what else would end a cell, in any alphabet", async () => {
    assert.deepEqual(await cellsOf('id;name\n1;"Пётр; ""the, great""\nне"\n2;a"b\n3;\n'), [
      ["id", "name"],
      ["1", 'Пётр; "the, great"\nне'],
      ["2", 'a"b'],
      ["3", ""],
    ]);
  });

  test("tells the line of a row, also below one that has several", async () => {
    async function* all() {
      yield Buffer.from('a,b\n"1\n1",2\n\n3,4\n');
    }
    const lines: number[] = [];
    for await (const batch of readCsv(all())) lines.push(...batch.map(({ line }) => line));
    assert.deepEqual(lines, [1, 2, 5]);
    async function* withReturns() {
      yield Buffer.from("a,b\r1,2\r\n\r\n3,4\n5,6");
    }
    const others: number[] = [];
    for await (const batch of readCsv(withReturns())) others.push(...batch.map(({ line }) => line));
    assert.deepEqual(others, [1, 2, 4, 5]);
  });

  test("is refused with a quote that is never closed, before it fills the memory", async () => {
    await assert.rejects(cellsOf('a,b\n1,2\n"3,4\n'), /the row of line 3 must be .*never closed/);
    await assert.rejects(cellsOf(`a,b\n"${"x".repeat(100_000)}`, 1_000), /the row of line 2 must be .*never closed/);
  });
});

test("a workbook or a compressed table is named as such", async () => {
  const workbook = Buffer.from("504b030414000600", "hex");
  const oldWorkbook = Buffer.from("d0cf11e0a1b11ae1", "hex");
  for (const bytes of [workbook, oldWorkbook, gzipSync("steam_id,game_id\n")])
    for (const pieceBytes of [1, 1_000])
      await assert.rejects(cellsOf(bytes, pieceBytes), /the file must be a table as text: .*save it as CSV/);
  assert.deepEqual(await cellsOf("PKW,b\n1,2\n".slice(2)), [
    ["W", "b"],
    ["1", "2"],
  ]);
});
