import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { textOf } from "../support/panel.ts";
import { deliverySignature, insertConnections, post } from "../support/service.ts";
import { signedInPanel } from "../support/signed-in.ts";

/* How connections stand, in the panel: a state each, what to do about it, and what changes it. */

const { db, service, browser } = await signedInPanel();
beforeEach(async () => {
  await browser.get("/admin/connections/");
  await db.sql`truncate connections, accepted_requests, refused_requests, refused_in_a_row, hourly_counts`;
});

const bm = (path: string, secret: string | null = "a secret of sixteen") =>
  insertConnections(db, [{ kind: "battlemetrics", path, secret, enabled: true, fixedGameId: null }]);
const pageOf = (path: string) => `/admin/connections/battlemetrics/${path}/`;
const settingsOf = (path: string) => `/admin/connections/battlemetrics/settings/${path}/`;
const act = (path: string, action: string, form: Record<string, string> = {}) =>
  browser.postAndFollow(pageOf(path), { action, ...form });
const deliver = (path: string, secret = "a secret of sixteen") => {
  const body = JSON.stringify({ steam_id: "76561198012345678", playtime: "60", game_id: 1 });
  return post(`${service.url}/set-playtime/bm/${path}/`, body, { "x-signature": deliverySignature(secret, body) });
};
const known = (path: string) => act(path, "enable");
const accepted = (path: string, hoursAgo: number) => db.sql`
  insert into accepted_requests (kind, path, at, is_ignored, players, duration_ms)
  values ('battlemetrics', ${path}, now() - ${hoursAgo} * interval '1 hour', false, 1, 1)`;
/** The state that a page of a connection shows on top, and the words below it. */
async function standing(path: string): Promise<string> {
  const { html } = await browser.get(pageOf(path));
  return textOf(/<section class="card standing".*?<\/section>/s.exec(html)?.[0] ?? "").trim();
}

test("the list shows each state in words and by a shape, the worst first", async () => {
  for (const path of ["a-up", "b-off", "c-paused", "d-late", "f-refusing"]) await bm(path);
  await bm("e-bare", null);
  await db.sql`update connections set enabled = false where path = 'b-off'`;
  await db.sql`update connections set is_paused = true where path = 'c-paused'`;
  await accepted("a-up", 1);
  await accepted("d-late", 31);
  await known("f-refusing");
  for (let count = 0; count < 3; count += 1) await deliver("f-refusing", "another secret 0123");
  const { html } = await browser.get("/admin/connections/");
  const rows = [
    ...html.matchAll(/<td data-label="Connection".*?<a [^>]*>([^<]*)<.*?<span class="state ([a-z-]+)">([^<]*)</gs),
  ];
  assert.deepEqual(
    rows.map(([, path, shape, words]) => [path, shape, words]),
    [
      ["f-refusing", "refusing", "refusing: The signature does not match: the sender uses a different secret"],
      ["e-bare", "no-secret", "no secret"],
      ["d-late", "late", "late"],
      ["c-paused", "paused", "paused"],
      ["b-off", "off", "off"],
      ["a-up", "up", "up"],
    ],
  );
});

test("a connection's page says on top how it stands and what to do, and follows what arrives", async () => {
  await bm("bm");
  assert.match(
    await standing("bm"),
    /^waiting for its first delivery Paste the values from the page Set-up into BattleMetrics/,
  );
  await db.sql`update connections set created_at = now() - interval '2 hours'`;
  assert.match(await standing("bm"), /^waiting for its first delivery Nothing came for an hour.*firewall/);
  // A sample is no first delivery.
  await known("bm");
  await browser.post(pageOf("bm"), { action: "try" });
  assert.match(await standing("bm"), /^waiting/);
  assert.equal((await deliver("bm")).status, 200);
  assert.match(await standing("bm"), /^up Last accepted: \d+ s ago/);
  for (let count = 0; count < 3; count += 1) await deliver("bm", "another secret 0123");
  assert.match(await standing("bm"), /^refusing: .* Set the same secret here and at the sender/);
  await deliver("bm");
  assert.match(await standing("bm"), /^up/);
  await db.sql`update accepted_requests set at = at - interval '25 hours'`;
  assert.match(await standing("bm"), /^late BattleMetrics switches a webhook off after errors/);
  await db.sql`update connections set secret = null`;
  assert.match(await standing("bm"), /^no secret All its requests are refused/);
});

