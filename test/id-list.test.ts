import assert from "node:assert/strict";
import { test } from "node:test";
import { idsIn } from "../src/id-list.ts";

test("a list is read as people keep it: any form of an ID, comments, addresses, a server's Admins.cfg", () => {
  const { steamIds, unread } = idsIn(
    [
      "76561198012345678",
      "  76561198012345679  # Anna, since 2024",
      "# a comment with 76561198000000001 in it",
      "// another 76561198000000002",
      "https://steamcommunity.com/profiles/76561198012345680/ // Boris",
      "steamcommunity.com/profiles/76561198012345681",
      "STEAM_0:1:26040117",
      "STEAM_1:0:26040117 and [U:1:52080236]",
      "U:1:52080237",
      "Admin=76561198012345682:SuperAdmin // Clara",
      "76561198012345683, 76561198012345684;76561198012345678",
      "",
    ].join("\r\n"),
  );
  assert.deepEqual(steamIds, [
    "76561198012345678",
    "76561198012345679",
    "76561198012345680",
    "76561198012345681",
    "76561198012345963",
    "76561198012345962",
    "76561198012345964",
    "76561198012345965",
    "76561198012345682",
    "76561198012345683",
    "76561198012345684",
  ]);
  assert.deepEqual(unread, []);
});

test("lines without an ID are named, cut short, and spoil nothing", () => {
  const { steamIds, unread } = idsIn(
    `Anna\n76561198012345678\nhttps://steamcommunity.com/id/boris\n7656119801234567890\nSTEAM_0:2:5\n[U:1:0]\n[U:1:99999999999]\n${"x".repeat(200)}`,
  );
  assert.deepEqual(steamIds, ["76561198012345678"]);
  assert.deepEqual(
    unread.map(({ line }) => line),
    [1, 3, 4, 5, 6, 7, 8],
  );
  assert.equal(unread.at(-1)?.text.length, 60);
});

test("a large list of garbage is read at once", () => {
  const startMs = performance.now();
  assert.equal(
    idsIn(`${"STEAM_0:1".repeat(100_000)}\n${"//".repeat(200_000)}\n${"7656".repeat(100_000)}`).steamIds.length,
    0,
  );
  assert.ok(performance.now() - startMs < 5_000);
});
