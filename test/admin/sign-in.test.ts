import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signInsIn } from "../../src/admin/sessions.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createBrowser, panelPassword, setPanelPassword, textOf } from "../support/panel.ts";
import { startTestService, type TestService } from "../support/service.ts";

let db: TestDatabase;
let service: TestService;

before(async () => {
  db = await createTestDatabase();
  service = await startTestService(db);
});
after(async () => {
  await service.stop();
  await db.drop();
});
beforeEach(async () => {
  await db.sql`truncate sessions, panel_settings, wrong_guesses, sign_in_links`;
  await setPanelPassword(db);
});

/** Another service over the same database, as after a restart or with another config. */
async function beside(
  options: Parameters<typeof startTestService>[1],
  work: (other: TestService) => Promise<void>,
): Promise<void> {
  const other = await startTestService(db, options);
  try {
    await work(other);
  } finally {
    await other.stop();
  }
}

test("until a password is set nobody gets in, and the page says how to set one", async () => {
  await db.sql`delete from panel_settings`;
  const browser = createBrowser(service);
  const page = await browser.get("/admin/sign-in/");
  assert.equal(page.status, 200);
  assert.match(textOf(page.html), /The panel is closed.*npm run cli -- admin password/);
  assert.doesNotMatch(page.html, /<input[^>]*password/);
  assert.equal((await browser.post("/admin/sign-in/", { password: "" })).headers.get("set-cookie"), null);
  assert.equal((await browser.get("/admin/")).location, "/admin/sign-in/?next=%2Fadmin%2F");
});

test("the right password lets in, to the page that was wanted, and signing out ends that", async () => {
  const browser = createBrowser(service);
  const wanted = await browser.get("/admin/connections/?x=1");
  assert.equal(wanted.location, "/admin/sign-in/?next=%2Fadmin%2Fconnections%2F%3Fx%3D1");
  const form = await browser.get(wanted.location ?? "");
  assert.match(form.html, /action="\/admin\/sign-in\/\?next=%2Fadmin%2Fconnections%2F%3Fx%3D1"/);
  const answer = await browser.post(wanted.location ?? "", { password: panelPassword });
  assert.deepEqual([answer.status, answer.location], [303, "/admin/connections/?x=1"]);
  assert.equal((await browser.get("/admin/")).status, 200);

  const cookie = browser.sessionCookie();
  assert.equal((await browser.post("/admin/sign-out/", {})).location, "/admin/sign-in/");
  assert.equal(browser.sessionCookie(), "");
  assert.equal((await browser.get("/admin/", { cookie })).status, 303);
});

test("behind the sign-in a link leads only to the panel itself", async () => {
  for (const next of [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "/admin/../x\ny",
    "javascript:1",
    "/other/",
  ]) {
    const browser = createBrowser(service);
    const answer = await browser.post(`/admin/sign-in/?${new URLSearchParams({ next })}`, { password: panelPassword });
    assert.equal(answer.location, "/admin/", next);
  }
});

test("the cookie is for the panel alone, not for scripts and other sites, and only its hash is stored", async () => {
  const browser = createBrowser(service);
  const answer = await browser.post("/admin/sign-in/", { password: panelPassword });
  const [cookie = "", device = ""] = answer.headers.getSetCookie();
  assert.match(
    device,
    /^device-[0-9a-f]{8}=[\w-]{22}\.[\w-]{43}; Path=\/admin\/; HttpOnly; SameSite=Lax; Max-Age=34560000$/,
  );
  assert.match(cookie, /^session-[0-9a-f]{8}=[\w-]{43}; Path=\/admin\/; HttpOnly; SameSite=Lax; Max-Age=2592000$/);
  const [row] = await db.sql<{ hash: string }[]>`select encode(token_sha256, 'hex') as hash from sessions`;
  assert.equal(row?.hash.length, 64);
  assert.ok(
    !JSON.stringify(await db.sql`select * from sessions`).includes(browser.sessionCookie().split("=")[1] ?? "?"),
  );
});

test("a session ends 12 hours after its last use, and 30 days after its beginning", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  await db.sql`update sessions set used_at = now() - interval '11 hours 59 minutes'`;
  assert.equal((await browser.get("/admin/")).status, 200);
  const [used] = await db.sql<
    { isNow: boolean }[]
  >`select used_at > now() - interval '1 minute' as "isNow" from sessions`;
  assert.equal(used?.isNow, true);
  await db.sql`update sessions set used_at = now() - interval '12 hours 1 minute'`;
  assert.equal((await browser.get("/admin/")).status, 303);
  await db.sql`update sessions set used_at = now(), created_at = now() - interval '30 days 1 minute'`;
  assert.equal((await browser.get("/admin/")).status, 303);
  // And is forgotten when somebody signs in.
  await browser.signIn();
  assert.equal((await db.sql`select from sessions`).length, 1);
});

