import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import {
  assertRefused,
  backupOf,
  contentOf,
  emptyDatabase,
  filledDatabase,
  rewrite,
  run,
  scratch,
} from "../support/backups.ts";
import { cli, cliProcess } from "../support/cli.ts";
import { environmentOf } from "../support/database.ts";

describe("a restore refuses, and changes nothing,", { concurrency: 4 }, () => {
  test("a file that is cut, wherever that is", async (t) => {
    const db = await filledDatabase(t, 10);
    const whole = await readFile(await backupOf(t, await filledDatabase(t)));
    const file = join(await scratch(t), "cut.backup");
    for (const bytes of [9, 15, 1_000, Math.floor(whole.length / 2), whole.length - 9, whole.length - 1]) {
      await writeFile(file, whole.subarray(0, bytes));
      await assertRefused(db, file, /^The file is cut off or was changed/);
    }
    await writeFile(file, "");
    await assertRefused(db, file, /^The file is cut off or was changed/);
  });

  test("a file that is cut at a line and packed again", async (t) => {
    const db = await filledDatabase(t, 10);
    const file = await backupOf(t, await filledDatabase(t));
    const lines = gunzipSync(await readFile(file))
      .toString()
      .split("\n");
    await writeFile(file, gzipSync(`${lines.slice(0, 200).join("\n")}\n`));
    await assertRefused(db, file, /^The file is cut off or was changed/);
  });

  test("a file with any byte flipped", async (t) => {
    const whole = await readFile(await backupOf(t, await filledDatabase(t, 50)));
    const file = join(await scratch(t), "flipped.backup");
    const db = await emptyDatabase(t);
    // The header of gzip holds bytes that say nothing: time and system.
    for (let at = 10; at < whole.length; at += Math.ceil(whole.length / 40)) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      await writeFile(file, bytes);
      const { code, err } = await run(db, `restore ${file}`);
      assert.equal(code, 1, `byte ${at}`);
      assert.match(err, /^The file is cut off or was changed/, `byte ${at}`);
    }
    assert.deepEqual(await contentOf(db), []);
  });

  test("a value changed inside, or a row left out, with the old checksum", async (t) => {
    const db = await filledDatabase(t, 10);
    const file = await backupOf(t, await filledDatabase(t));
    const text = gunzipSync(await readFile(file)).toString();
    await writeFile(file, gzipSync(text.replace("2147483146", "2147483145")));
    await assertRefused(db, file, /^The file is cut off or was changed/);
    await writeFile(file, gzipSync(text.replace(/^\["7656.*\n/m, "")));
    await assertRefused(db, file, /^The file is cut off or was changed/);
  });

  test("values that the service would never have stored, though the checksum is right", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 20));
    const file = join(await scratch(t), "forged.backup");
    const changes: [from: string | RegExp, to: string, words: RegExp][] = [
      ["76561198000000007", "86561198000000007", /steam_id must be a SteamID64/],
      ["2147483646", "2147483648", /bm_seconds must be a whole number/],
      ["2147483646", "-1", /bm_seconds must be/],
      ['"unchecked"', '"unknown"', /steam_status must be one of ok/],
      [/"2026-02-03T[^"]+"/, '"2026-02-30T00:00:00+00:00"', /bm_signed_at must be an ISO 8601 time/],
      [/"2026-02-03T[^"]+"/, '"infinity"', /bm_signed_at must be/],
      ['"plugin"', '"pl/ug"', /path must be 1 to 255/],
      ['"script"', '"admin"', /kind must be one of/],
    ];
    for (const [from, to, words] of changes) {
      await writeFile(file, await readFile(original));
      await rewrite(file, (lines) => lines.map((line) => (line.startsWith("[") ? line.replace(from, to) : line)));
      await assertRefused(db, file, words);
    }
  });

  test("a day that is none, and a player without time on it", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 20));
    const file = join(await scratch(t), "days.backup");
    for (const [from, to, words] of [
      ['"2026-02-02"', '"2026-02-30"', /day must be a day, such as 2026-01-02/],
      ['"2026-02-02"', '"infinity"', /day must be a day/],
      [/("2026-02-02"), \d+/, "$1, 0", /seconds must be a whole number from 1/],
    ] as const) {
      await writeFile(file, await readFile(original));
      await rewrite(file, (lines) => lines.map((line) => (line.startsWith("[") ? line.replace(from, to) : line)));
      await assertRefused(db, file, words);
    }
  });

  test("a player twice, rows of no table, and other counts than the file says", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 20));
    const file = join(await scratch(t), "odd.backup");
    const odd = async (change: (lines: string[]) => string[], words: RegExp) => {
      await writeFile(file, await readFile(original));
      await rewrite(file, change);
      await assertRefused(db, file, words);
    };
    await odd(([header = "", ...lines]) => {
      const end = lines.findIndex((line) => line.startsWith('{"table":"playtime_days"'));
      const twice = [...lines.slice(0, end), lines[end - 1] ?? "", ...lines.slice(end)];
      return [header.replace('"playtimes":20', '"playtimes":21'), ...twice];
    }, /a player twice/);
    await odd((lines) => lines.slice(0, -1), /cut off or was changed/);
    await odd(([header = "", ...lines]) => [header, lines.at(-1) ?? "", ...lines], /cut off or was changed/);
    await odd((lines) => lines.slice(1), /no backup/);
  });

  test("a file of a newer version: by its number, a table or a column", async (t) => {
    const db = await filledDatabase(t, 10);
    const original = await backupOf(t, await filledDatabase(t, 2));
    const file = join(await scratch(t), "newer.backup");
    for (const [from, to] of [
      ['"version":1,"service":"', '"version":2,"service":"9.'],
      ['{"table":"playtimes"', '{"table":"mottos"'],
      ['"created_at"', '"born_at"'],
    ] as const) {
      await writeFile(file, await readFile(original));
      await rewrite(file, (lines) => lines.map((line) => (line.startsWith("{") ? line.replace(from, to) : line)));
      await assertRefused(
        db,
        file,
        /^The backup was made by a newer version of the service \([0-9.]+\)\. Update the service/,
      );
    }
  });

  test("what is no backup", async (t) => {
    const db = await filledDatabase(t, 10);
    const file = join(await scratch(t), "other");
    for (const bytes of [
      "steam_id,game_id\n",
      gzipSync("hello\n"),
      gzipSync('{"format":"other"}\n'),
      gzipSync("[1]\n"),
    ]) {
      await writeFile(file, bytes);
      await assertRefused(db, file, /^This file is no backup of Playtime-Service\.$/);
    }
  });
});

