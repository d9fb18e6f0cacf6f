import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse as parseToml } from "smol-toml";
import { ConfigProblem, readConfig, settings } from "../src/config.ts";

const example = "configs/playtime/config-example.toml";
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "playtime-config-"));
});
after(() => rm(folder, { recursive: true }));

async function read(toml: string, env: NodeJS.ProcessEnv = {}) {
  const file = join(folder, "config.toml");
  await writeFile(file, toml);
  return readConfig({ file, env });
}

/** The problem's sentence without the folder. */
async function problem(toml: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const error = await read(toml, env).then(
    () => assert.fail("no problem was found"),
    (error) => error,
  );
  assert.ok(error instanceof ConfigProblem, error.stack);
  return error.message.replaceAll(`${folder}/`, "");
}

test("the example names every setting with its default, and nothing else", async () => {
  const defaults = Object.entries(settings).map(([section, keys]) => [
    section,
    Object.fromEntries(Object.entries(keys).map(([key, one]) => [key, one.default])),
  ]);
  // Through JSON, since the parser's tables have no prototype.
  const named = JSON.parse(JSON.stringify(parseToml(await readFile(example, "utf8"))));
  assert.deepEqual(named, Object.fromEntries(defaults));
  assert.deepEqual((await readConfig({ file: example, env: {} })).remarks, []);
});