test("a connection is paused and resumed on its page; a script is not", async () => {
  await bm("bm");
  const paused = await act("bm", "pause");
  assert.match(textOf(paused.html), /Paused\. BattleMetrics gets the answer 200, but nothing is stored/);
  assert.deepEqual((await deliver("bm")).json, { ignored: "paused" });
  assert.match(await standing("bm"), /^paused BattleMetrics gets the answer 200/);
  assert.match(textOf((await act("bm", "resume")).html), /Resumed/);
  assert.equal((await deliver("bm")).text, "");
  await insertConnections(db, [
    { kind: "script", path: "plugin", secret: "a secret of sixteen", enabled: true, fixedGameId: null },
  ]);
  const script = "/admin/connections/script/plugin/";
  for (const action of ["pause", "resume"]) assert.equal((await browser.post(script, { action })).status, 400);
  assert.doesNotMatch((await browser.get(script)).html, /value="pause"|name="expect"/);
});

test("switching off asks first, names what BattleMetrics does, and offers to pause instead", async () => {
  await bm("bm");
  const { html } = await browser.get(`${pageOf("bm")}?confirm=disable`);
  assert.match(textOf(html), /BattleMetrics switches a webhook off after errors.*pause the connection instead/);
  assert.match(html, /value="disable".*value="pause"/s);
  assert.equal((await db.sql`select from connections where enabled and not is_paused`).length, 1);
  assert.match(textOf((await act("bm", "disable")).html), /Switched off/);
  assert.match(await standing("bm"), /^off All its requests are refused with 403/);
});

test("the hours after which it is late stand in the form: a number, or nothing for never", async () => {
  await bm("bm");
  await accepted("bm", 5);
  const change = (expect: string) => browser.post(pageOf("bm"), { action: "change", path: "bm", game: "", expect });
  const hours = async () => (await db.sql`select expect_hours from connections`)[0]?.["expect_hours"];
  assert.equal((await change("4")).status, 303);
  assert.equal(await hours(), 4);
  assert.match((await browser.get(settingsOf("bm"))).html, /name="expect" value="4"/);
  assert.match(await standing("bm"), /^late/);
  for (const wrong of ["0", "8761", "soon", "1.5"]) {
    const answer = await change(wrong);
    assert.deepEqual([answer.status, /whole number of hours from 1 to 8760/.test(answer.html)], [400, true], wrong);
  }
  assert.equal(await hours(), 4);
  assert.equal((await change("")).status, 303);
  assert.equal(await hours(), null);
  assert.match(await standing("bm"), /^up/);
});

test("refusals with the same reason are one row with their number and a cure, the newest reason on top", async () => {
  await bm("bm");
  await db.sql`
    insert into refused_requests (kind, path, minute, code, count, at, reason, duration_ms)
    select 'battlemetrics', 'bm', minute, 'bad-signature', 17, minute, 'reason ' || back, 1
    from (select back, date_trunc('minute', now()) - back * interval '1 minute' as minute from generate_series(1, 3) as back) as one`;
  await db.sql`
    insert into refused_requests (kind, path, minute, code, count, at, reason, duration_ms)
    values ('battlemetrics', 'bm', date_trunc('minute', now()), 'malformed', 1, now(), 'playtime must be a number', 1)`;
  const { html } = await browser.get(pageOf("bm"));
  const table = textOf(/<table class="stack refusals">.*?<\/table>/s.exec(html)?.[0] ?? "");
  assert.match(
    table,
    /The body is wrong malformed Compare .* 1 Details .*playtime must be a number.*The signature does not match.* bad-signature Set the same secret here and at the sender\. 51 Details .*17 × reason 1.*17 × reason 3/,
  );
});

test("states are told in Russian too", async () => {
  await bm("bm");
  const russian = await browser.get(pageOf("bm"), { "accept-language": "ru" });
  assert.match(
    textOf(russian.html),
    /ждёт первой доставки Вставьте значения со страницы «Подключение» в BattleMetrics/,
  );
});
