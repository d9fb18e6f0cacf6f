import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { cli } from "../support/cli.ts";
import { environmentOf } from "../support/database.ts";
import { textOf } from "../support/panel.ts";
import { deliverySignature, insertConnections, post, secrets } from "../support/service.ts";
import { signedInPanel } from "../support/signed-in.ts";

/* A webhook whose body is wrong shows in the panel and in stats, with the field that is wrong. */

const { db, service, browser } = await signedInPanel({ fill: insertConnections });
beforeEach(() => db.sql`truncate accepted_requests, refused_requests, hourly_counts`);

async function deliver(body: object): Promise<void> {
  const text = JSON.stringify({ steam_id: "76561198012345678", playtime: "7200", game_id: 393380, ...body });
  await post(`${service.url}/set-playtime/bm/bm/`, text, {
    "x-signature": deliverySignature(secrets.battlemetrics, text),
  });
}

/** What the panel and stats warn of, once the notes of the requests are written. */
async function warned(words: RegExp): Promise<void> {
  // The page of a connection writes what is noted so far.
  await browser.get("/admin/connections/battlemetrics/bm/");
  assert.match(textOf((await browser.get("/admin/")).html).replace(/\s+/g, " "), words);
  const { warnings } = JSON.parse((await cli("stats --json", { env: environmentOf(db) })).out);
  assert.match(warnings.join("\n"), words);
}

test("a template that lacks a field", async () => {
  await deliver({ playtime: undefined });
  await warned(/bm ?: deliveries are refused.* playtime must be in the body: the webhook's template lacks it/);
});

test("hours instead of seconds", async () => {
  await deliver({ playtime: "12.5" });
  await warned(/bm ?: deliveries are refused.* playtime must be a whole number/);
});

test("a variable that stays empty", async () => {
  for (let count = 0; count < 3; count += 1) await deliver({ steam_id: "" });
  await warned(/bm ?: most deliveries are ignored.* steam_id/);
  for (let count = 0; count < 7; count += 1) await deliver({ playtime: "" });
  await warned(/bm ?: most deliveries are ignored.* playtime/);
});

test("some players whom BattleMetrics does not know are nothing to warn of", async () => {
  for (let count = 0; count < 3; count += 1) await deliver({ steam_id: "" });
  for (let count = 0; count < 3; count += 1) await deliver({ playtime: count });
  await browser.get("/admin/connections/battlemetrics/bm/");
  assert.doesNotMatch((await browser.get("/admin/")).html, /most deliveries|are refused/);
});
