import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { cli } from "../support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "../support/database.ts";

const squad = 393_380;
const player = (number: number) => String(76561198000000000n + BigInt(number));
/** So many days ago, in UTC. */
const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);

let db: TestDatabase;
let folder: string;

before(async () => {
  db = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), "playtime-activity-"));
});
after(async () => {
  await db.drop();
  await rm(folder, { recursive: true });
});

const seen = (number: number, at: string, game = squad) => db.sql`
  insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at, seen_at) values (${player(number)}, ${game}, 1, ${at}, ${at})`;
const played = (number: number, daysAgo: number, seconds: number, game = squad) => db.sql`
  insert into playtime_days values (${player(number)}, ${game}, ${ago(daysAgo)}, ${seconds})`;

beforeEach(async () => {
  await db.sql`truncate playtimes, playtime_days, player_names`;
  await db.sql`insert into player_names values (${player(2)}, 'Борис', now()), (${player(9)}, null, now())`;
  await seen(1, "2026-01-02T03:04:05.678Z");
  await seen(2, "2026-01-01T00:00:00.000Z");
  await seen(3, "2026-01-03T00:00:00.000Z");
  await played(1, 0, 3_600);
  await played(1, 8, 1_800);
  await played(2, 20, 36_000);
  await played(3, 60, 99);
});

const run = (args: string, options: { input?: string; env?: Record<string, string> } = {}) =>
  cli(args, { ...options, env: { PLAYTIME_HISTORY_TIME_ZONE: "UTC", ...environmentOf(db), ...options.env } });

const linesOf = (out: string) => out.split("\n").map((line) => line.trim().split(/ {2,}/));

test("players top tells who played most, of the only game that is stored", async () => {
  const { code, out } = await run("players top");
  assert.equal(code, 0);
  assert.deepEqual(linesOf(out), [
    ["STEAM ID", "LAST 30 DAYS", "LAST SEEN", "NAME"],
    ["1", player(2), "10.0 h", "2026-01-01T00:00:00.000Z", "Борис"],
    ["2", player(1), "1.5 h", "2026-01-02T03:04:05.678Z"],
  ]);
  assert.deepEqual(JSON.parse((await run("players top --days 7 --limit 1 --json")).out), [
    { steamId: player(1), seconds: 3_600, lastSeen: "2026-01-02T03:04:05.678Z", name: null },
  ]);
  assert.match((await run("players top --game 440")).err, /^No time is known for game 440 \(last 30 days\)/);
});

test("with several games stored, one must be named", async () => {
  await played(1, 0, 5, 440);
  for (const command of ["players top", `players activity ${player(1)}`]) {
    const { code, err } = await run(command);
    assert.deepEqual([code, err.split("\n")[0]], [2, "Several games are stored: add --game with one of 393380, 440."]);
  }
  assert.match((await run("players top --game 440")).out, /0\.0 h/);
});

test("wrong windows and limits are refused with what is expected, and so is a list while no days are kept", async () => {
  const cases: [string, RegExp, number][] = [
    ["players top --days 401", /--days must be a whole number from 1 to 400/, 2],
    ["players top --days 7,30", /--days must be one number/, 2],
    ["players top --limit 0", /--limit must be a whole number from 1 to 1000/, 2],
    ["players top extra", /Expected no arguments/, 2],
    [`players activity ${player(1)} --days 7,7`, /--days must be 1 to 5 different numbers/, 2],
    [`players activity ${player(1)} --days 1,2,3,4,5,6`, /--days must be 1 to 5 different numbers/, 2],
    [`players activity ${player(1)} --json --csv`, /Choose one of --json and --csv/, 2],
    ["players activity", /Give either Steam IDs, or a file with --ids/, 2],
    ["players activity Anna", /"Anna" must be a Steam ID/, 2],
    ["players activity --ids /nowhere/at/all", /this file or folder does not exist/, 1],
    ["players export --days 0", /--days must be a whole number/, 2],
  ];
  for (const [command, words, code] of cases) {
    const ran = await run(command);
    assert.match(ran.err, words, command);
    assert.equal(ran.code, code, command);
  }
  const none = await run("players top", { env: { PLAYTIME_HISTORY_KEEP_DAYS: "0" } });
  assert.deepEqual([none.code, none.err], [1, "Daily times are switched off: [HISTORY] KEEP_DAYS is 0."]);
});

