import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readCsv } from "../../src/players/csv.ts";
import { cli } from "../support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "../support/database.ts";
import { nodeArgs } from "../support/program.ts";

/** The cells of a text that comes in pieces of some bytes. */
async function cellsOf(text: string | Buffer, pieceBytes = 3): Promise<string[][]> {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const rows: string[][] = [];
  for await (const batch of readCsv(pieces())) rows.push(...batch.map(({ cells }) => cells));
  return rows;
}

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

describe("the commands", () => {
  let db: TestDatabase;
  let folder: string;

  before(async () => {
    db = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), "playtime-csv-"));
  });
  after(async () => {
    await db.drop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => db.sql`truncate playtimes`);

  const run = (args: string, options: { input?: string } = {}) =>
    cli(args, { ...options, env: { ...environmentOf(db), PLAYTIME_SERVER_DATA_DIR: folder } });
  const importing = (text: string, args = "") => run(`import-csv -${args}`, { input: text });
  const stored = () => db.sql`
    select steam_id::text as id, game_id as game, steam_seconds as steam, steam_status as status, bm_seconds as bm, created_at as created,
      updated_at as updated
    from playtimes order by steam_id, game_id`;

  test("players export writes a table of all players, which is a file of its owner alone or standard output", async () => {
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at) values
        (76561198000000001, 393380, 3600, 'ok', '2026-01-02T03:04:05.678Z', 60, '2026-01-02T03:04:06Z', '2026-01-01T00:00:00Z', '2026-01-02T03:04:06Z'),
        (76561198000000002, 0, null, 'unchecked', null, null, null, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')`;
    const table = [
      "steam_id,game_id,steam_seconds,steam_status,steam_checked_at,bm_seconds,bm_signed_at,created_at,updated_at,org_seconds,org_signed_at,seen_at,steam_hours,bm_hours",
      "76561198000000001,393380,3600,ok,2026-01-02T03:04:05.678Z,60,2026-01-02T03:04:06.000Z,2026-01-01T00:00:00.000Z,2026-01-02T03:04:06.000Z,,,,1,0",
      "76561198000000002,0,,unchecked,,,,2026-01-01T00:00:00.000Z,2026-01-01T00:00:00.000Z,,,,,",
      "",
    ].join("\n");
    assert.deepEqual(await run("players export"), { code: 0, out: table, err: "" });
    const file = join(folder, "players.csv");
    const ran = await run(`players export ${file}`);
    assert.deepEqual([ran.code, ran.out], [0, "Written: 2 players."]);
    assert.equal(await readFile(file, "utf8"), table);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.match((await run(`players export ${file}`)).err, /exists already/);
    await rm(file);
  });

  test("players export takes the filters of the panel, and says what is wrong with one", async () => {
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds) values
        (76561198000000001, 393380, 3600, 'ok', 60), (76561198000000001, 440, null, 'private', 60),
        (76561198000000002, 393380, 7200, 'ok', null), (76561198000000003, 440, null, 'unchecked', null)`;
    const exported = async (options: string) =>
      (await run(`players export ${options}`)).out.match(/^7656119800000000[0-9],[0-9]+/gm)?.map((id) => id.slice(16));
    assert.deepEqual(await exported("--game 440"), ["1,440", "3,440"]);
    assert.deepEqual(await exported("--steam known"), ["1,393380", "2,393380"]);
    assert.deepEqual(await exported("--steam=unknown --battlemetrics=known"), ["1,440"]);
    assert.deepEqual(await exported("--status unchecked"), ["3,440"]);
    assert.deepEqual(await exported("--status hidden"), undefined);
    for (const [option, words] of [
      ["--game x", "--game must be a whole number"],
      ["--steam yes", "--steam must be one of known, unknown"],
      ["--battlemetrics 1", "--battlemetrics must be one of known, unknown"],
      ["--status bad", "--status must be one of ok, private"],
    ]) {
      const { code, err } = await run(`players export ${option}`);
      assert.equal(code, 2);
      assert.ok(err.includes(words ?? ""), err);
    }
  });

  test("a reader that has seen enough of an export gets no stack", async (t: TestContext) => {
    await db.sql`insert into playtimes (steam_id, game_id) select 76561198000000000 + n, 0 from generate_series(1, 20000) n`;
    t.after(() => db.sql`truncate playtimes`);
    const child = spawn("sh", ["-c", `node ${nodeArgs("src/cli.ts").join(" ")} players export | head -n 1`], {
      env: { PATH: process.env["PATH"], ...environmentOf(db) },
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (part) => {
        text += part;
      });
    await new Promise((resolve) => child.on("close", resolve));
    assert.match(text, /^steam_id,[a-z_,]+\n(The program that reads the output has ended\.\n)?$/);
  });

  test("import-csv takes columns in any order, and leaves others", async () => {
    const { code, out, err } = await importing(
      [
        "Name;BM_Seconds;steam_id;game_id;steam_seconds;updated_at",
        '"Иван; Б.";7200;76561198000000001;393380;;2026-01-02 03:04:05+03:00',
        "Bob;;76561198000000002;393380;3600.0;",
        "Eve;;'76561198000000003;0;;",
        "",
      ].join("\r\n"),
    );
    assert.equal(code, 0, err);
    assert.equal(err, "These columns are ignored: name.");
    assert.match(out, /^ {2}PLAYERS {2}RESULT\n {8}3 {2}imported$/);
    const rows = await stored();
    assert.deepEqual(
      rows.map(({ id, game, steam, status, bm }) => [id, game, steam, status, bm]),
      [
        ["76561198000000001", 393_380, null, "unchecked", 7_200],
        ["76561198000000002", 393_380, 3_600, "ok", null],
        ["76561198000000003", 0, null, "unavailable", null],
      ],
    );
    assert.equal(rows[0]?.["updated"], "2026-01-02T00:04:05.000Z");
    assert.equal(rows[0]?.["created"], "2026-01-02T00:04:05.000Z");
  });

  test("import-csv reads a pipe with a name, as shells make one of <(zcat FILE)", async (t) => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    t.after(() => rm(pipe));
    const writing = writeFile(pipe, "steam_id,game_id,steam_seconds\n76561198000000001,393380,5\n");
    assert.match((await run(`import-csv ${pipe}`)).out, /1 {2}imported$/);
    await writing;
    assert.deepEqual(await readdir(folder), ["pipe"]);
  });

  test("import-csv takes hours, with a point or a comma; where there are seconds too, these count", async () => {
    const { code, err } = await importing(
      "steam_id;game_id;steam_hours;bm_hours;bm_seconds\n76561198000000001;1;1,5;9;60\n76561198000000002;1;2.25;;\n",
    );
    assert.equal(code, 0, err);
    assert.deepEqual(
      (await stored()).map(({ steam, bm }) => [steam, bm]),
      [
        [5_400, 60],
        [8_100, null],
      ],
    );
    for (const wrong of ["-1", "x", "1:30", "600000", "1e3"])
      assert.match(
        (await importing(`steam_id;game_id;bm_hours\n76561198000000003;1;${wrong}\n`)).err,
        /line 2: bm_hours must be hours, such as 12 or 12\.5\./,
        wrong,
      );
    assert.match(
      (await importing("steam_id,game_id,hours\n76561198000000003,1,5\n")).err,
      /the first line must be without a column hours: name it steam_hours or bm_hours.*\nNothing was imported\.$/,
    );
  });

  test("an export for spreadsheets keeps every digit of an ID, and can be imported", async () => {
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds) values
        (76561198000000001, 393380, 5400, 'ok', now(), 59), (76561198000000002, 393380, null, 'private', now(), 7200)`;
    const file = join(folder, "excel.csv");
    assert.equal((await run(`players export ${file} --spreadsheet`)).code, 0);
    const bytes = await readFile(file);
    assert.deepEqual([bytes[0], bytes[1]], [0xff, 0xfe]);
    const rows = await cellsOf(bytes, 1_000);
    const column = (name: string) => rows.map((cells) => cells[rows[0]?.indexOf(name) ?? -1]);
    assert.deepEqual(column("steam_id"), ["steam_id", '="76561198000000001"', '="76561198000000002"']);
    assert.deepEqual(column("steam_hours"), ["steam_hours", "2", ""]);
    assert.deepEqual(column("bm_hours"), ["bm_hours", "0", "2"]);
    await db.sql`truncate playtimes`;
    assert.match((await run(`import-csv ${file}`)).out, /2 {2}imported$/);
    assert.deepEqual(
      (await stored()).map(({ id, steam, bm }) => [id, steam, bm]),
      [
        ["76561198000000001", 5_400, 59],
        ["76561198000000002", null, 7_200],
      ],
    );
    await rm(file);
  });

  test("npm without -s would write its lines before the table: that is refused with what to type", async () => {
    const env = { ...environmentOf(db), PLAYTIME_SERVER_DATA_DIR: folder, npm_lifecycle_event: "cli" };
    const refused = await cli("players export", { env });
    assert.equal(refused.code, 1);
    assert.match(
      refused.err,
      /Name the file, npm run cli -- players export FILE, or use -s: npm run -s cli -- players export - > FILE/,
    );
    assert.equal((await cli("players export", { env: { ...env, npm_config_loglevel: "silent" } })).code, 0);
  });

  test("--game is the game of all rows; without it the column is needed", async () => {
    const table = "steam_id,bm_seconds\n76561198000000001,5\n";
    const without = await importing(table);
    assert.equal(without.code, 1);
    assert.match(
      without.err,
      /^the first line must be .* with game_id among them \(or give --game\)\.\nNothing was imported\.$/,
    );
    assert.equal((await importing(table, " --game 393380")).code, 0);
    assert.equal((await stored())[0]?.["game"], 393_380);
    assert.equal((await importing(table, " --game x")).code, 2);
  });

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
      /rounded by a spreadsheet.*last digits are lost\..*\nBegin with the table as it was.*steam_id is text\.\n/;
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

  test("nothing takes the place of a time that BattleMetrics signed, and a time never that of a newer row", async () => {
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at) values
        (76561198000000001, 1, null, 'unchecked', null, 10, now() - interval '1 day', now() - interval '1 day', now() - interval '1 day'),
        (76561198000000002, 1, 20, 'ok', now() - interval '1 day', null, null, now() - interval '1 day', now() - interval '1 day'),
        (76561198000000003, 1, 30, 'ok', now() - interval '1 day', null, null, now() - interval '1 day', now() - interval '1 day')`;
    const { out } = await importing(
      [
        "steam_id,game_id,bm_seconds,updated_at",
        "76561198000000001,1,99,",
        "76561198000000002,1,99,",
        "76561198000000003,1,99,2020-01-01T00:00:00Z",
        "",
      ].join("\n"),
    );
    assert.match(
      out,
      / 1 {2}imported over an older row\n +1 {2}left unchanged: the row here has a time signed by BattleMetrics\n +1 {2}left unchanged: /,
    );
    assert.deepEqual(
      (await stored()).map(({ steam, status, bm }) => [steam, status, bm]),
      [
        [null, "unchecked", 10],
        [20, "ok", 99],
        [30, "ok", null],
      ],
    );
  });

  test("what was exported can be imported elsewhere, and a second time changes nothing", async () => {
    await db.sql`
      insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, created_at, updated_at)
      select 76561198000000000 + n, 393380, n, 'ok', now() - interval '1 day', n, now() - interval '2 days', now() - interval '1 day'
      from generate_series(1, 3000) n`;
    const { out: table } = await run("players export");
    const before = (await stored()).map((row) => ({ ...row }));
    await db.sql`truncate playtimes`;
    assert.match((await importing(table)).out, /3,000 {2}imported$/);
    assert.deepEqual(
      (await stored()).map((row) => ({ ...row })),
      before,
    );
    assert.match(
      (await importing(table)).out,
      /3,000 {2}left unchanged: the row here, or another one of the table, is as new$/,
    );
  });

  test("the same player twice in a table: the newest row counts, else the first", async () => {
    await importing(
      [
        "steam_id,game_id,bm_seconds,updated_at",
        "76561198000000001,1,1,2026-01-01T00:00:00Z",
        "76561198000000001,1,2,2026-01-02T00:00:00Z",
        "76561198000000001,1,3,2026-01-01T12:00:00Z",
        "76561198000000002,1,4,",
        "76561198000000002,1,5,",
        "",
      ].join("\n"),
    );
    assert.deepEqual(
      (await stored()).map(({ bm }) => bm),
      [2, 4],
    );
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
});
