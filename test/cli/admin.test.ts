import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { isPassword } from "../../src/admin/password.ts";
import { cli, cliProcess, type Ran } from "../support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "../support/database.ts";
import { createBrowser } from "../support/panel.ts";
import { hmac, insertConnections, post, secrets, startTestService } from "../support/service.ts";

let db: TestDatabase;
let run: (args: string, options?: { input?: string; env?: Record<string, string> }) => Promise<Ran>;

before(async () => {
  db = await createTestDatabase();
  run = (args, { input = "", env = {} } = {}) => cli(args, { input, env: { ...environmentOf(db), ...env } });
});
after(() => db.drop());
beforeEach(async () => {
  await db.sql`truncate connections, playtimes, panel_settings, sessions, hourly_counts, accepted_requests, refused_requests`;
});

const hash = async () => (await db.sql<{ value: string }[]>`select value from panel_settings`)[0]?.value ?? "";

test("admin password makes a strong one and prints it, and it lets in at a running service", async () => {
  const service = await startTestService(db);
  try {
    const { code, out } = await run("admin password");
    assert.equal(code, 0);
    const [, made = ""] = /The password of the panel is now: (\S+)\n/.exec(out) ?? [];
    assert.match(made, /^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
    assert.ok(await isPassword(made, await hash()));
    const browser = createBrowser(service);
    await browser.signIn(made);
    const second = await run("admin password --password -", { input: "a password of mine" });
    assert.deepEqual([second.code, second.out.includes("a password of mine")], [0, false]);
    assert.equal((await browser.get("/admin/")).status, 303);
    await browser.signIn("a password of mine");
  } finally {
    await service.stop();
  }
});

test("admin sign-in-link prints a link below PUBLIC_URL, or its path, and it signs in at a running service", async () => {
  const service = await startTestService(db);
  try {
    const short = await run("admin sign-in-link");
    assert.equal(short.code, 0);
    assert.match(short.out, /^\/admin\/sign-in-link\/[\w-]{43}\/$/);
    assert.match(short.err, /such as http:\/\/localhost:8000\. .*\n.*once, within 10 minutes/);
    assert.equal((await createBrowser(service).post(short.out, {})).status, 303);
    const env = { PLAYTIME_SERVER_PUBLIC_URL: "https://playtime.example.com/" };
    const whole = await run("admin sign-in-link", { env });
    assert.match(whole.out, /^https:\/\/playtime\.example\.com\/admin\/sign-in-link\/[\w-]{43}\/$/);
    assert.doesNotMatch(whole.err, /localhost/);
    const off = await run("admin sign-in-link", { env: { PLAYTIME_ADMIN_ENABLED: "false" } });
    assert.equal(off.code, 1);
    assert.match(off.err, /switched off/);
  } finally {
    await service.stop();
  }
});

test("admin password refuses a short one, and says when the config has one that counts, or the panel is off", async () => {
  for (const input of ["too short", ""]) assert.notEqual((await run("admin password --password -", { input })).code, 0);
  assert.equal(await hash(), "");
  const { code, err } = await run("admin password --password 0123456789", {
    env: { PLAYTIME_ADMIN_PASSWORD: "that of the config", PLAYTIME_ADMIN_ENABLED: "false" },
  });
  assert.equal(code, 0);
  assert.match(err, /\[ADMIN\] PASSWORD.*that one is used/);
  assert.match(err, /switched off/);
  assert.doesNotMatch(err, /that of the config/);
});

test("admin password asks on a terminal", {
  skip: process.platform !== "linux" && "script(1) of Linux only",
}, async () => {
  const ran = await cliProcess("admin password", {
    env: environmentOf(db),
    terminal: true,
    input: "typed on a terminal\n",
  });
  assert.equal(ran.code, 0, ran.out);
  assert.ok(await isPassword("typed on a terminal", await hash()));
});

test("the stored hash is scrypt with a salt of its own, and never the password", async () => {
  // In a process of its own, which hashes as an operator's does.
  await cliProcess("admin password --password 0123456789", { env: environmentOf(db) });
  const first = await hash();
  await run("admin password --password 0123456789");
  assert.match(first, /^scrypt\$16384\$8\$5\$[\w+/=]{24}\$[\w+/=]{44}$/);
  assert.notEqual(await hash(), first);
  assert.equal(await isPassword("0123456780", first), false);
  for (const other of ["", "0123456789", "scrypt$1$1$1", "bcrypt$16384$8$5$AA==$AA=="])
    assert.equal(await isPassword("0123456789", other).catch(() => false), false);
});

test("connections rotate sets another secret, and the old one is accepted for the time that was said", async () => {
  await insertConnections(db);
  const service = await startTestService(db);
  const body = JSON.stringify({ steam_ids: ["76561198000000001"], game_id: 1 });
  const ask = async (secret: string) =>
    (await post(`${service.url}/get-playtime/plugin/`, body, { "x-signature": hmac(secret, body) })).status;
  const hoursLeft = async () => {
    const [row] = await db.sql<
      { until: string | null }[]
    >`select old_secret_until as until from connections where path = 'plugin'`;
    return row?.until == null ? undefined : Math.round((Date.parse(row.until) - Date.now()) / 360_000) / 10;
  };
  try {
    const { code, out } = await run("connections rotate script plugin --secret the-new-secret-0123");
    assert.equal(code, 0);
    assert.match(out, /The old one is accepted until \d{4}-/);
    assert.equal(await hoursLeft(), 24);
    // The service follows within 5 seconds.
    for (let tries = 0; tries < 100 && (await ask("the-new-secret-0123")) !== 200; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([await ask("the-new-secret-0123"), await ask(secrets.script)], [200, 200]);
    for (const [given, hours] of [
      ["30m", 0.5],
      ["7d", 168],
      ["2h", 2],
    ] as const) {
      await run(`connections rotate script plugin --drop-oldest --keep-old ${given}`);
      assert.equal(await hoursLeft(), hours);
    }
    const again = await run("connections rotate script plugin --keep-old 30m");
    assert.match(again.err, /Two secrets were accepted\. The oldest one stays accepted.*--drop-oldest/);
    assert.equal(await hoursLeft(), 2);
    // The same once more changes nothing of the one before.
    await run("connections rotate script plugin --drop-oldest --secret the-third-secret-0123 --keep-old 2h");
    await run("connections rotate script plugin --secret the-third-secret-0123 --keep-old 7d");
    assert.equal(await hoursLeft(), 2);
    assert.match((await run("connections rotate script plugin --keep-old 0")).out, /no longer accepted/);
    assert.equal(await hoursLeft(), undefined);
    assert.doesNotMatch((await run("connections show script plugin --json")).out, /oldSecret"/);
    for (const wrong of ["31d", "1w", "h", "-1h", "24"])
      assert.equal((await run(`connections rotate script plugin --keep-old=${wrong}`)).code, 2, wrong);
  } finally {
    await service.stop();
  }
});

test("stats tells what the overview shows, in text and JSON", async () => {
  const empty = await run("stats");
  assert.equal(empty.code, 0);
  assert.match(empty.out, /There is no connection yet/);
  await insertConnections(db);
  await db.sql`insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds) values (76561198000000001, 1, 360000, 'ok', 7200)`;
  await db.sql`
    insert into hourly_counts values (date_trunc('hour', now()), 'battlemetrics', 'bm', 'accepted', 7),
      (date_trunc('hour', now()), 'steam', '', 'answer', 5)`;
  await db.sql`
    insert into refused_requests values ('script', 'plugin', date_trunc('minute', now()), 'bad-signature', 4, now(), 'why', null, 1, null)`;
  const { out } = await run("stats");
  assert.match(out, /^players {3}1$/m);
  assert.match(out, /^steam {5}5 calls today of 90,000$/m);
  assert.match(out, /^battlemetrics bm {2}waiting for its first delivery {2}7 /m);
  assert.match(out, /^! script plugin: several signatures in a row were wrong/m);
  assert.match(out, /^100-500 {4}1 {6}0$/m);
  const json = JSON.parse((await run("stats --json")).out);
  assert.equal(json.players, 1);
  assert.equal(json.steamCallsToday, 5);
  assert.equal(json.hours.deliveries.length, 24);
  const { at, ...ended } = json.hours.deliveries.at(-1);
  assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z$/);
  assert.deepEqual(ended, { accepted: 7, ignored: 0, refused: 0 });
  assert.deepEqual(
    json.newest.map(({ steamId }: { steamId: string }) => steamId),
    ["76561198000000001"],
  );
});
