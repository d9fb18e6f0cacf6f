import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { listed, openPlayers, player, squad } from "../support/open-players.ts";

const { db, service, browser } = await openPlayers();

test("the CSV holds the players of the filter; a wrong filter leads back to the list that says so", async () => {
  const { status, headers, html } = await browser.get(`/admin/players.csv?game=${squad}&steam=known&q=7656119800`);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/csv; charset=utf-8");
  assert.match(headers.get("content-disposition") ?? "", /^attachment; filename="players-\d{4}-\d\d-\d\d\.csv"$/);
  assert.equal(
    html,
    [
      "steam_id,game_id,steam_seconds,steam_status,steam_checked_at,bm_seconds,bm_signed_at,created_at,updated_at,org_seconds,org_signed_at,seen_at,steam_hours,bm_hours",
      `${player(1)},${squad},3600,ok,2026-01-02T03:04:05.678Z,5400,2026-01-02T03:04:06.000Z,2026-01-01T00:00:00.000Z,2026-01-02T03:04:06.000Z,,,,1,1.5`,
      "",
    ].join("\n"),
  );
  assert.equal((await browser.get("/admin/players.csv")).html.split("\n").length, 5);
  for (const [sort, ids] of [
    ["id-desc", ["2", "1", "1"]],
    ["id-asc", ["1", "1", "2"]],
    ["updated-desc", undefined],
  ] as const) {
    const list = listed((await browser.get(`/admin/players/?sort=${sort}`)).html);
    const rows = (await browser.get(`/admin/players.csv?sort=${sort}`)).html.trim().split("\n").slice(1);
    const exported = rows.map((row) => row.split(",")).map(([id = "", game]) => `${id.at(-1)}/${game}`);
    assert.deepEqual(exported, list, sort);
    if (ids)
      assert.deepEqual(
        exported.map((one) => one[0]),
        ids,
      );
  }
  const excel = await browser.get("/admin/players.csv?for=spreadsheet");
  assert.equal(excel.headers.get("content-type"), "text/csv; charset=utf-16le");
  const wrong = await browser.get("/admin/players.csv?game=x");
  assert.deepEqual([wrong.status, wrong.headers.get("location")], [303, "/admin/players/?game=x"]);
});

test("many downloads at once: each is whole or told that others have all places, and none is cut off", async () => {
  for (let round = 0; round < 3; round += 1) {
    const head = await fetch(`${service.url}/admin/players.csv`, {
      method: "HEAD",
      headers: { cookie: browser.cookie },
    });
    assert.equal(head.status, 200);
    const all = await Promise.all(Array.from({ length: 12 }, () => browser.get("/admin/players.csv?sort=id-asc")));
    const whole = all.filter(({ status }) => status === 200);
    assert.ok(whole.length > 0);
    assert.equal(new Set(whole.map(({ html }) => html)).size, 1);
    for (const { status, headers } of all)
      if (status !== 200) assert.deepEqual([status, headers.get("location")], [303, "/admin/players/?done=busy"]);
  }
});

test("a client that goes away during an export ends its transaction", async () => {
  await db.sql`insert into playtimes (steam_id, game_id) select 76561198000001000 + n, 1 from generate_series(1, 100000) n`;
  // Postgres itself may look at so many new rows.
  const open = async () =>
    (
      await db.sql`
        select from pg_stat_activity where datname = ${db.name} and xact_start is not null and pid <> pg_backend_pid()
          and backend_type = 'client backend'`
    ).length;
  const request = get(`${service.url}/admin/players.csv`, { headers: { cookie: browser.cookie } });
  const [response] = await once(request, "response");
  await once(response, "data");
  response.pause();
  assert.ok((await open()) > 0);
  request.destroy();
  await eventually("the end of the transaction", async () => (await open()) === 0);
});