/**
 * A file of few bytes that holds much: each part is compressed once and stands in the file as often as said.
 * Node reads the parts one after another, as gzip allows it.
 */
async function crafted(t: TestContext, parts: [text: string, times: number][]): Promise<string> {
  const file = join(await scratch(t), "crafted.backup");
  const bytes = parts.flatMap(([text, times]) => Array<Buffer>(times).fill(gzipSync(text)));
  await writeFile(file, Buffer.concat(bytes));
  return file;
}

describe("a crafted backup of few bytes", { concurrency: 2 }, () => {
  const header = (rows: Record<string, number>) =>
    `${JSON.stringify({ format: "playtime-service backup", version: 1, service: "1.0.0", madeAt: "2026-01-02T03:04:05Z", rows })}\n`;
  const columns = ["kind", "path", "secret", "enabled", "fixed_game_id", "created_at", "updated_at"];
  const table = `${JSON.stringify({ table: "connections", columns })}\n`;
  const at = "2026-01-02T03:04:05Z";
  const row = (secret: unknown, path: unknown = "x") =>
    `${JSON.stringify(["script", path, secret, true, null, at, at])}\n`;
  const large = 1_000_000;
  const nested = `${"[".repeat(large / 2)}${"]".repeat(large / 2)}`;

  for (const [name, parts] of [
    [
      "whose rows are large",
      [
        [header({ connections: 9_999 }) + table, 1],
        [row("x".repeat(large)), 120],
      ],
    ],
    [
      "whose rows hold many lists",
      [
        [header({ connections: 9_999 }) + table, 1],
        [
          row(
            null,
            Array.from({ length: large / 4 }, () => []),
          ),
          40,
        ],
      ],
    ],
    [
      "whose rows are deep",
      [
        [header({ connections: 9_999 }) + table, 1],
        [`${nested}\n`, 10],
      ],
    ],
    [
      "with a line without end",
      [
        [header({}), 1],
        ["x".repeat(large), 100],
      ],
    ],
    ["with a first line without end", [["{".repeat(large), 100]]],
    [
      "with a column again and again",
      [
        [
          `${header({})}${JSON.stringify({ table: "connections", columns: Array.from({ length: large / 8 }, () => "path") })}\n`,
          1,
        ],
        [row("x"), 10],
      ],
    ],
    [
      "with more rows than it says",
      [
        [header({ connections: 1 }) + table, 1],
        [row("x").repeat(9_000), 10],
      ],
    ],
    ["of nothing but empty lines", [["\n".repeat(large), 10]]],
  ] as [string, [string, number][]][])
    test(`${name} is refused in a sentence, and in little memory`, async (t) => {
      const db = await emptyDatabase(t);
      const file = await crafted(t, parts);
      assert.ok((await stat(file)).size < 2_000_000);
      const env = { ...environmentOf(db), NODE_OPTIONS: "--max-old-space-size=64" };
      // A process of its own for what would end this one.
      const { code, err } = await (/large|many/.test(name) ? cliProcess : cli)(`restore ${file}`, { env });
      assert.equal(code, 1, err.slice(-2_000));
      assert.match(err, /cut off or was changed|no backup of Playtime-Service/);
      assert.ok(err.length < 1_000);
    });
});
