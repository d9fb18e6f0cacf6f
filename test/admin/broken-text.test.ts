import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { type Browser, createBrowser, setPanelPassword } from "../support/panel.ts";
import { hmac, insertConnections, post, secrets, startTestService, type TestService } from "../support/service.ts";

/* Text that Postgres does not take, wherever text may stand: refused or not found, never a 500. */

let db: TestDatabase;
let service: TestService;
let browser: Browser;

before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
  await setPanelPassword(db);
  service = await startTestService(db);
  browser = createBrowser(service);
  await browser.signIn();
});
after(async () => {
  assert.deepEqual(
    service.lines.filter(({ level }) => level === "error"),
    [],
  );
  await service.stop();
  await db.drop();
});

/** Percent-encoded: NUL, half a character, bytes that are no UTF-8, a broken encoding. */
const broken = ["a%00b", "%ED%A0%80", "%ff%fe", "%"];

const addresses = [
  "/admin/connections/X/",
  "/admin/connections/battlemetrics/X/",
  "/admin/connections/script/X/",
  "/admin/connections/X/bm/",
  "/admin/connections/battlemetrics/bm/?X=X&done=X&confirm=X&show=X",
  "/admin/connections/?done=X&X",
  "/admin/players/X/",
  "/admin/players/76561198000000001/?game=X&done=X&confirm=X",
  "/admin/sign-in-link/X/",
  "/admin/first-visit/X/",
  "/admin/sign-in/?next=/admin/X",
  "/admin/assets/X",
  "/admin/X",
  "/admin/?X=X",
  ...["days", "from", "to", "game"].map((name) => `/admin/top/?${name}=X`),
  ...["ids=X", "ids=76561198000000001X", "ids=76561198000000001&game=X"].flatMap((query) => [
    `/admin/activity/?${query}`,
    `/admin/activity.csv?${query}`,
  ]),
  "/admin/players/?sort=seen-desc&after=X_76561198000000001_1",
  "/admin/players/?sort=days7-asc&after=X_76561198000000001_1",
  ...["q", "game", "steam", "battlemetrics", "status", "sort", "after", "done"].flatMap((name) => [
    `/admin/players/?${name}=X`,
    `/admin/players.csv?${name}=X`,
    `/admin/players/?sort=id-asc&${name}=X_76561198000000001_1`,
    `/admin/players/?sort=updated-desc&${name}=X_76561198000000001_1`,
  ]),
];

for (const text of broken)
  test(`${text} in each address of the panel`, async () => {
    // One after another: the panel answers 503 to more at once than it can do in 2 seconds.
    for (const address of addresses) {
      const path = address.replaceAll("X", text);
      for (const one of [browser, createBrowser(service)]) {
        const { status } = await one.get(path);
        assert.ok(status < 500, `${status} for ${path}`);
      }
      const { status } = await browser.post(path, { action: "delete", path: "x" });
      assert.ok(status < 500, `${status} for a form to ${path}`);
    }
  });

const characters = ["a\0b", "\ud800"];
const fields = [
  "action",
  "kind",
  "path",
  "secret",
  "game",
  "steam",
  "battlemetrics",
  "language",
  "password",
  "keep",
  "enabled",
];

test("broken text in each field of each form", async () => {
  const forms = [
    ["/admin/connections/", ["add"]],
    [
      "/admin/connections/battlemetrics/bm/",
      ["change", "rotate", "secret", "enable", "disable", "old-secret", "sample"],
    ],
    ["/admin/players/76561198000000001/", ["ask", "correct"]],
    ["/admin/sign-in-link/x/", [""]],
    ["/admin/language/", [""]],
  ] as const;
  for (const [path, actions] of forms)
    for (const text of characters)
      for (const action of actions)
        await Promise.all(
          fields.map(async (field) => {
            const usual = { action, kind: "script", path: "new", game: "1", secret: "a-long-secret-0123456789" };
            const { status } = await browser.post(path, { ...usual, [field]: text });
            assert.ok(status < 500, `${status} for ${action} with ${field} ${JSON.stringify(text)} at ${path}`);
          }),
        );
});

test("broken text in each field of queries, top lists and deliveries is 400 or ignored", async () => {
  for (const text of ["\\u0000", "7\\u0000", "\\ud800", "\\udfff7"])
    for (const body of [
      `{"steam_ids":["${text}"],"game_id":1}`,
      `{"steam_ids":["76561198000000001"],"game_id":"${text}"}`,
      `{"steam_ids":["76561198000000001"],"game_id":1,"is_need_update":"${text}"}`,
      `{"steam_ids":["76561198000000001"],"game_id":1,"${text}":1,"days":["${text}"]}`,
      `{"game_id":1,"exclude":["${text}"],"limit":"${text}"}`,
      `{"steam_id":"${text}","playtime":"${text}","game_id":"${text}"}`,
    ])
      for (const address of ["get-playtime/plugin", "top-playtime/plugin"]) {
        const answer = await post(`${service.url}/${address}/`, body, { "x-signature": hmac(secrets.script, body) });
        assert.ok(answer.status < 500, `${answer.status} for ${body}`);
      }
});

test("pages and forms with 10,000 parameters are answered like those with few", async () => {
  const many = (separator: string, count: number) =>
    Array.from({ length: count }, (_, index) => `a${index % 10}`).join(separator);
  // As many as the 16 KiB of a head hold.
  for (const path of [
    `/admin/?${many("&", 5_000)}`,
    `/admin/players/?${many("&", 5_000)}`,
    `/admin/sign-in/?${many("&", 5_000)}`,
  ])
    for (const one of [browser, createBrowser(service)])
      assert.ok([200, 303, 400].includes((await one.get(path)).status), path);
  const cookies = await browser.get("/admin/", { cookie: many("; ", 3_500) });
  assert.equal(cookies.status, 303);
  for (const path of [
    "/admin/language/",
    "/admin/sign-in/",
    "/admin/players/76561198000000001/",
    "/admin/connections/",
  ]) {
    const answer = await fetch(service.url + path, {
      method: "POST",
      redirect: "manual",
      body: many("&", 20_000),
      headers: {
        origin: service.url,
        cookie: browser.sessionCookie(),
        "content-type": "application/x-www-form-urlencoded",
      },
    });
    await answer.text();
    assert.ok(answer.status < 500, `${answer.status} for ${path}`);
  }
});
