import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connectionsIn } from "../src/connections/connections.ts";
import { activityIn } from "../src/watch/read.ts";
import { cli } from "./support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "./support/database.ts";
import { eventually } from "./support/eventually.ts";
import { createBrowser, setPanelPassword } from "./support/panel.ts";
import {
  deliverySignature,
  hmac,
  insertConnections,
  post,
  secrets,
  startTestService,
  type TestService,
} from "./support/service.ts";

/* A paused connection checks signatures and drops what was sent; a sample counts nowhere. */

let db: TestDatabase;
let service: TestService;
let browser: ReturnType<typeof createBrowser>;
const token = "a-token-of-the-metrics-0123456789";
const bm = { kind: "battlemetrics", path: "bm" } as const;

before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
  await setPanelPassword(db);
  service = await startTestService(db, { config: { METRICS: { TOKEN: token } } });
  browser = createBrowser(service);
  await browser.signIn();
});
after(async () => {
  await service.stop();
  await db.drop();
});

const delivery = JSON.stringify({ steam_id: "76561198012345678", playtime: "7200", game_id: 393_380 });
const deliver = (text: string, secret = secrets.battlemetrics) =>
  post(`${service.url}/set-playtime/bm/bm/`, text, { "x-signature": deliverySignature(secret, text) });
const paused = (isPaused: boolean) => connectionsIn(db.database).setPaused(bm, isPaused);

async function summaryOf(path: string) {
  // The list writes what is noted so far.
  await browser.get("/admin/connections/");
  return (await activityIn(db.database).summaries()).find((one) => one.path === path);
}

async function metricsOf(path: string): Promise<string[]> {
  const text = await (await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })).text();
  return text.split("\n").filter((line) => line.includes(`connection="${path}"`) && !line.endsWith(" 0"));
}

async function truncate() {
  await browser.get("/admin/connections/");
  await db.sql`truncate playtimes, playtime_days, accepted_requests, refused_requests, hourly_counts, refused_in_a_row`;
}

test("a paused connection checks the signature, answers 200 and stores nothing, whatever the body", async () => {
  await paused(true);
  await eventually("the service to know", async () => (await deliver(delivery)).text !== "");
  await truncate();
  for (const body of [delivery, "{nope", "", "[]"]) {
    const answer = await deliver(body);
    assert.deepEqual([answer.status, answer.json], [200, { ignored: "paused" }], body);
  }
  const refused = await deliver(delivery, "another secret");
  assert.deepEqual([refused.status, refused.json.code], [401, "bad-signature"]);
  assert.equal((await db.sql`select from playtimes`).length, 0);
  const summary = await summaryOf("bm");
  assert.deepEqual([summary?.accepted, summary?.ignored, summary?.paused, summary?.refused], [0, 0, 4, 1]);
  // Nothing is wrong with what was sent: no warning, in the panel or by `stats`.
  const { warnings } = JSON.parse((await cli("stats --json", { env: environmentOf(db) })).out);
  assert.doesNotMatch(warnings.join(), /ignored/);
  assert.ok((await metricsOf("bm")).some((line) => /outcome="paused"} \d/.test(line)));
  assert.ok((await metricsOf("bm")).every((line) => !line.includes('outcome="ignored"')));

  await paused(false);
  await eventually("the service to know", async () => (await deliver(delivery)).text === "");
  assert.equal((await db.sql`select from playtimes`).length, 1);
});

test("a sample is counted nowhere: not as accepted, nor as ignored, and it ends no row of refusals", async () => {
  await truncate();
  for (let count = 0; count < 3; count += 1) await deliver(delivery, "another secret");
  const before = await metricsOf("bm");
  await summaryOf("bm");
  for (let count = 0; count < 5; count += 1) {
    const { out, code } = await cli("try battlemetrics bm --json", {
      env: { ...environmentOf(db), PLAYTIME_SERVER_PORT: String(service.port) },
    });
    assert.deepEqual([code, JSON.parse(out).body], [0, '{"ignored":"sample"}']);
    await browser.post("/admin/connections/battlemetrics/bm/", { action: "try" });
    await browser.post("/admin/connections/script/plugin/", { action: "try" });
  }
  const summary = await summaryOf("bm");
  assert.deepEqual([summary?.acceptedAt, summary?.accepted, summary?.ignored], [null, 0, 0]);
  assert.equal(summary?.refusedInARow, 3);
  assert.equal(await summaryOf("plugin"), undefined);
  assert.deepEqual(await metricsOf("bm"), before);
  assert.deepEqual(await metricsOf("plugin"), []);
  assert.equal((await db.sql`select from accepted_requests`).length, 0);
  assert.equal((await db.sql`select from playtimes`).length, 0);
});

test("a sample without a right signature is refused and counted as any other", async () => {
  await truncate();
  const text = JSON.stringify({ ...JSON.parse(delivery), sample: true });
  assert.equal((await deliver(text, "another secret")).status, 401);
  const question = JSON.stringify({ steam_ids: ["76561198012345678"], game_id: 1, sample: true });
  const asked = await post(`${service.url}/get-playtime/plugin/`, question, { "x-signature": hmac("other", question) });
  assert.equal(asked.status, 401);
  assert.equal((await summaryOf("bm"))?.refused, 1);
  assert.equal((await summaryOf("plugin"))?.refused, 1);
});

test("a sample to a paused connection is dropped as what others send, and counts nowhere", async () => {
  await paused(true);
  await eventually("the service to know", async () => (await deliver(delivery)).text !== "");
  await truncate();
  const page = await browser.post("/admin/connections/battlemetrics/bm/", { action: "try" });
  assert.match(page.html, /200 \{&quot;ignored&quot;:&quot;paused&quot;\}/);
  assert.equal(await summaryOf("bm"), undefined);
  await paused(false);
});

test("only true marks a sample: another value of that name is a field like any that nobody knows", async () => {
  await eventually("the service to know", async () => (await deliver(delivery)).text === "");
  await truncate();
  assert.equal((await deliver(JSON.stringify({ ...JSON.parse(delivery), sample: "yes" }))).text, "");
  assert.equal((await summaryOf("bm"))?.accepted, 1);
});
