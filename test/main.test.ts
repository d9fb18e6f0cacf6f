import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { version } from "../src/version.ts";
import { cliProcess } from "./support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "./support/database.ts";
import { eventually } from "./support/eventually.ts";
import { startProcess } from "./support/process.ts";
import { nodeArgs, runProgram } from "./support/program.ts";
import { deliverySignature, hmac, insertConnections, post, secrets } from "./support/service.ts";

let db: TestDatabase;
let folder: string;

before(async () => {
  [db, folder] = await Promise.all([createTestDatabase(), mkdtemp(join(tmpdir(), "playtime-main-"))]);
});
after(async () => {
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

/** A service that does not outlive its test. */
async function start(context: TestContext, env: Record<string, string>) {
  const service = await startProcess({ env });
  context.after(() => service.end("SIGKILL"));
  return service;
}

const body = JSON.stringify({ steam_id: "76561198012345678", playtime: "7200", game_id: 393380 });
const question = JSON.stringify({ steam_ids: ["76561198012345678"], game_id: 393380 });

test("with nothing configured it starts on a database of its own, takes a delivery, answers a query, and keeps all over a kill", {
  timeout: 240_000,
}, async (context) => {
  const env = { PLAYTIME_SERVER_DATA_DIR: join(folder, "data") };
  const service = await start(context, env);
  assert.match(
    String(service.lines().find(({ message }) => message === "ready")?.["database"]),
    /^embedded PostgreSQL \d+\.\d+, data in /,
  );
  const added = await Promise.all([
    cliProcess("connections add battlemetrics bm --secret -", { env, input: secrets.battlemetrics }),
    cliProcess("connections add script plugin --secret -", { env, input: secrets.script }),
  ]);
  assert.deepEqual(
    added.map(({ code }) => code),
    [0, 0],
  );

  const deliver = () =>
    post(`${service.url}/set-playtime/bm/bm/`, body, { "x-signature": deliverySignature(secrets.battlemetrics, body) });
  await eventually("a delivery of the new connection to be taken", async () => (await deliver()).status === 200);
  assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
  await service.end("SIGKILL");

  const again = await start(context, env);
  const answer = await post(`${again.url}/get-playtime/plugin`, question, {
    "x-signature": hmac(secrets.script, question),
  });
  assert.equal(answer.json[0].bm_playtime, 7200);
  assert.equal(await again.end("SIGTERM"), 0);

  const offline = await cliProcess("players show 76561198012345678 --json", { env });
  assert.equal(JSON.parse(offline.out)[0].bmSeconds, 7200);
});

test("the start says where it listens, which database it uses, whether Steam is set up and what to do next", async (context) => {
  const service = await start(context, {
    ...environmentOf(db),
    PLAYTIME_STEAM_KEY: "PLANTED-KEY",
    PLAYTIME_HMAC_ENABLE: "false",
    PLAYTIME_HMAC_TIMESTAMP_DEVIATION: "10",
    PLAYTIME_STAEM_KEY: "x",
  });
  const ready = service.lines().find(({ message }) => message === "ready");
  assert.equal(ready?.["version"], version);
  assert.deepEqual(await (await fetch(`${service.url}/healthz`)).json(), { status: "ok", version });
  assert.match(String(ready?.["database"]), /^PostgreSQL at /);
  assert.equal(ready?.["steam"], "asked at api.steampowered.com");
  assert.match(String(ready?.["next"]), /npm run cli -- connections add/);
  await eventually("the remark on an unknown setting", () => service.text().includes("STAEM"));
  assert.match(service.text(), /SIGNATURES ARE NOT CHECKED/);
  assert.match(service.text(), /TIMESTAMP_DEVIATION = 10 refuses repeated deliveries/);
  assert.match(service.text(), /PLAYTIME_STAEM_KEY is not a setting/);
  assert.ok(!service.text().includes("PLANTED-KEY"));
  assert.equal(await service.end("SIGINT"), 0);
});

test("as long as the panel has no password, the start shows the link that sets one, and what else comes first", async (context) => {
  const service = await start(context, {
    ...environmentOf(db),
    PLAYTIME_SERVER_PUBLIC_URL: "https://playtime.example.com/",
  });
  const link = /https:\/\/playtime\.example\.com(\/admin\/first-visit\/[\w-]+\/)/;
  for (let tries = 0; tries < 1_000 && !link.test(service.text()); tries += 1) await sleep(10);
  const path = link.exec(service.text())?.[1] ?? "";
  assert.equal((await fetch(service.url + path)).status, 200);
  const ready = service.lines().find(({ message }) => message === "ready");
  assert.equal(ready?.["panel"], "https://playtime.example.com/admin/");
  assert.match(String(ready?.["config"]), /configs\/playtime\/config/);
  assert.equal(await service.end("SIGINT"), 0);
});

test("a config file that was changed is looked at: a wrong one is said, a right one wants a restart", {
  timeout: 240_000,
}, async (context) => {
  const file = join(folder, "config.toml");
  await writeFile(file, "");
  const service = await start(context, { ...environmentOf(db), PLAYTIME_CONFIG: file });
  // Written again and again: the first time may come before the file is watched.
  for (const [toml, words] of [
    ["[SERVER]\nPROT = 1", "[SERVER] PROT: there is no such setting"],
    ["[SERVER]\nPORT = 0", "restart the service to use it"],
  ] as const) {
    const look = async () => service.text().includes(words) || writeFile(file, toml);
    await eventually(`the words: ${words}`, look, { everyMs: 100 });
  }
  assert.equal(await service.end("SIGTERM"), 0);
});

test("a second signal stops at once, though a request is under way", async (context) => {
  await insertConnections(db);
  const service = await start(context, environmentOf(db));
  const slow = fetch(`${service.url}/get-playtime/plugin`, {
    method: "POST",
    duplex: "half",
    body: new ReadableStream(),
  } as RequestInit);
  slow.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 300));
  service.child.kill("SIGTERM");
  await eventually("the line on stopping", () => service.text().includes("stopping"));
  service.child.kill("SIGTERM");
  assert.equal(await service.ended, 1);
});

