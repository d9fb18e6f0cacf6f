import assert from "node:assert/strict";
import { test } from "node:test";
import { newestOfEach } from "../../src/database/rows.ts";
import { steamId } from "../../src/parse.ts";

test("rows of a batch are in the order of Postgres' keys, one each and the newest", () => {
  const row = (id: string, gameId: number, at: number) => ({ steamId: steamId(id, "id"), gameId, at });
  const rows = [
    row("76561198000000002", 9, 1),
    row("765611980000000010", 1, 1),
    row("76561198000000001", 10, 1),
    row("76561198000000001", 9, 2),
    row("76561198000000001", 9, 1),
    row("7656119800000000", 9, 1),
  ];
  const expected = [
    row("7656119800000000", 9, 1),
    row("76561198000000001", 9, 2),
    row("76561198000000001", 10, 1),
    row("76561198000000002", 9, 1),
    row("765611980000000010", 1, 1),
  ];
  for (const given of [rows, rows.toReversed()])
    assert.deepEqual(
      newestOfEach(given, (a, b) => a.at - b.at),
      expected,
    );
});