test("players activity lists who of the staff plays least, with those of whom nothing is known at the end", async () => {
  const file = join(folder, "staff.txt");
  await writeFile(
    file,
    `# staff\n${player(1)} // Anna\nhttps://steamcommunity.com/profiles/${player(2)}\nAdmin=${player(3)}:Admin\n${player(9)}\nBoris\n`,
  );
  const { code, out, err } = await run(`players activity --ids ${file}`);
  assert.equal(code, 0);
  assert.deepEqual(linesOf(out), [
    ["STEAM ID", "LAST 7 DAYS", "LAST 30 DAYS", "LAST SEEN", "NAME"],
    [player(3), "0.0 h", "0.0 h", "2026-01-03T00:00:00.000Z"],
    [player(1), "1.0 h", "1.5 h", "2026-01-02T03:04:05.678Z"],
    [player(2), "0.0 h", "10.0 h", "2026-01-01T00:00:00.000Z", "Борис"],
    [""],
    ["BattleMetrics has sent nothing yet about:"],
    [player(9)],
  ]);
  assert.equal(err, 'line 6: no Steam ID in "Boris"');
});

test("players activity reads standard input, and prints JSON and CSV in seconds", async () => {
  const input = `${player(9)}\n${player(1)}`;
  assert.deepEqual(JSON.parse((await run("players activity --ids - --days 30,1 --json", { input })).out), [
    { steamId: player(9), name: null, recent: null, lastSeen: null },
    { steamId: player(1), name: null, recent: { 30: 5_400, 1: 3_600 }, lastSeen: "2026-01-02T03:04:05.678Z" },
  ]);
  assert.equal(
    (await run("players activity --ids - --csv", { input })).out,
    `steam_id,seconds_7_days,seconds_30_days,last_seen\n${player(9)},,,\n${player(1)},3600,5400,2026-01-02T03:04:05.678Z`,
  );
});

test("players show tells the name that Steam told, harmless", async () => {
  await db.sql`
    insert into player_names values (${player(1)}, ${"An\u202ena"}, now())
    on conflict (steam_id) do update set name = excluded.name`;
  assert.match((await run(`players show ${player(1)}`)).out, /^An\\u202ena\n/);
  assert.equal(JSON.parse((await run(`players show ${player(1)} --json`)).out)[0].name, "An\u202ena");
  await db.sql`delete from player_names where steam_id = ${player(1)}`;
  assert.equal(JSON.parse((await run(`players show ${player(1)} --json`)).out)[0].name, null);
});

test("players show draws the last 30 days as bars", async () => {
  const { out } = await run(`players show ${player(1)}`);
  const [title, bars = ""] = out.split("\n").slice(-2);
  assert.equal(title, `Game 393380, the last 30 days (${ago(29)} to ${ago(0)}): 1.5 h`);
  assert.equal([...bars].length, 30);
  assert.deepEqual([bars.at(-1), bars.at(-9), bars.at(-2)], ["█", "▄", "·"]);
  const [row] = JSON.parse((await run(`players show ${player(1)} --json`)).out);
  assert.deepEqual(row.days, [
    { day: ago(8), seconds: 1_800 },
    { day: ago(0), seconds: 3_600 },
  ]);
});

test("players export --days adds a column for each window, empty where BattleMetrics told nothing", async () => {
  await db.sql`insert into playtimes (steam_id, game_id, created_at) values (${player(5)}, ${squad}, now())`;
  const { out } = await run("players export --days 7,30");
  const lines = out.trimEnd().split("\n");
  assert.match(lines[0] ?? "", /,seconds_7_days,seconds_30_days$/);
  const endOf = (number: number) =>
    lines
      .find((line) => line.startsWith(player(number)))
      ?.split(",")
      .slice(-2);
  assert.deepEqual([1, 2, 3, 5].map(endOf), [
    ["3600", "5400"],
    ["0", "36000"],
    ["0", "0"],
    ["", ""],
  ]);
  assert.doesNotMatch((await run("players export")).out, /seconds_7_days/);
});