/** Starts what cannot start; its exit code and words. */
function failing(env: Record<string, string>, args: string[] = []): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [...nodeArgs("src/main.ts"), ...args], {
    env: {
      PATH: process.env["PATH"],
      PLAYTIME_CONFIG: "configs/playtime/config-example.toml",
      PLAYTIME_SERVER_HOST: "127.0.0.1",
      PLAYTIME_SERVER_PORT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (part) => {
      text += part;
    });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}

test("what cannot start says why in a sentence, never with the password, and exits 1", {
  timeout: 240_000,
}, async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  const port = String(typeof address === "object" && address ? address.port : 0);
  const away = {
    PLAYTIME_POSTGRES_HOST: "127.0.0.1",
    PLAYTIME_POSTGRES_PORT: "1",
    PLAYTIME_POSTGRES_PASSWORD: "hunter2-hunter2",
    PLAYTIME_POSTGRES_WAIT_SECONDS: "1",
  };
  const cases: [Record<string, string>, RegExp][] = [
    [
      { ...environmentOf(db), PLAYTIME_SERVER_PORT: port },
      /EADDRINUSE.*Another program uses this port: stop it, or set another \[SERVER\] PORT\./,
    ],
    [{ PLAYTIME_SERVER_PORT: "x" }, /PLAYTIME_SERVER_PORT: expected a whole number/],
    [{ PLAYTIME_CONFIG: "no/such.toml" }, /no\/such\.toml: the config file cannot be read: it does not exist\./],
    [
      away,
      /waiting for the database.*PostgreSQL at 127\.0\.0\.1:1, database playtime: nothing listens there \(ECONNREFUSED\)\. Is the server running/s,
    ],
    [
      { DATABASE_URL: "postgres://me:hunter2-hunter2@no-such-host.invalid/x", PLAYTIME_POSTGRES_WAIT_SECONDS: "0" },
      /PostgreSQL at no-such-host\.invalid\/x: this name/,
    ],
    [{ ...environmentOf(db), PLAYTIME_SERVER_HOST: "192.0.2.1" }, /EADDRNOTAVAIL.*correct \[SERVER\] HOST/],
    [
      { ...environmentOf(db), PLAYTIME_SERVER_HOST: "my-server.invalid" },
      /my-server\.invalid.*set \[SERVER\] HOST to an address of this machine/,
    ],
  ];
  const ended = await Promise.all(cases.map(([env]) => failing(env)));
  taken.close();
  for (const [index, [, words]] of cases.entries()) {
    assert.equal(ended[index]?.code, 1, ended[index]?.text);
    assert.match(ended[index]?.text ?? "", words);
    assert.ok(!ended[index]?.text.includes("hunter2"));
    assert.ok(!/^ {4}at /m.test(ended[index]?.text ?? ""), "no stack for an operator's mistake");
  }
});

test("a database that does not exist is said at once, without waiting", async () => {
  const env = environmentOf(db);
  const changed = env["DATABASE_URL"]
    ? { DATABASE_URL: env["DATABASE_URL"].replace(db.name, "no_such_database") }
    : { ...env, PLAYTIME_POSTGRES_DATABASE_NAME: "no_such_database" };
  const { code, text } = await failing(changed);
  assert.equal(code, 1);
  assert.match(text, /database "no_such_database" does not exist\. Create it, or correct \[POSTGRES\] DATABASE_NAME\./);
});

test("npm start and npm run cli run it from source", async (context) => {
  const { scripts } = JSON.parse(await readFile("package.json", "utf8"));
  const [node, ...start] = scripts.start.split(" ");
  const [alsoNode, ...cli] = scripts.cli.split(" ");
  assert.deepEqual([node, alsoNode], ["node", "node"]);
  const service = await startProcess({ command: start, env: environmentOf(db) });
  context.after(() => service.end("SIGKILL"));
  assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
  assert.equal(await service.end("SIGTERM"), 0);
  const { code, stdout } = await runProgram(process.execPath, [...cli, "--version"], { env: {} });
  assert.deepEqual([code, stdout], [0, `${version}\n`]);
});

test("--version and --help answer and exit 0, an unknown option exits 2", async () => {
  const [told, help, wrong] = await Promise.all([
    failing({}, ["--version"]),
    failing({}, ["--help"]),
    failing({}, ["--nonsense"]),
  ]);
  assert.deepEqual([told?.code, help?.code, wrong?.code], [0, 0, 2]);
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.equal(told?.text, `${version}\n`);
  assert.match(help?.text ?? "", /Usage: npm start/);
  assert.match(wrong?.text ?? "", /Unknown option '--nonsense'.*Usage/s);
});
