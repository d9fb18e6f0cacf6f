import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { commands } from "../src/cli/run.ts";
import { cli } from "./support/cli.ts";
import { environmentOf } from "./support/database.ts";
import { insertConnections } from "./support/service.ts";
import { signedInPanel } from "./support/signed-in.ts";

/* Every change that an operator makes, in the panel or by a command, is one line of the service's log. */

const player = "76561198000000001";
const secret = "planted-secret-of-a-change";

const { db, service, browser } = await signedInPanel({
  fill: async (db) => {
    await insertConnections(db);
    await db.sql`insert into playtimes (steam_id, game_id, bm_seconds) values (${player}, 393380, 3600)`;
  },
});

/** The lines of these changes, once there are so many; a moment later there are no more. */
async function logged(count: number, changes: () => Promise<unknown>) {
  const before = service.lines.length;
  const found = () => service.lines.slice(before).filter(({ message }) => message === "changed");
  await changes();
  for (const untilMs = performance.now() + 30_000; found().length < count; await sleep(50))
    assert.ok(performance.now() < untilMs, `only ${JSON.stringify(found())}`);
  await sleep(100);
  assert.equal(found().length, count, JSON.stringify(found()));
  return found();
}

const bm = "/admin/connections/battlemetrics/bm/";
const act =
  (action: string, form: Record<string, string> = {}, page = bm) =>
  () =>
    browser.post(page, { action, ...form });

const inPanel: [what: RegExp, change: () => Promise<unknown>, subject?: string][] = [
  [/added/, () => browser.post("/admin/connections/new/script/", { path: "new", game: "", secret }), "script/new"],
  [/switched off/, act("disable"), "battlemetrics/bm"],
  [/switched on/, act("enable"), "battlemetrics/bm"],
  [/paused/, act("pause"), "battlemetrics/bm"],
  [/resumed/, act("resume"), "battlemetrics/bm"],
  [/a secret changed/, act("rotate", { secret, keep: "24" }), "battlemetrics/bm"],
  [/old secret dropped/, act("drop-old-secret"), "battlemetrics/bm"],
  [/settings of a connection changed/, act("change", { path: "bm", game: "10", expect: "5" }), "battlemetrics/bm"],
  [/deleted/, act("delete", {}, "/admin/connections/script/new/"), "script/new"],
  [/\[SERVER\] PUBLIC_URL set/, act("public-url", { "public-url": "https://x.example.com" }, "/admin/settings/")],
  [/\[SERVER\] PUBLIC_URL removed/, () => browser.post("/admin/settings/", { remove: "public-url" })],
  [/\[ALERTS\] URL set/, act("alerts", { "alerts-url": `https://x.example.com/${secret}` }, "/admin/settings/")],
];

test("changes in the panel are lines of the log, with the browser's address and without a secret", async () => {
  const lines = await logged(inPanel.length, async () => {
    for (const [, change] of inPanel) await change();
  });
  for (const [index, [what, , subject]] of inPanel.entries()) {
    const line = lines[index];
    assert.match(String(line?.["what"]), what);
    assert.deepEqual([line?.["origin"], line?.["subject"]], ["127.0.0.1", subject]);
  }
  assert.doesNotMatch(service.logText(), new RegExp(secret));
});

const byCommand: Record<string, string> = {
  "connections add": "connections add script by-command --secret -",
  "connections disable": "connections disable script by-command",
  "connections enable": "connections enable script by-command",
  "connections pause": "connections pause battlemetrics bm",
  "connections resume": "connections resume battlemetrics bm",
  "connections expect": "connections expect battlemetrics bm 5",
  "connections set-secret": "connections set-secret script by-command --secret -",
  "connections rotate": "connections rotate script by-command --secret -",
  "connections remove": "connections remove script by-command --yes",
  "players delete": `players delete ${player} --yes`,
  "admin sign-in-link": "admin sign-in-link",
  "admin password": "admin password --password -",
};
/** These change nothing, or write a line only with a file that their own tests have. */
const others =
  /^(?:connections (?:list|show)|players (?:show|export|top|activity)|try|stats|alerts test|backup|restore|import-\w+)$/;

test("changes by a command are lines of the log of the running service", async () => {
  const left = Object.keys(commands).filter((name) => byCommand[name] === undefined && !others.test(name));
  assert.deepEqual(left, [], "are tried nowhere");
  const lines = await logged(Object.keys(byCommand).length, async () => {
    for (const line of Object.values(byCommand)) {
      const { code, err } = await cli(line, { env: environmentOf(db), input: secret });
      assert.equal(code, 0, err);
    }
  });
  assert.deepEqual([...new Set(lines.map((line) => line["origin"]))], ["command line"]);
  assert.deepEqual(
    lines.map((line) => line["what"]),
    [
      "a connection added",
      "a connection switched off",
      "a connection switched on",
      "a connection paused",
      "a connection resumed",
      "the settings of a connection changed",
      "a secret changed",
      "a secret changed",
      "a connection deleted",
      "a player deleted",
      "a link that signs in to the panel made",
      "the password of the panel set",
    ],
  );
  assert.doesNotMatch(service.logText(), new RegExp(secret));
});
