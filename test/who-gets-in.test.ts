import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { version } from "../src/version.ts";
import { createTestDatabase, type TestDatabase } from "./support/database.ts";
import { createBrowser, setPanelPassword } from "./support/panel.ts";
import {
  deliverySignature,
  hmac,
  insertConnections,
  post,
  startTestService,
  type TestService,
} from "./support/service.ts";
import { type SteamStub, startSteamStub } from "./support/steam-stub.ts";

/*
 * Every address of the service, and what each kind of caller gets there. The sources are read for their addresses: one
 * without a line here fails.
 */

const panelPassword = "planted-password-77";
const planted = {
  bm: "planted-secret-of-bm-77",
  script: "planted-secret-of-script-77",
  off: "planted-secret-off-77",
  rotatedOut: "planted-secret-before-77",
};
const metricsToken = "planted-token-of-the-metrics-0077";
const steamKey = "PLANTEDSTEAMKEY77";
const delivery = JSON.stringify({ steam_id: "76561198000000001", playtime: "60", game_id: 1 });
const question = JSON.stringify({ steam_ids: ["76561198000000001"], game_id: 1 });

type Callers = Record<
  | "unsigned"
  | "wronglySigned"
  | "rotatedOut"
  | "rotatedOutInTime"
  | "otherKind"
  | "disabled"
  | "replayed"
  | "stale"
  | "right",
  () => ReturnType<typeof post>
>;
type Expected = Partial<Record<keyof Callers, number>> | "open to everybody" | "open with its token";

/** What every caller gets at every address. A replayed delivery is accepted and changes nothing. */
const addresses: Record<string, Expected> = {
  "POST /set-playtime/bm/:path/": {
    unsigned: 401,
    wronglySigned: 401,
    rotatedOut: 401,
    rotatedOutInTime: 200,
    otherKind: 401,
    disabled: 403,
    stale: 401,
    right: 200,
    replayed: 200,
  },
  "POST /get-playtime/:path/": {
    unsigned: 401,
    wronglySigned: 401,
    rotatedOut: 401,
    rotatedOutInTime: 200,
    otherKind: 401,
    disabled: 403,
    right: 200,
    replayed: 200,
  },
  "POST /top-playtime/:path/": {
    unsigned: 401,
    wronglySigned: 401,
    rotatedOut: 401,
    rotatedOutInTime: 200,
    otherKind: 401,
    disabled: 403,
    right: 200,
    replayed: 200,
  },
  "GET /healthz": "open to everybody",
  "GET /readyz": "open to everybody",
  "GET /metrics": "open with its token",
};

/**
 * The panel's. Who is not signed in is sent to sign in; so is who was; and a form of another site is refused even with a
 * session.
 */
const panelAddresses: Record<string, "open to everybody" | "only signed in"> = {
  "GET /admin/assets/:name/": "open to everybody",
  "GET /admin/sign-in/": "open to everybody",
  "POST /admin/sign-in/": "open to everybody",
  "GET /admin/first-visit/:link/": "open to everybody",
  "POST /admin/first-visit/:link/": "open to everybody",
  "GET /admin/sign-in-link/:link/": "open to everybody",
  "POST /admin/sign-in-link/:link/": "open to everybody",
  "POST /admin/sign-out/": "open to everybody",
  "POST /admin/language/": "open to everybody",
  "GET /admin/": "only signed in",
  "GET /admin/connections/": "only signed in",
  "GET /admin/connections/new/:kind/": "only signed in",
  "POST /admin/connections/new/:kind/": "only signed in",
  "GET /admin/connections/:kind/:path/": "only signed in",
  "GET /admin/connections/:kind/set-up/:path/": "only signed in",
  "GET /admin/connections/:kind/settings/:path/": "only signed in",
  "POST /admin/connections/:kind/:path/": "only signed in",
  "POST /admin/connections/:kind/set-up/:path/": "only signed in",
  "POST /admin/connections/:kind/settings/:path/": "only signed in",
  "GET /admin/alerts/": "only signed in",
  "POST /admin/alerts/": "only signed in",
  "GET /admin/settings/": "only signed in",
  "POST /admin/settings/": "only signed in",
  "GET /admin/players/": "only signed in",
  "GET /admin/players.csv": "only signed in",
  "GET /admin/players/:steamId/": "only signed in",
  "POST /admin/players/:steamId/": "only signed in",
  "GET /admin/top/": "only signed in",
  "GET /admin/activity/": "only signed in",
  "POST /admin/activity/": "only signed in",
  "GET /admin/activity.csv": "only signed in",
};