test("the example explains every setting above it", async () => {
  const lines = (await readFile(example, "utf8")).split("\n");
  const unexplained = lines.filter((line, index) => /^[A-Z_]+ = /.test(line) && !/^#/.test(lines[index - 1] ?? ""));
  assert.deepEqual(unexplained, []);
});

test("the example for the database's container names the three values that its image reads, and no password that everybody knows", async () => {
  const text = await readFile("configs/postgres/postgres-example.env", "utf8");
  const values = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(values, [
    `POSTGRES_DB=${settings.POSTGRES.DATABASE_NAME.default}`,
    `POSTGRES_USER=${settings.POSTGRES.USER.default}`,
    "POSTGRES_PASSWORD=",
  ]);
});

test("without a file every setting has its default", async () => {
  const config = await read("");
  assert.equal(config.SERVER.PORT, 8000);
  assert.equal(config.HMAC.TIMESTAMP_DEVIATION, 300);
  assert.equal(config.STEAM.CALLS_PER_DAY, 90_000);
});

test("the environment wins over the file, the file over the default; an empty variable is none", async () => {
  const toml = '[SERVER]\nPORT = 1\nHOST = "127.0.0.1"\n[STEAM]\nKEY = "from-file"';
  const config = await read(toml, { PLAYTIME_SERVER_PORT: "2", PLAYTIME_STEAM_KEY: "", PLAYTIME_HMAC_ENABLE: "false" });
  assert.deepEqual(
    [config.SERVER.PORT, config.SERVER.HOST, config.STEAM.KEY, config.HMAC.ENABLE],
    [2, "127.0.0.1", "from-file", false],
  );
});

test("a container's PLAYTIME_DEFAULT_… stands in for what the file leaves empty, and for nothing else", async () => {
  const env = { PLAYTIME_DEFAULT_POSTGRES_HOST: "/var/run/postgresql" };
  assert.equal((await read("", env)).POSTGRES.HOST, "/var/run/postgresql");
  assert.equal((await read('[POSTGRES]\nHOST = ""', env)).POSTGRES.HOST, "/var/run/postgresql");
  assert.equal((await read('[POSTGRES]\nHOST = "db"', env)).POSTGRES.HOST, "db");
  assert.equal((await read("", { ...env, PLAYTIME_POSTGRES_HOST: "elsewhere" })).POSTGRES.HOST, "elsewhere");
  assert.deepEqual((await read("", env)).remarks, []);
  assert.match(
    await problem("", { PLAYTIME_DEFAULT_SERVER_PUBLIC_URL: "example.com" }),
    /^the environment variable PLAYTIME_DEFAULT_SERVER_PUBLIC_URL: expected an address beginning with https:\/\/ or http:\/\/, found "example.com"\.$/,
  );
});

test("a public address with a path is refused in a sentence, since the panel cannot live below one", async () => {
  for (const url of ["https://example.com/playtime/", "https://example.com/?x", "https://example.com/#x"])
    assert.match(
      await problem(`[SERVER]\nPUBLIC_URL = "${url}"`, {}),
      /line 2, \[SERVER\] PUBLIC_URL: expected an address without a path, .*cannot live below a path/,
    );
  for (const url of ["", "https://example.com", "http://example.com:8080/"])
    assert.equal((await read(`[SERVER]\nPUBLIC_URL = "${url}"`)).SERVER.PUBLIC_URL, url);
});

test("DATABASE_URL is taken as it is, and must be a Postgres address", async () => {
  assert.equal((await read("", { DATABASE_URL: "postgres://a,b/c" })).databaseUrl, "postgres://a,b/c");
  const pasted = "psql 'POSTGRESQL+asyncpg://a/c'";
  assert.equal((await read("", { DATABASE_URL: pasted })).databaseUrl, pasted);
  const words = await problem("", { DATABASE_URL: "mysql://user:hunter2@host" });
  assert.match(words, /DATABASE_URL: expected an address beginning with postgres:/);
  assert.ok(!words.includes("hunter2"));
});

test("PLAYTIME_CONFIG names another file, --config beats it, and a named file must exist", async () => {
  await writeFile(join(folder, "a.toml"), "[SERVER]\nPORT = 11");
  await writeFile(join(folder, "b.toml"), "[SERVER]\nPORT = 12");
  const env = { PLAYTIME_CONFIG: join(folder, "a.toml") };
  assert.equal((await readConfig({ env })).SERVER.PORT, 11);
  assert.equal((await readConfig({ file: join(folder, "b.toml"), env })).SERVER.PORT, 12);
  await assert.rejects(
    readConfig({ file: join(folder, "missing.toml"), env }),
    /missing\.toml: the config file cannot be read: it does not exist\./,
  );
});

test("a file that this user may not read is said to be so", {
  skip: process.getuid?.() === 0 && "root may read everything",
}, async () => {
  const file = join(folder, "closed.toml");
  await writeFile(file, "");
  await chmod(file, 0);
  await assert.rejects(
    readConfig({ file, env: {} }),
    /closed\.toml: the config file cannot be read: this user may not read it\. As root: chown -R \d+ /,
  );
});

test("a wrong value names file, line, key, what was found and what was expected", async () => {
  assert.equal(
    await problem('[SERVER]\nHOST = ""\nPORT = "eighty"\n'),
    'config.toml, line 3, [SERVER] PORT: expected a whole number from 0 to 65535, found "eighty".',
  );
  assert.equal(
    await problem("\n[HMAC]\nTIMESTAMP_DEVIATION = 0"),
    "config.toml, line 3, [HMAC] TIMESTAMP_DEVIATION: expected a whole number from 1 to 3600, found 0.",
  );
  assert.equal(
    await problem("HMAC.ENABLE = 'perhaps'"),
    'config.toml, line 1, [HMAC] ENABLE: expected true or false, found "perhaps".',
  );
  assert.equal(
    await problem("STEAM = { TIMEOUT = 4,\n DEADLINE = [1] }".replace("\n", "")),
    "config.toml, line 1, [STEAM] DEADLINE: expected a whole number from 1 to 60, found [1].",
  );
  assert.equal(
    await problem('[LOG]\n# loud\nLEVEL = "LOUD"'),
    'config.toml, line 3, [LOG] LEVEL: expected one of debug, info, warn, error, found "LOUD".',
  );
  assert.equal(
    await problem("", { PLAYTIME_SERVER_PORT: "x" }),
    'the environment variable PLAYTIME_SERVER_PORT: expected a whole number from 0 to 65535, found "x".',
  );
  assert.match(
    await problem('[STEAM]\nAPI_URL = "api.steampowered.com"'),
    /line 2, \[STEAM\] API_URL: expected an address beginning with https:\/\//,
  );
});

test("a secret that is wrong is not shown", async () => {
  const words = await problem("[POSTGRES]\nPASSWORD = 12345678");
  assert.equal(
    words,
    "config.toml, line 2, [POSTGRES] PASSWORD: expected text, found another value (not shown, it is a secret).",
  );
  assert.ok(!(await problem('[STEAM]\nKEY = "two words"')).includes("two words"));
});

test("a token is empty or long, its blanks around are trimmed, and it is not shown when it is too short", async () => {
  const token = "0123456789abcdef0123456789abcdef";
  assert.equal((await read(`[METRICS]\nTOKEN = " ${token}\\n"`)).METRICS.TOKEN, token);
  assert.equal((await read('[METRICS]\nTOKEN = ""')).METRICS.TOKEN, "");
  assert.equal(
    await problem(`[METRICS]\nTOKEN = "${token.slice(1)}"`),
    "config.toml, line 2, [METRICS] TOKEN: expected at least 32 characters, such as `openssl rand -hex 32` makes them, found another value (not shown, it is a secret).",
  );
});

test("an unknown key or section stops the start, with what there is", async () => {
  assert.equal(
    await problem("[SERVER]\n\nPROT = 80"),
    "config.toml, line 3, [SERVER] PROT: there is no such setting; expected one of HOST, PORT, DATA_DIR, PUBLIC_URL, TRUST_PROXY.",
  );
  assert.match(
    await problem("[SEVRER]\nPORT = 80"),
    /^config\.toml, line 1, \[SEVRER\]: there is no such section; expected one of SERVER, HMAC/,
  );
  assert.match(await problem("PORT = 80"), /^config\.toml, line 1, \[PORT\]: there is no such section/);
  assert.match(
    await problem("SERVER = 80"),
    /^config\.toml, line 1, \[SERVER\]: expected a section \[SERVER\], found 80\./,
  );
  assert.match(await problem("[__proto__]\nx = 1"), /there is no such section/);
});

test("what is not TOML is said with line and column, without the line itself", async () => {
  const words = await problem("[POSTGRES]\nPASSWORD = hunter2-hunter2\n");
  assert.match(words, /^config\.toml, line 2, column \d+: this is not TOML: /);
  assert.ok(!words.includes("hunter2"));
  assert.match(await problem("[A]\n[A]\n"), /^config\.toml, line 2, column \d+: this is not TOML/);
});

test("a time zone is an IANA name: offsets and unknown names stop the start", async () => {
  assert.equal((await read('[HISTORY]\nTIME_ZONE = "Europe/Moscow"')).HISTORY.TIME_ZONE, "Europe/Moscow");
  for (const zone of ["+03:00", "MSK", "Europe/Nowhere"])
    assert.equal(
      await problem(`[HISTORY]\nTIME_ZONE = "${zone}"`),
      `config.toml, line 2, [HISTORY] TIME_ZONE: expected the name of a time zone, such as Europe/Moscow or UTC, or nothing for the machine's, found "${zone}".`,
    );
  for (const days of ["-1", "3651", "1.5"])
    assert.match(await problem(`[HISTORY]\nKEEP_DAYS = ${days}`), /KEEP_DAYS: expected a whole number from 0 to 3650/);
});

test("without a time zone it is the machine's, and UTC with a remark where that is unknown", async (t) => {
  const { TZ } = process.env;
  t.after(() => {
    if (TZ === undefined) delete process.env["TZ"];
    else process.env["TZ"] = TZ;
  });
  process.env["TZ"] = "Asia/Tokyo";
  const known = await read("", { TZ: "Asia/Tokyo" });
  assert.deepEqual([known.HISTORY.TIME_ZONE, known.remarks], ["Asia/Tokyo", []]);
  process.env["TZ"] = "Nowhere/City";
  const unknown = await read("", { TZ: "Nowhere/City" });
  assert.equal(unknown.HISTORY.TIME_ZONE, "UTC");
  assert.match(unknown.remarks.join(), /time zone of this machine is unknown.*UTC.*\[HISTORY\] TIME_ZONE/);
  assert.deepEqual((await read('[HISTORY]\nTIME_ZONE = "UTC"')).remarks, []);
});

test("a wrong key of a section stops the start in the environment too, and names the nearest", async () => {
  assert.match(
    await problem("", { PLAYTIME_STEAM_KYE: "x" }),
    /^the environment variable PLAYTIME_STEAM_KYE: there is no such setting; did you mean PLAYTIME_STEAM_KEY\? Expected one of PLAYTIME_STEAM_KEY, /,
  );
  assert.match(await problem("", { PLAYTIME_SERVER_PROT: "80" }), /did you mean PLAYTIME_SERVER_PORT\?/);
  assert.match(
    await problem("", { PLAYTIME_DEFAULT_POSTGRES_HOTS: "db" }),
    /PLAYTIME_DEFAULT_POSTGRES_HOTS: there is no such setting; did you mean PLAYTIME_DEFAULT_POSTGRES_HOST\?/,
  );
});

test("any other variable that begins like ours is one warning, which names the nearest setting", async () => {
  assert.deepEqual((await read("", { PLAYTIME_STAEM_KEY: "x", OTHER: "y" })).remarks, [
    "The environment variable PLAYTIME_STAEM_KEY is not a setting and does nothing. The nearest one is PLAYTIME_STEAM_KEY.",
  ]);
  assert.deepEqual(
    (await read("", { PLAYTIME_DJANGO_SECRET_KEY: "x", PLAYTIME_POSTGRES_CONN_MAX_AGE: "60" })).remarks,
    ["The environment variable PLAYTIME_DJANGO_SECRET_KEY belonged to the Django service and does nothing here."],
  );
});

test("variables of compose and those that Kubernetes makes for a service of our name are left alone", async () => {
  const config = await read("", {
    PLAYTIME_IMAGE: "registry/playtime:1",
    PLAYTIME_SERVICE_HOST: "10.0.0.1",
    PLAYTIME_SERVICE_PORT_HTTP: "8000",
    PLAYTIME_PORT: "tcp://10.0.0.1:8000",
    PLAYTIME_PORT_8000_TCP_ADDR: "10.0.0.1",
    PLAYTIME_SERVER_SERVICE_HOST: "10.0.0.1",
    PLAYTIME_SERVER_SERVICE_PORT: "8000",
    PLAYTIME_SERVER_PORT: "tcp://10.0.0.1:8000",
    PLAYTIME_SERVER_PORT_8000_TCP: "tcp://10.0.0.1:8000",
    PLAYTIME_SERVER_PORT_8000_TCP_PROTO: "tcp",
    PLAYTIME_POSTGRES_PORT: "tcp://10.0.0.2:5432",
  });
  assert.deepEqual(config.remarks, []);
  assert.deepEqual([config.SERVER.PORT, config.POSTGRES.PORT], [8000, 5432]);
});

test("an invisible end of a value that cannot be meant is cut off, with a remark that does not show the value", async () => {
  const cut = (name: string) =>
    `the environment variable ${name}: the value ended with a blank or a line end, which was cut off.`;
  for (const ending of ["\n", "\r\n", "\r", "\u2028", "\u200b", "\ufeff"]) {
    const config = await read("", {
      PLAYTIME_ADMIN_PASSWORD: `long enough${ending}`,
      PLAYTIME_POSTGRES_PASSWORD: `x${ending}`,
      PLAYTIME_POSTGRES_HOST: `db ${ending}`,
    });
    assert.deepEqual(
      [config.ADMIN.PASSWORD, config.POSTGRES.PASSWORD, config.POSTGRES.HOST],
      ["long enough", "x", "db"],
      JSON.stringify(ending),
    );
    assert.deepEqual(
      [...config.remarks].sort(),
      ["PLAYTIME_ADMIN_PASSWORD", "PLAYTIME_POSTGRES_HOST", "PLAYTIME_POSTGRES_PASSWORD"].map(cut),
    );
  }
  const inFile = await read('[POSTGRES]\nPASSWORD = """x\n"""\nHOST = "db "');
  assert.deepEqual([inFile.POSTGRES.PASSWORD, inFile.POSTGRES.HOST, inFile.remarks.length], ["x", "db", 2]);
});

test("a blank at the end of a password may be meant: it stays, and is mentioned", async () => {
  const config = await read("", { PLAYTIME_POSTGRES_PASSWORD: "open sesame " });
  assert.equal(config.POSTGRES.PASSWORD, "open sesame ");
  assert.match(config.remarks.join(), /PLAYTIME_POSTGRES_PASSWORD: the value ends with a blank\. If it is not meant/);
});

test("a word out of several may end with a line end, as files of Windows pass it on", async () => {
  const { LOG, POSTGRES, DJANGO, remarks } = await read("", {
    PLAYTIME_LOG_LEVEL: "warn\r",
    PLAYTIME_POSTGRES_SSLMODE: "require\r",
    PLAYTIME_DJANGO_LANGUAGE_CODE: "ru\r",
  });
  assert.deepEqual([LOG.LEVEL, POSTGRES.SSLMODE, DJANGO.LANGUAGE_CODE], ["warn", "require", "ru"]);
  assert.equal(remarks.filter((remark) => remark.includes("was cut off")).length, 3);
});

test("a config file may be UTF-16, as editors of Windows write it", async () => {
  const file = join(folder, "utf16.toml");
  const little = Buffer.from('\ufeff[STEAM]\r\nKEY = "abc"\r\n', "utf16le");
  for (const bytes of [little, Buffer.from(little).swap16()]) {
    await writeFile(file, bytes);
    assert.equal((await readConfig({ file, env: {} })).STEAM.KEY, "abc");
  }
});

test("a ~ that no shell replaced is mentioned", async () => {
  const remarks = async (dataDir: string) => (await read(`[SERVER]\nDATA_DIR = "${dataDir}"`)).remarks.join();
  assert.match(await remarks("~/data"), /DATA_DIR = "~\/data" is a folder named ~ where the service starts/);
  assert.equal(await remarks("data~/x"), "");
});

test("a config file in the wrong place is noticed, with the path that is read", async (t) => {
  const elsewhere = await mkdtemp(join(tmpdir(), "playtime-misplaced-"));
  const before = process.cwd();
  t.after(async () => {
    process.chdir(before);
    await rm(elsewhere, { recursive: true });
  });
  process.chdir(elsewhere);
  assert.deepEqual((await readConfig({ env: {} })).remarks, []);
  await mkdir("configs/playtime", { recursive: true });
  await writeFile("config.toml", "");
  await writeFile("configs/playtime/config.toml.txt", "");
  const wanted = join(process.cwd(), "configs/playtime/config.toml");
  assert.deepEqual(
    (await readConfig({ env: {} })).remarks,
    ["config.toml", "configs/playtime/config.toml.txt"].map(
      (file) => `${join(process.cwd(), file)} is not read. The config file must be ${wanted}: move it there.`,
    ),
  );
  await writeFile(wanted, "");
  assert.deepEqual((await readConfig({ env: {} })).remarks, []);
});

test("the original service's file works unchanged", async () => {
  const config = await read(`
[DJANGO]
SECRET_KEY = "django-secret"
DEBUG = false
ALLOWED_HOSTS = ["*"]
LANGUAGE_CODE = "ru-RU"
[HMAC]
ENABLE = true
TIMESTAMP_DEVIATION = 10
[POSTGRES]
DATABASE_NAME = "playtime"
USER = "admin"
PASSWORD = "x"
HOST = "db"
PORT = "5432"
CONN_MAX_AGE = 60
CONN_HEALTH_CHECKS = true
[STEAM]
KEY = " 0123456789ABCDEF "
TIMEOUT = 5
`);
  assert.deepEqual(
    [
      config.POSTGRES.HOST,
      config.POSTGRES.PORT,
      config.HMAC.TIMESTAMP_DEVIATION,
      config.STEAM.KEY,
      config.STEAM.TIMEOUT,
      config.DJANGO.LANGUAGE_CODE,
    ],
    ["db", 5432, 10, "0123456789ABCDEF", 5, "ru-RU"],
  );
  assert.deepEqual(config.remarks, [
    "[DJANGO] SECRET_KEY, DEBUG, ALLOWED_HOSTS: of the Django service, without effect here.",
  ]);
});

test("the config file of the Django service works as it is, with one remark", async () => {
  const config = await readConfig({ file: "test/support/django-config.toml", env: {} });
  assert.deepEqual(config.remarks, [
    "[DJANGO] SECRET_KEY, DEBUG, ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS, TIME_ZONE: of the Django service, without effect here.",
  ]);
  const { HOST, PORT, DATABASE_NAME, USER, PASSWORD } = config.POSTGRES;
  assert.deepEqual([HOST, PORT, DATABASE_NAME, USER, PASSWORD], ["db", 5432, "postgres", "postgres", 'pass"word#1']);
  assert.deepEqual(config.HMAC, { ENABLE: true, TIMESTAMP_DEVIATION: 10 });
  assert.deepEqual(
    [config.STEAM.KEY, config.STEAM.TIMEOUT, config.DJANGO.LANGUAGE_CODE],
    ["0123456789ABCDEF", 5, "ru"],
  );
});