test("a page that loads itself anew does not keep a session alive", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  await db.sql`update sessions set used_at = now() - interval '11 hours'`;
  assert.equal((await browser.get("/admin/", { "x-refresh": "yes" })).status, 200);
  const [row] = await db.sql<
    { hours: number }[]
  >`select extract(hour from now() - used_at)::int as hours from sessions`;
  assert.equal(row?.hours, 11);
});

test("a sign-in that was stored, though the answer was lost and it is done again, lets in", async () => {
  const { passwordHash, begin, isSignedIn } = signInsIn({
    run: (statement) => db.database.run((sql) => statement(sql).then(() => statement(sql))),
  });
  const token = await begin((await passwordHash()) ?? "");
  assert.ok(token !== undefined && (await isSignedIn({ token, isUse: false })));
  assert.equal(await begin("the hash of the password before"), undefined);
});

test("sessions survive a restart, and end all together when the password changes", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  await beside({}, async (other) => {
    const cookie = browser.sessionCookie();
    assert.equal((await createBrowser(other).get("/admin/", { cookie })).status, 200);
  });
  await signInsIn(db.database).setPassword("another password");
  assert.equal((await browser.get("/admin/")).status, 303);
  assert.equal((await browser.post("/admin/sign-in/", { password: panelPassword })).status, 403);
  await browser.signIn("another password");
});

test("a password in the config beats the stored one while it is there, and each change signs everybody out", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  const cookie = () => browser.sessionCookie();
  const config = { ADMIN: { ENABLED: true, PASSWORD: "the one of the config" } };
  await beside({ config }, async (other) => {
    const there = createBrowser(other);
    assert.equal((await there.get("/admin/", { cookie: cookie() })).status, 303);
    assert.equal((await there.post("/admin/sign-in/", { password: panelPassword })).status, 403);
    await there.signIn("the one of the config");
    for (const [name, value] of there.cookies) browser.cookies.set(name, value);
  });
  await beside({ config }, async (again) => {
    assert.equal((await createBrowser(again).get("/admin/", { cookie: cookie() })).status, 200);
  });
  await beside({}, async (without) => {
    const there = createBrowser(without);
    assert.equal((await there.get("/admin/", { cookie: cookie() })).status, 303);
    await there.signIn();
  });
});