let db: TestDatabase;
let steam: SteamStub;
let service: TestService;
const answers: string[] = [];

before(async () => {
  [db, steam] = await Promise.all([createTestDatabase(), startSteamStub({ owned: { status: 403 } })]);
  await insertConnections(db, [
    { kind: "battlemetrics", path: "in", secret: planted.bm, enabled: true, fixedGameId: null },
    { kind: "script", path: "in", secret: planted.script, enabled: true, fixedGameId: null },
    { kind: "battlemetrics", path: "off", secret: planted.off, enabled: false, fixedGameId: null },
    { kind: "script", path: "off", secret: planted.off, enabled: false, fixedGameId: null },
    ...(["battlemetrics", "script"] as const).flatMap((kind) =>
      ["rotated", "rotating"].map((path) => ({
        kind,
        path,
        secret: planted[kind === "script" ? "script" : "bm"],
        enabled: true,
        fixedGameId: null,
      })),
    ),
  ]);
  await db.sql`
    update connections set old_secret = ${planted.rotatedOut},
      old_secret_until = now() + case path when 'rotating' then interval '1 hour' else interval '-1 second' end
    where path in ('rotated', 'rotating')`;
  await setPanelPassword(db, panelPassword);
  service = await startTestService(db, {
    config: { STEAM: { KEY: steamKey, API_URL: steam.url }, METRICS: { TOKEN: metricsToken } },
  });
});
after(async () => {
  await service.stop();
  await steam.stop();
  await db.drop();
});

test("every address of the service has its line here", async () => {
  const found = async (file: string) => {
    const source = await readFile(`src/${file}`, "utf8");
    return [...source.matchAll(/["`]([A-Z]+ \/[^"`\s]*)["`]/g)].map(([, address]) =>
      (address ?? "").replace(/\$\{kind\}/, ":kind"),
    );
  };
  assert.deepEqual((await found("app.ts")).sort(), Object.keys(addresses).sort());
  const files = (await readdir("src/admin")).filter((name) => name.endsWith(".ts"));
  const ofPanel = (await Promise.all(files.map((name) => found(`admin/${name}`)))).flat();
  assert.deepEqual(ofPanel.sort(), Object.keys(panelAddresses).sort());
});

for (const [address, expected] of Object.entries(panelAddresses))
  for (const kind of address.includes(":kind") ? ["battlemetrics", "script"] : [""])
    test(`${address.replace(":kind", kind)} is ${expected}`, async () => {
      const [method = "", pattern = ""] = address.replace(":kind", kind).split(" ");
      const path = pattern.replace(/:\w+/, "in");
      const browser = createBrowser(service);
      const send = async (headers: Record<string, string> = {}) => {
        const answer = method === "GET" ? await browser.get(path, headers) : await browser.post(path, {}, headers);
        answers.push(answer.html, JSON.stringify([...answer.headers]));
        return answer;
      };
      if (expected === "only signed in")
        for (const cookie of ["", await unknownSession(), await staleSession()])
          assert.match((await send(cookie ? { cookie } : {})).location ?? "", /^\/admin\/sign-in\/\?next=/);
      else assert.ok([200, 303, 403, 404].includes((await send()).status));
      if (method === "GET") return;
      await browser.signIn(panelPassword);
      for (const origin of ["https://elsewhere.example", "null"]) assert.equal((await send({ origin })).status, 403);
    });

test("who is signed in gets the pages", async () => {
  const browser = createBrowser(service);
  await browser.signIn(panelPassword);
  for (const address of Object.keys(panelAddresses).filter((one) => one.startsWith("GET"))) {
    const path = address.slice(4).replace(":kind", "script").replace(":path", "in");
    const list = path === "/admin/activity.csv" ? "?ids=76561198000000001&game=1" : "";
    const { status, html } = await browser.get(path + list);
    answers.push(html);
    // There is no such file, and no such player.
    assert.equal(status, path.includes(":") ? 404 : 200, path);
  }
});

/** A cookie that nobody was given. */
async function unknownSession(): Promise<string> {
  const browser = createBrowser(service);
  await browser.signIn(panelPassword);
  return browser.sessionCookie().replace(/=.*/, `=${"x".repeat(43)}`);
}

/** The cookie of a session whose time is over. */
async function staleSession(): Promise<string> {
  const browser = createBrowser(service);
  await browser.signIn(panelPassword);
  await db.sql`update sessions set used_at = now() - interval '13 hours'`;
  return browser.sessionCookie();
}

