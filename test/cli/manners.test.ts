import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, beforeEach, describe, test } from "node:test";
import { cli, cliProcess } from "../support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "../support/database.ts";
import { nodeArgs } from "../support/program.ts";
import { insertConnections, secrets, startTestService } from "../support/service.ts";

/* How the commands behave at a terminal, in a pipe, and to programs. */

let db: TestDatabase;
let env: Record<string, string>;
before(async () => {
  db = await createTestDatabase();
  env = environmentOf(db);
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate connections`;
  await db.sql`truncate panel_settings`;
  await insertConnections(db);
});

const run = (args: string, input = "") => cli(args, { input, env });
const everything = async () =>
  JSON.stringify([
    await db.sql`select kind, path, secret, old_secret, enabled from connections order by kind, path`,
    await db.sql`select * from panel_settings`,
  ]);
const skip = spawnSync("script", ["--version"]).status !== 0 && "needs the program script, for a terminal";

describe("at a terminal", { skip }, () => {
  const onTerminal = (args: string, input: string) => cliProcess(args, { input, env, terminal: true });
  const asking = [
    "connections add script another",
    "connections set-secret script plugin",
    "connections rotate script plugin",
    "connections remove script plugin",
    "admin password",
  ];
  for (const [key, name, commands] of [
    ["\x03", "Ctrl-C", asking],
    ["half an answer\x03", "Ctrl-C behind half an answer", asking.slice(0, 1)],
    ["\x04", "Ctrl-D", asking.slice(1, 2)],
  ] as const)
    test(`${name} at a question changes nothing, and the exit code is 1`, async () => {
      const before = await everything();
      const ran = await Promise.all(commands.map((args) => onTerminal(args, key)));
      for (const [index, { code, out }] of ran.entries()) {
        assert.equal(code, 1, commands[index]);
        assert.match(out, /\r?\nNothing was changed\.\r?\n/, commands[index]);
        assert.doesNotMatch(out, /\n\s+at |[0-9a-f]{64}/);
      }
      assert.equal(await everything(), before);
    });

  test("a password is not shown while it is typed, and counts", async () => {
    const { code, out } = await onTerminal("admin password", "never to be seen 1\n");
    assert.equal(code, 0);
    assert.match(out, /A new password \(press Enter to get one made\): \r?\nThe password of the panel is set\./);
    assert.doesNotMatch(out, /never|seen/);
    assert.equal((await db.sql`select from panel_settings`).length, 1);
  });

  test("a path that is taken is said before the secret is asked for", async () => {
    const { code, out } = await onTerminal("connections add script plugin", "a secret that nobody asked for\n");
    assert.equal(code, 1);
    assert.match(out, /^There is already a script connection "plugin"/);
  });
});

const command = [process.execPath, ...nodeArgs("src/cli.ts")].join(" ");
const shell = (script: string) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    const options = {
      env: { PATH: process.env["PATH"], PLAYTIME_CONFIG: "configs/playtime/config-example.toml", ...env },
    };
    execFile("/bin/sh", ["-c", script], options, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });

test("a reader that has seen enough ends a command without a word", async () => {
  for (const args of ["connections list", "--help"]) {
    const { err } = await shell(`${command} ${args} | head -c 1`);
    assert.equal(err, "", args);
  }
});

test("an output that cannot be written is one sentence and exit code 1", {
  skip: !existsSync("/dev/full") && "there is no /dev/full",
}, async () => {
  for (const args of ["connections list", "players export"]) {
    const { code, err } = await shell(`${command} ${args} > /dev/full`);
    assert.equal(code, 1, args);
    assert.match(err, /^(?:Standard output cannot be written: .*ENOSPC|standard output: the disk is full).*\n$/, args);
  }
});

test("-h is --help", async () => {
  const [all, short, long, group] = await Promise.all(
    ["-h", "connections add -h", "connections add --help", "connections -h"].map((args) => run(args)),
  );
  assert.equal(all?.code, 0);
  assert.match(all?.out ?? "", /^Usage: /);
  assert.deepEqual(short, long);
  assert.match(group?.out ?? "", /connections list/);
});

test("a wrong option is told in our words, without the value", async () => {
  const cases: [args: string, words: RegExp][] = [
    ["connections add script a --gmae 5", /^Unknown option '--gmae'\. The nearest one is --game\.\nUsage/],
    ["connections list -x", /^Unknown option '-x'\. The nearest one is --/],
    [
      "connections add script a --game",
      /^--game needs a value\. One that begins with a hyphen is written --game=VALUE\.\nUsage/,
    ],
    [
      "connections add script a --secret -abc",
      /^--secret needs a value\. One that begins with a hyphen is written --secret=VALUE\./,
    ],
    ["connections add script a --disabled=yes", /^--disabled takes no value\.\nUsage/],
    ["connections list --json=1", /^--json takes no value\./],
  ];
  for (const [args, words] of cases) {
    const { code, out, err } = await run(args);
    assert.deepEqual([code, out], [2, ""], args);
    assert.match(err, words);
    assert.doesNotMatch(err, /abc|positional/);
  }
});

test("every command prints JSON with --json", async () => {
  const commands = [
    "connections add script another",
    "connections add script off --disabled",
    "connections show script another",
    "connections list",
    "connections enable script another",
    "connections disable script another",
    "connections set-secret script another",
    "connections rotate script another",
    "connections remove script another --yes",
    "stats",
    "admin password",
    "players show 76561198012345678",
  ];
  for (const args of commands) {
    const { code, out, err } = await run(`${args} --json`);
    assert.deepEqual([code, err], [0, ""], args);
    assert.equal(typeof JSON.parse(out), "object", args);
  }
  const rotated = JSON.parse((await run("connections rotate script plugin --json")).out);
  assert.match(rotated.secret, /^[0-9a-f]{64}$/);
  assert.ok(rotated.oldSecretUntil);
  assert.match(JSON.parse((await run("connections enable script plugin --json")).out).message, /is switched on/);
});

test("connections add says that it changed the path, and nothing that is not true of one that is switched off", async () => {
  const { code, err } = await run("connections add script My-Plugin");
  assert.equal(code, 0);
  assert.match(err, /The path was changed to "my-plugin"/);
  const off = await run("connections add script off --disabled");
  assert.match(off.out, /^Connection created\. It is switched off; to switch it on: connections enable script off\n/);
  assert.doesNotMatch(off.out, /within 5 seconds/);
  assert.match(
    (await run("connections add script on")).out,
    /^Connection created\. A running service accepts it within 5 seconds\./,
  );
});

test("connections show prints no command that needs a secret which it hides", async () => {
  const hidden = await run("connections show script plugin");
  assert.match(hidden.out, /secret {3}\(hidden; --reveal shows it\)/);
  assert.doesNotMatch(hidden.out, /curl|openssl|BODY=/);
  assert.match(
    (await run("connections show script plugin --reveal")).out,
    new RegExp(`curl .*\n$|hmac '${secrets.script}'`),
  );
});

test("try waits until the service knows of a connection that was made or changed just now", async () => {
  const service = await startTestService(db);
  env = { ...env, PLAYTIME_SERVER_PORT: String(service.port) };
  try {
    await run("connections add script fresh");
    assert.deepEqual(await outcome("try script fresh"), [0, ""]);
    await run("connections set-secret script fresh");
    assert.deepEqual(await outcome("try script fresh"), [0, ""]);
    await run("connections disable script fresh");
    assert.match((await run("try script fresh")).err, /switched off: connections enable|^$/);
    await run("connections enable script fresh");
    assert.deepEqual(await outcome("try script fresh"), [0, ""]);
  } finally {
    await service.stop();
  }

  async function outcome(args: string) {
    const { code, err } = await run(args);
    return [code, err];
  }
});

test("the service itself tells a wrong option in the same words, and knows -h", async () => {
  const main = [process.execPath, ...nodeArgs("src/main.ts")].join(" ");
  const [wrong, help] = await Promise.all([shell(`${main} --confg x`), shell(`${main} -h`)]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /^Unknown option '--confg'\. The nearest one is --config\.\nUsage: npm start/);
  assert.deepEqual([help.code, help.err], [0, ""]);
  assert.match(help.out, /^Usage: npm start/);
});