describe("wrong passwords", () => {
  test("are said and logged, without what was typed, and after five the address has to wait, longer each time", async () => {
    await beside({}, async (other) => {
      const browser = createBrowser(other);
      const guess = () => browser.post("/admin/sign-in/", { password: "wrong-guess-77" });
      for (let count = 0; count < 5; count += 1) assert.equal((await guess()).status, 403);
      const waits = [];
      for (let count = 0; count < 2; count += 1) {
        const answer = await guess();
        assert.equal(answer.status, 429);
        const seconds = Number(answer.headers.get("retry-after"));
        assert.match(textOf(answer.html), new RegExp(`Wait ${seconds} second.*your turn is kept`));
        waits.push(seconds);
        assert.equal((await browser.post("/admin/sign-in/", { password: panelPassword })).status, 429);
        await sleep(seconds * 1_000);
        assert.equal((await guess()).status, 403);
      }
      assert.deepEqual(waits, [1, 2]);
      const said = other.lines.filter(({ message }) => message === "a wrong password for the panel");
      assert.equal(said.length, 7);
      assert.equal(said[0]?.["address"], "127.0.0.1");
      assert.ok(!other.logText().includes("wrong-guess-77") && !other.logText().includes(panelPassword));
    });
  });

  test("count together in two services on one database, and are not forgotten by a restart", async () => {
    await beside({}, async (one) => {
      for (let count = 0; count < 6; count += 1)
        await createBrowser(one).post("/admin/sign-in/", { password: "a wrong guess" });
    });
    await beside({}, async (two) => {
      const answer = await createBrowser(two).post("/admin/sign-in/", { password: panelPassword });
      assert.equal(answer.status, 429);
    });
    const rows = await db.sql`select who, count from wrong_guesses`;
    assert.deepEqual([...rows], [{ who: "127.0.0.1", count: 5 }]);
  });

  test("of a clock that was ahead slow nobody for longer, and are forgotten", async () => {
    await db.sql`insert into wrong_guesses (who, count, at) values ('127.0.0.1', 9, now() + interval '300 days'), ('x', 9, now() + interval '300 days')`;
    await beside({}, async (other) => {
      const browser = createBrowser(other);
      const first = await browser.post("/admin/sign-in/", { password: panelPassword });
      assert.equal(first.status, 429);
      assert.ok(Number(first.headers.get("retry-after")) <= 30);
      await createBrowser(other, { "x-forwarded-for": "y" }).post("/admin/sign-in/", { password: "a wrong guess" });
    });
  });

  test("do not stop a browser that was signed in before, nor, after a wait, a new one, though a stranger shares the address", async () => {
    await beside({}, async (other) => {
      const known = createBrowser(other);
      await known.signIn();
      await known.post("/admin/sign-out/", {});
      let isOver = false;
      const strangers = Array.from({ length: 3 }, async () => {
        while (!isOver) await createBrowser(other).post("/admin/sign-in/", { password: "a wrong guess" });
      });
      const fresh = createBrowser(other);
      for (const untilMs = performance.now() + 5_000; performance.now() < untilMs; await sleep(50))
        if ((await fresh.post("/admin/sign-in/", { password: "not yet right" })).status === 429) break;
      await known.signIn();
      for (let count = 0; ; count += 1) {
        const answer = await fresh.post("/admin/sign-in/", { password: panelPassword });
        if (answer.status === 303) break;
        assert.ok(count < 20, "a new browser gets in");
        await sleep(1_000 * Number(answer.headers.get("retry-after")));
      }
      isOver = true;
      await Promise.all(strangers);
    });
  });

  test("of the past give a known browser no lane once the password has changed", async () => {
    const browser = createBrowser(service);
    await browser.signIn();
    assert.equal([...browser.cookies.keys()].filter((name) => name.startsWith("device-")).length, 1);
    const before = [...browser.cookies].find(([name]) => name.startsWith("device-"))?.[1];
    await browser.post("/admin/sign-out/", {});
    await browser.signIn();
    assert.equal(
      [...browser.cookies].find(([name]) => name.startsWith("device-"))?.[1].slice(0, 22),
      before?.slice(0, 22),
    );
    await signInsIn(db.database).setPassword("another password");
    await browser.signIn("another password");
    assert.notEqual(
      [...browser.cookies].find(([name]) => name.startsWith("device-"))?.[1].slice(0, 22),
      before?.slice(0, 22),
    );
  });

  test("of one address do not stop others, whom a trusted proxy names", async () => {
    await beside({ config: { SERVER: { TRUST_PROXY: true } } }, async (other) => {
      const from = (address: string) => createBrowser(other, { "x-forwarded-for": `10.9.9.9, ${address}` });
      for (let count = 0; count < 5; count += 1)
        await from("198.51.100.1").post("/admin/sign-in/", { password: "wrong guess" });
      assert.equal((await from("198.51.100.1").post("/admin/sign-in/", { password: panelPassword })).status, 429);
      await from("198.51.100.2").signIn();
      for (let count = 0; count < 5; count += 1)
        await from(`2001:db8:1:2::${count}`).post("/admin/sign-in/", { password: "wrong guess" });
      assert.equal((await from("2001:db8:1:2::99").post("/admin/sign-in/", { password: panelPassword })).status, 429);
      await from("2001:db8:1:3::1").signIn();
    });
  });

  test("that come in a flood are refused before they cost anything, and who is signed in goes on", async () => {
    // At its full cost.
    await signInsIn(db.database).setPassword(panelPassword);
    await beside({ config: { SERVER: { TRUST_PROXY: true } } }, async (other) => {
      const owner = createBrowser(other, { "x-forwarded-for": "192.0.2.1" });
      await owner.signIn();
      const flood = Array.from({ length: 60 }, (_, index) =>
        createBrowser(other, { "x-forwarded-for": `203.0.113.${index}` }).post("/admin/sign-in/", {
          password: "a guess",
        }),
      );
      assert.equal((await owner.get("/admin/connections/")).status, 200);
      const statuses = (await Promise.all(flood)).map(({ status }) => status);
      assert.ok(statuses.filter((status) => status === 403).length <= 12, statuses.join());
      assert.ok(statuses.every((status) => status === 403 || status === 429));
    });
  });
});

