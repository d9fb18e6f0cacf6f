import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { after, before, beforeEach, test } from "node:test";
import { cli, cliProcess, type Ran } from "./support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "./support/database.ts";
import { eventually } from "./support/eventually.ts";
import { insertConnections, secrets, startTestService, usualConnections } from "./support/service.ts";

let db: TestDatabase;
let run: (args: string, options?: { input?: string; env?: Record<string, string> }) => Promise<Ran>;

before(async () => {
  db = await createTestDatabase();
  run = (args, { input = "", env = {} } = {}) => cli(args, { input, env: { ...environmentOf(db), ...env } });
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate connections`;
  await db.sql`truncate playtimes`;
});

const connection = async () =>
  (await db.sql`select kind, path, secret, enabled, fixed_game_id as game from connections`)[0];

test("connections add makes a connection with a strong secret and prints what to paste into BattleMetrics", async () => {
  const { code, out } = await run("connections add battlemetrics My-Server --game 393380");
  const stored = await connection();
  assert.equal(code, 0);
  assert.match(stored?.["secret"], /^[0-9a-f]{64}$/);
  assert.deepEqual(
    { ...stored, secret: "" },
    { kind: "battlemetrics", path: "my-server", secret: "", enabled: true, game: 393_380 },
  );
  for (const part of [
    "http://YOUR-SERVER:8000/set-playtime/bm/my-server/",
    stored?.["secret"],
    '{"steam_id": "{{player.steamID}}", "playtime": "{{player.game.timePlayed}}", "org_playtime": "{{player.org.timePlayed}}", "game_id": 393380}',
    "application/json",
    "Player Join and Player Leave",
  ])
    assert.ok(out.includes(part), part);
});

test("the curl lines that connections add prints for a script work as they stand, also with a quote in the secret", async () => {
  const service = await startTestService(db);
  try {
    const { out } = await run("connections add script plug-in --secret -", {
      input: "it's a secret, isn't it?",
      env: { PLAYTIME_SERVER_PORT: String(service.port) },
    });
    assert.equal((await connection())?.["secret"], "it's a secret, isn't it?");
    // The app that runs knows the connection after its next look.
    const lines = out
      .slice(out.indexOf("BODY="))
      .replace("localhost", "127.0.0.1")
      .replace("curl ", "curl -s --retry 0 ");
    const answer = await eventually("an answer to the curl line", async () => {
      const said = await shell(lines);
      return said.startsWith("[") && said;
    });
    assert.match(answer, /^\[\{"steam_id":"76561198012345678","steam_playtime":null/);
  } finally {
    await service.stop();
  }
});

function shell(script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (part) => {
      out += part;
    });
    child.on("error", reject);
    child.on("close", () => resolve(out));
  });
}

test("a secret is taken from the command line or standard input, a short one with a warning, an empty one not", async () => {
  const short = await run("connections add script a --secret short");
  assert.equal(short.code, 0);
  assert.match(short.err, /shorter than 16 characters/);
  assert.equal((await connection())?.["secret"], "short");
  const empty = await run("connections add script b --secret -");
  assert.equal(empty.code, 2);
  assert.match(empty.err, /the secret must be a text that is not empty/);
});

test("a path that is taken, a wrong path, kind or game are refused, each with its exit code", async () => {
  await insertConnections(db);
  const refusals: [string, number, RegExp][] = [
    ["connections add script PLUGIN", 1, /There is already a script connection "plugin"/],
    ["connections add script a/b", 2, /the path must be 1 to 255 characters without \//],
    [
      "connections add webhook a",
      2,
      /the kind must be one of battlemetrics, script\n.*Usage: npm run cli -- connections add/s,
    ],
    ["connections add script a --game squad", 2, /--game must be a whole number/],
    ["connections add script", 2, /Expected <battlemetrics\|script> <path>, found script/],
    ["connections add script a --gmae 5", 2, /Unknown option '--gmae'/],
    ["connections show script nobody", 1, /There is no script connection "nobody"/],
    ["connections remove script plugin", 2, /add --yes/],
    ["players show 123", 2, /the Steam ID must be a SteamID64/],
    ["players show 76561198012345678", 1, /Nothing is known about 76561198012345678 yet/],
    ["players delete 123", 2, /the Steam ID must be a SteamID64/],
    ["players delete 76561198012345678 --yes", 1, /Nothing is known about 76561198012345678\./],
    ["nonsense", 2, /There is no command "nonsense"/],
    ["connections", 2, /There is no command "connections".*connections list/s],
  ];
  const ran = await Promise.all(refusals.map(([args]) => run(args)));
  for (const [index, [args, code, words]] of refusals.entries()) {
    assert.equal(ran[index]?.code, code, args);
    assert.match(ran[index]?.err ?? "", words);
    assert.equal(ran[index]?.out, "");
  }
});

test("connections list and show print no secret unless asked, in text and JSON", async () => {
  await insertConnections(db);
  const [list, listJson, show, showJson, reveal, revealJson] = await Promise.all(
    [
      "connections list",
      "connections list --json",
      "connections show script plugin",
      "connections show script plugin --json",
      "connections show script plugin --reveal",
      "connections show script plugin --reveal --json",
    ].map((args) => run(args)),
  );
  for (const ran of [list, listJson, show, showJson])
    assert.ok(ran?.code === 0 && !ran.out.includes(secrets.script) && !ran.out.includes(secrets.battlemetrics));
  for (const ran of [reveal, revealJson]) assert.ok(ran?.code === 0 && ran.out.includes(secrets.script));
  assert.match(
    list?.out ?? "",
    /^KIND +PATH .*\nbattlemetrics {2}bm .*\/set-playtime\/bm\/bm\/\nscript +plugin +waiting for its first query +any +never/m,
  );
  assert.deepEqual(
    JSON.parse(listJson?.out ?? "").map(({ path, hasSecret }: { path: string; hasSecret: boolean }) => [
      path,
      hasSecret,
    ]),
    [
      ["bm", true],
      ["plugin", true],
    ],
  );
});

test("enable, disable, set-secret and remove change what they say", async () => {
  await insertConnections(db, usualConnections.slice(1));
  await run("connections disable script plugin");
  assert.equal((await connection())?.["enabled"], false);
  await run("connections enable script PLUGIN");
  assert.equal((await connection())?.["enabled"], true);
  await run("connections set-secret script plugin --secret -", { input: "another-secret-0123456" });
  assert.equal((await connection())?.["secret"], "another-secret-0123456");
  assert.equal((await run("connections remove script plugin --yes")).code, 0);
  assert.equal(await connection(), undefined);
});

test("players show prints both times in hours and seconds", async () => {
  await db.sql`insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at) values (76561198012345678, 393380, 5400, '2026-01-02T03:04:05Z')`;
  const { out } = await run("players show 76561198012345678");
  assert.match(out, /393380 +unknown +unchecked +never +1\.5 h \(5400 s\) +2026-01-02T03:04:05\.000Z/);
  assert.equal(JSON.parse((await run("players show 76561198012345678 --json")).out)[0].bmSeconds, 5400);
});

test("players delete removes a player from all games, once that is confirmed", async () => {
  await db.sql`
    insert into playtimes (steam_id, game_id) values (76561198012345678, 393380), (76561198012345678, 440), (76561198012345679, 440)`;
  const left = async () => (await db.sql`select from playtimes`).length;
  const asked = await run("players delete 76561198012345678");
  assert.deepEqual([asked.code, await left()], [2, 3]);
  assert.match(asked.err, /add --yes/);
  const { code, out } = await run("players delete 76561198012345678 --yes");
  assert.deepEqual([code, await left()], [0, 1]);
  assert.match(out, /^Deleted\./);
});

test("try sends a signed sample to the running service, which stores nothing", async () => {
  await insertConnections(db);
  await db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (76561198012345678, 393380, 5400)`;
  const service = await startTestService(db);
  const env = { PLAYTIME_SERVER_PORT: String(service.port) };
  try {
    const [bm, script, json] = await Promise.all([
      run("try battlemetrics bm", { env }),
      run("try script plugin", { env }),
      run("try script plugin --json", { env }),
    ]);
    assert.equal(bm?.code, 0);
    assert.match(bm?.out ?? "", /answered +200 \{"ignored":/);
    assert.match(script?.out ?? "", /answered +200 \[\{"steam_id":"76561198012345678".*"bm_playtime":5400/);
    assert.equal(JSON.parse(json?.out ?? "").status, 200);
    assert.equal((await db.sql`select 1 from playtimes`).length, 1);
  } finally {
    await service.stop();
  }
});

test("try says what to check when the service refuses, or does not run", async () => {
  await insertConnections(db);
  const service = await startTestService(db);
  const env = { PLAYTIME_SERVER_PORT: String(service.port) };
  await db.sql`update connections set secret = 'the-service-does-not-know-it-yet' where kind = 'script'`;
  await db.sql`insert into connections (kind, path, secret) values ('script', 'new', 'new-secret-0123456789')`;
  const [changed, unknown] = await Promise.all([run("try script plugin", { env }), run("try script new", { env })]);
  await service.stop();
  // The service may have looked again in between; then both are known to it.
  for (const ran of [changed, unknown])
    assert.ok(ran?.code === 0 || /within the last 5 seconds/.test(ran?.err ?? ""), ran?.err);
  const away = await run("try script plugin", { env });
  assert.equal(away.code, 1);
  assert.match(away.err, /No answer from http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)\. Check that the service runs/);
});

test("every command has a help, and the help of all lists them", async () => {
  const all = await run("--help");
  assert.equal(all.code, 0);
  const names = [...all.out.matchAll(/^ {2}([a-z-]+(?: [a-z-]+)?) /gm)].map(([, name]) => name ?? "");
  assert.ok(
    names.includes("connections set-secret") && names.includes("players show") && names.includes("try"),
    names.join(),
  );
  const helps = await Promise.all(names.map((name) => run(`${name} --help`)));
  for (const [index, { code, out }] of helps.entries()) {
    assert.equal(code, 0);
    assert.ok(out.startsWith(`npm run cli -- ${names[index]}`), out);
  }
  assert.match((await run("--version")).out, /^\d+\.\d+\.\d+$/);
});

test("a wrong config is one sentence and exit code 1", async () => {
  const { code, err } = await run("connections list", { env: { PLAYTIME_SERVER_PORT: "x" } });
  assert.deepEqual(
    [code, err],
    [1, 'the environment variable PLAYTIME_SERVER_PORT: expected a whole number from 0 to 65535, found "x".'],
  );
});

test("as a process it exits with the code, prints data to standard output and problems to standard error", async () => {
  await insertConnections(db);
  const run = (args: string, input = "") => cliProcess(args, { input, env: environmentOf(db) });
  const list = await run("connections list");
  assert.deepEqual([list.code, list.err], [0, ""]);
  assert.match(list.out, /^KIND +PATH/);
  const missing = await run("connections show script nobody");
  assert.deepEqual([missing.code, missing.out], [1, ""]);
  assert.equal((await run("connections nonsense")).code, 2);
  await run("connections set-secret script plugin --secret -", "from-standard-input\r\n");
  assert.equal(
    (await db.sql`select secret from connections where kind = 'script'`)[0]?.["secret"],
    "from-standard-input",
  );
});

test("an invisible end of a secret is cut off with a remark, of a password too, whose blank may be meant", async () => {
  await insertConnections(db);
  for (const ending of ["\n\n", " ", "\r\n \r\n", "\u200b", "\ufeff"]) {
    const { code, err } = await run("connections set-secret script plugin --secret -", {
      input: `a-secret-0123456789${ending}`,
    });
    assert.deepEqual([code, err], [0, "The secret ended with a blank or a line end, which was cut off."]);
    const [row] = await db.sql`select secret from connections where kind = 'script'`;
    assert.equal(row?.["secret"], "a-secret-0123456789");
  }
  const empty = await run("connections set-secret script plugin --secret -", { input: " \n" });
  assert.equal(empty.code, 2);
});

test("a secret of several lines, or out of a file in UTF-16, is refused and never shown", async () => {
  await insertConnections(db);
  const utf16 = Buffer.from("\ufeffa-secret-0123456789\r\n", "utf16le").toString("utf8");
  for (const [input, words] of [
    ["a-secret-0123456789\nanother", /several lines/],
    [utf16, /not plain text: save it in UTF-8/],
  ] as const) {
    const before = await db.sql`select secret from connections order by kind, path`;
    const { code, out, err } = await run("connections set-secret script plugin --secret -", { input });
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, words);
    assert.doesNotMatch(err, /0123/);
    assert.deepEqual(await db.sql`select secret from connections order by kind, path`, before);
  }
});

const hasScript = spawnSync("script", ["--version"]).status === 0;

test("on a terminal the secret is asked for, Enter makes one, and remove wants yes", {
  skip: !hasScript && "needs the program script, for a terminal",
}, async () => {
  const onTerminal = (args: string, typed: string) =>
    cliProcess(args, { input: typed, env: environmentOf(db), terminal: true });
  const typed = await onTerminal("connections add battlemetrics a", "shown-by-battlemetrics\n");
  assert.match(typed.out, /The secret that BattleMetrics shows for the webhook \(Enter makes a strong one\)/);
  assert.equal((await connection())?.["secret"], "shown-by-battlemetrics");
  await onTerminal("connections set-secret battlemetrics a", "\n");
  assert.match((await connection())?.["secret"], /^[0-9a-f]{64}$/);
  assert.equal((await onTerminal("connections remove battlemetrics a", "no\n")).code, 1);
  assert.ok(await connection());
  assert.equal((await onTerminal("connections remove battlemetrics a", "yes\n")).code, 0);
  assert.equal(await connection(), undefined);
});