for (const [address, expected] of Object.entries(addresses))
  describe(address, () => {
    if (expected === "open to everybody")
      test("says only whether the service works, and one of them its version", async () => {
        const [method = "", path = ""] = address.split(" ");
        const answer = await fetch(service.url + path, { method });
        const own = path === "/healthz" ? { version } : {};
        assert.deepEqual([answer.status, await answer.json()], [200, { status: "ok", ...own }]);
      });
    else if (expected === "open with its token")
      for (const [token, status] of [
        [undefined, 401],
        [planted.script, 401],
        [metricsToken, 200],
      ] as const)
        test(`a caller with ${token === metricsToken ? "the" : token ? "another" : "no"} token: ${status}`, async () => {
          const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
          const answer = await fetch(service.url + (address.split(" ")[1] ?? ""), { headers });
          answers.push(await answer.text(), JSON.stringify([...answer.headers]));
          assert.equal(answer.status, status);
        });
    else
      for (const [caller, status] of Object.entries(expected))
        test(`a caller who is ${caller}: ${status}`, async () => {
          const answer = await callersOf(address)[caller as keyof Callers]();
          answers.push(answer.text, JSON.stringify([...answer.headers]));
          assert.equal(answer.status, status, answer.text);
          if (status >= 400) assert.deepEqual(Object.keys(answer.json), ["code", "detail"]);
        });
  });

test("a delivery that is replayed changes nothing", async () => {
  const signature = deliverySignature(planted.bm, delivery, new Date(Date.now() - 1_000).toISOString());
  const url = `${service.url}/set-playtime/bm/in/`;
  await post(url, delivery, { "x-signature": signature });
  const rows = async () => JSON.stringify(await db.sql`select * from playtimes`);
  const first = await rows();
  assert.equal((await post(url, delivery, { "x-signature": signature })).status, 200);
  assert.equal(await rows(), first);
});

test("nothing in the log or in an answer is a secret, a signature or the Steam key, and one planted there is found", async () => {
  // Steam refuses the key, which is said in the log.
  const unknown = JSON.stringify({ steam_ids: ["76561198000000009"], game_id: 1 });
  const signature = { "x-signature": hmac(planted.script, unknown) };
  answers.push((await post(`${service.url}/get-playtime/in/`, unknown, signature)).text);
  assert.equal(steam.calls[0]?.key, steamKey);
  assert.equal(service.lines.filter(({ message }) => message.includes("Steam refuses")).length, 1);
  const forbidden = [
    ...Object.values(planted),
    panelPassword,
    steamKey,
    metricsToken,
    hmac(planted.script, question),
    deliverySignature(planted.bm, delivery).slice(-64),
  ];
  const holds = (text: string) => forbidden.filter((secret) => text.toLowerCase().includes(secret.toLowerCase()));
  assert.deepEqual(holds(service.logText() + answers.join()), []);
  assert.doesNotMatch(service.logText(), /\b[0-9a-f]{64}\b/i);
  assert.deepEqual(holds(`${service.logText()} secret=${planted.off.toUpperCase()}`), [planted.off]);
});

function callersOf(address: string): Callers {
  const isDelivery = address.includes("/set-playtime/");
  const body = isDelivery ? delivery : question;
  const path = address.split(" ")[1] ?? "";
  const url = (name: string) => service.url + path.replace(":path", name);
  const sign = (secret: string, as = isDelivery, at?: string) => ({
    "x-signature": as ? deliverySignature(secret, body, at) : hmac(secret, body),
  });
  const [own, other] = isDelivery ? [planted.bm, planted.script] : [planted.script, planted.bm];
  const recorded = sign(own);
  return {
    unsigned: () => post(url("in"), body),
    wronglySigned: () => post(url("in"), body, sign("not-the-secret")),
    rotatedOut: () => post(url("rotated"), body, sign(planted.rotatedOut)),
    rotatedOutInTime: () => post(url("rotating"), body, sign(planted.rotatedOut)),
    otherKind: () => post(url("in"), body, sign(other)),
    disabled: () => post(url("off"), body, sign(planted.off)),
    stale: () => post(url("in"), body, sign(own, true, new Date(Date.now() - 3_600_000).toISOString())),
    right: () => post(url("in"), body, sign(own)),
    replayed: async () => {
      await post(url("in"), body, recorded);
      return post(url("in"), body, recorded);
    },
  };
}