describe("a link from the command line", () => {
  const pathOf = async () => `/admin/sign-in-link/${await signInsIn(db.database).makeLink()}/`;

  test("signs in once, by its button: to look at it uses nothing up", async () => {
    const path = await pathOf();
    for (let count = 0; count < 2; count += 1) {
      const page = await createBrowser(service).get(path);
      assert.equal(page.status, 200);
      assert.match(page.html, new RegExp(`<form method="post" action="${path}">`));
      assert.deepEqual(page.headers.getSetCookie(), []);
    }
    const browser = createBrowser(service);
    const answer = await browser.post(path, {});
    assert.deepEqual([answer.status, answer.location], [303, "/admin/"]);
    assert.equal((await browser.get("/admin/")).status, 200);
    assert.ok([...browser.cookies.keys()].some((name) => name.startsWith("device-")));
    const again = await createBrowser(service).post(path, {});
    assert.equal(again.status, 403);
    assert.match(textOf(again.html), /used already, or is older than 10 minutes.*npm run cli -- admin sign-in-link/);
    assert.ok(!service.logText().includes(path.split("/")[3] ?? "?"));
  });

  test("works when guesses must wait, and without a password, for 10 minutes, until the password changes", async () => {
    // The others here are not to wait for these guesses.
    await beside({}, async (other) => {
      for (let count = 0; count < 6; count += 1)
        await createBrowser(other).post("/admin/sign-in/", { password: "a wrong guess" });
      assert.equal((await createBrowser(other).post(await pathOf(), {})).status, 303);
      const old = await pathOf();
      await db.sql`update sign_in_links set created_at = now() - interval '10 minutes 1 second'`;
      assert.equal((await createBrowser(other).post(old, {})).status, 403);
      await db.sql`update sign_in_links set created_at = now() + interval '300 days'`;
      assert.equal((await createBrowser(other).post(old, {})).status, 403);
      const before = await pathOf();
      await signInsIn(db.database).setPassword("another password");
      assert.equal((await createBrowser(other).post(before, {})).status, 403);
      await db.sql`delete from panel_settings`;
      assert.equal((await createBrowser(other).post(await pathOf(), {})).status, 303);
    });
  });

  test("that is none is refused, and a form of another site is", async () => {
    for (const link of ["x", "A".repeat(43), "%00", "a%2fb", "x".repeat(9_000)]) {
      const path = `/admin/sign-in-link/${link}/`;
      const answer = await createBrowser(service).post(path, {});
      assert.equal(answer.status, 403, link);
      assert.ok(answer.html.length < 5_000);
    }
    const path = await pathOf();
    assert.equal((await createBrowser(service).post(path, {}, { origin: "https://evil.example" })).status, 403);
    assert.equal((await createBrowser(service).post(path, {})).status, 303);
  });
});

test("a form from elsewhere is refused, also one that does not say from where it comes", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  const cookie = browser.sessionCookie();
  for (const origin of [
    "https://evil.example",
    "null",
    `${service.url}.evil.example`,
    "http://127.0.0.1:1",
    "nonsense",
  ]) {
    const answer = await browser.post("/admin/sign-out/", {}, { origin });
    assert.equal(answer.status, 403, origin);
    assert.match(textOf(answer.html), /came from another site/);
  }
  const silent = await fetch(`${service.url}/admin/sign-out/`, {
    method: "POST",
    headers: { cookie },
  });
  assert.equal(silent.status, 403);
  assert.equal((await browser.get("/admin/")).status, 200);
});

test("who is not signed in, or no longer, can do nothing with any form", async () => {
  await db.sql`insert into connections (kind, path, secret) values ('script', 'kept', 'a secret of sixteen')`;
  const gone = createBrowser(service);
  await gone.signIn();
  const stale = { cookie: gone.sessionCookie() };
  await gone.post("/admin/sign-out/", {});
  for (const [path, form] of [
    ["/admin/connections/new/script/", { path: "planted" }],
    ["/admin/connections/script/kept/", { action: "delete" }],
    ["/admin/connections/script/kept/", { action: "disable" }],
  ] as const) {
    for (const headers of [{}, stale] as Record<string, string>[]) {
      const answer = await createBrowser(service).post(path, form, headers);
      assert.deepEqual([answer.status, answer.location], [303, "/admin/sign-in/?next=%2Fadmin%2F"]);
    }
  }
  assert.deepEqual([...(await db.sql`select path, enabled from connections`)], [{ path: "kept", enabled: true }]);
  await db.sql`delete from connections`;
});

test("every page forbids what it does not need, is not kept, and shows in no frame", async () => {
  const browser = createBrowser(service);
  const expected = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
  const check = (headers: Headers) => {
    for (const [name, value] of Object.entries(expected)) assert.equal(headers.get(name), value);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /^default-src 'none';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:/);
  };
  check((await browser.get("/admin/sign-in/")).headers);
  check((await browser.get("/admin/")).headers);
  check((await browser.get("/admin/no/such/page/")).headers);
  await browser.signIn();
  const page = await browser.get("/admin/");
  check(page.headers);
  assert.doesNotMatch(page.html, /\sstyle=|<style|\son[a-z]+=|<script>(?!<)/);
});

test("style, script and icon are kept for ever under names that change with them", async () => {
  const browser = createBrowser(service);
  const { html } = await browser.get("/admin/sign-in/");
  const files = [...html.matchAll(/(?:href|src)="(\/admin\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
  assert.equal(new Set(files).size, 3);
  for (const file of files) {
    const answer = await browser.get(file);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("cache-control"), "public, max-age=31536000, immutable");
  }
  assert.equal((await browser.get("/admin/assets/style.000000000000.css")).status, 404);
  assert.equal((await browser.get("/admin/assets/..%2fpanel.ts")).status, 404);
});

test("over plain HTTP the sign-in warns, on this machine and behind TLS it does not; there the cookie is for TLS only", async () => {
  await beside({ config: { SERVER: { TRUST_PROXY: true } } }, async (other) => {
    const plain = createBrowser(other, { "x-forwarded-host": "playtime.example.com" });
    assert.match((await plain.get("/admin/sign-in/")).html, /plain HTTP/);
    assert.doesNotMatch((await createBrowser(other).get("/admin/sign-in/")).html, /plain HTTP/);
    const host = { "x-forwarded-host": "playtime.example.com", "x-forwarded-proto": "https" };
    const secure = createBrowser(other, host);
    assert.doesNotMatch((await secure.get("/admin/sign-in/")).html, /plain HTTP/);
    const answer = await secure.post(
      "/admin/sign-in/",
      { password: panelPassword },
      { origin: "https://playtime.example.com" },
    );
    assert.match(answer.headers.get("set-cookie") ?? "", /; Secure;/);
  });
  const answer = await createBrowser(service, { "x-forwarded-proto": "https" }).post("/admin/sign-in/", {
    password: panelPassword,
  });
  assert.doesNotMatch(answer.headers.get("set-cookie") ?? "", /Secure/);
});

test("[ADMIN] ENABLED = false takes the panel away, and notes nothing", async () => {
  await beside({ config: { ADMIN: { ENABLED: false, PASSWORD: "" } } }, async (other) => {
    for (const path of ["/admin", "/admin/", "/admin/sign-in/", "/admin/assets/style.css"])
      assert.equal((await fetch(other.url + path)).status, 404);
    assert.equal((await fetch(`${other.url}/get-playtime/nobody/`, { method: "POST" })).status, 404);
  });
  assert.equal((await db.sql`select from refused_requests`).length, 0);
});

test("pages come in the language that was chosen, else the browser's, else the config's", async () => {
  const browser = createBrowser(service);
  const language = async (accept: string) =>
    /<html lang="(..)"/.exec((await browser.get("/admin/sign-in/", { "accept-language": accept })).html)?.[1];
  assert.equal(await language("ru-RU,ru;q=0.9,en;q=0.8"), "ru");
  assert.equal(await language("de, en;q=0.5, ru;q=0.7"), "ru");
  assert.equal(await language("de"), "en");
  assert.equal(await language("ru;q=0, en;q=nonsense"), "en");
  const answer = await browser.post(
    "/admin/language/",
    { language: "ru" },
    { referer: `${service.url}/admin/sign-in/?next=x` },
  );
  assert.equal(answer.location, "/admin/sign-in/?next=x");
  assert.equal(await language("en"), "ru");
  await browser.post("/admin/language/", { language: "<script>" });
  assert.equal(await language("en"), "ru");
  const elsewhere = await browser.post(
    "/admin/language/",
    { language: "en" },
    { referer: "https://evil.example/admin/" },
  );
  assert.equal(elsewhere.location, "/admin/");
  await beside({ config: { DJANGO: { LANGUAGE_CODE: "ru" } } }, async (other) => {
    const page = await createBrowser(other).get("/admin/sign-in/", { "accept-language": "de" });
    assert.match(page.html, /<html lang="ru"/);
  });
});

test("what does not exist, or does not work, is a page too", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  const missing = await browser.get("/admin/no/such/page/");
  assert.deepEqual([missing.status, /There is no such page/.test(missing.html)], [404, true]);
  assert.equal((await browser.get("/admin/connections/script/nobody/")).status, 404);
  assert.equal((await browser.post("/admin/", {})).status, 405);
  const large = await browser.post("/admin/connections/new/script/", { path: "x".repeat(70_000) });
  assert.equal(large.status, 413);
  assert.match((await createBrowser(service).get("/admin")).location ?? "", /sign-in/);
});
