import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { longPath, someSteamId } from "../support/panel-data.ts";

/** A page to look at. `of`: the service that shows it, if not one with data. `act`: what is done on it before. */
type Case = {
  name: string;
  of?: "calm" | "fresh" | "shut";
  signedOut?: true;
  path: string;
  act?: (page: Page) => Promise<unknown>;
};

const eu = "/admin/connections/battlemetrics/eu-1/";
const euSetUp = "/admin/connections/battlemetrics/set-up/eu-1/";
const euSettings = "/admin/connections/battlemetrics/settings/eu-1/";
const squadjs = "/admin/connections/script/squadjs/";
const long = `/admin/connections/battlemetrics/${longPath}/`;
const newConnection = "/admin/connections/new/battlemetrics/";
const player = `/admin/players/${someSteamId(10)}/`;

/** Every page of the panel, in each of its states. */
export const cases: Case[] = [
  { name: "the panel without a password", of: "shut", signedOut: true, path: "/admin/" },
  { name: "the sign-in", signedOut: true, path: "/admin/" },
  {
    name: "the sign-in after a wrong password",
    signedOut: true,
    path: "/admin/",
    act: async (page) => {
      await page.locator("#password").fill("wrong");
      await send(page, "main button");
    },
  },
  { name: "the overview of a new service", of: "fresh", path: "/admin/" },
  { name: "the overview with warnings", path: "/admin/", act: (page) => warnings(page, 1) },
  { name: "the overview with everything open", path: "/admin/", act: openAll },
  { name: "the overview without warnings", of: "calm", path: "/admin/", act: (page) => warnings(page, 0) },
  { name: "the list of connections, empty", of: "fresh", path: "/admin/connections/" },
  { name: "the list of connections", path: "/admin/connections/?done=deleted" },
  { name: "the form for BattleMetrics", path: newConnection },
  { name: "the settings", path: "/admin/settings/?done=key-works" },
  {
    name: "the settings with a problem",
    path: "/admin/settings/",
    act: async (page) => {
      await page.locator("#public-url").fill("https://example.com/below");
      await send(page, `button[value="public-url"]`);
    },
  },
  { name: "the form for a script", path: "/admin/connections/new/script/" },
  {
    name: "the form for BattleMetrics with every problem",
    path: newConnection,
    act: async (page) => {
      await page.locator("#path").fill("a/b");
      await page.locator("#game").fill("Squad");
      await send(page, "main button.main");
    },
  },
  { name: "a connection of BattleMetrics that was just made", path: `${euSetUp}?done=created` },
  {
    name: "a connection with the longest path and a long secret",
    path: `${long.replace("metrics/", "metrics/set-up/")}?secret=shown`,
  },
  {
    name: "a connection of a script with its secrets and examples",
    path: `${squadjs.replace("script/", "script/set-up/")}?secret=shown`,
    act: openAll,
  },
  { name: "a connection", path: `${eu}?range=7d`, act: openAll },
  { name: "the settings of a connection with an older secret", path: "/admin/connections/script/settings/squadjs/" },
  { name: "a connection without a secret", path: `/admin/connections/script/${encodeURIComponent("без-секрета")}/` },
  {
    name: "a connection after a sample was sent",
    path: euSetUp,
    act: (page) => send(page, `button[value="try"]`),
  },
  {
    name: "a connection whose form has problems",
    path: euSettings,
    act: async (page) => {
      await page.locator("#path").fill("..");
      await page.locator("#game").fill("Squad");
      await send(page, `button[value="change"]`);
    },
  },
  {
    name: "the question before a connection is deleted",
    path: `/admin/connections/battlemetrics/${longPath}/?confirm=delete`,
  },
  { name: "the question before a connection is switched off", path: `${eu}?confirm=disable` },
  { name: "the alerts", path: "/admin/alerts/" },
  { name: "the list of players, empty", of: "fresh", path: "/admin/players/" },
  { name: "the list of players", path: "/admin/players/", act: openAll },
  { name: "the list of players by their last days", path: "/admin/players/?sort=days30-desc" },
  { name: "a search for players that finds nobody", path: "/admin/players/?q=76561190000000000&game=1" },
  { name: "a search for players that cannot be understood", path: `/admin/players/?q=${"x".repeat(400)}` },
  { name: "a player", path: player, act: openAll },
  { name: "the top list", path: "/admin/top/" },
  { name: "the activity of a list, to fill in", path: "/admin/activity/" },
  { name: "the activity of a list without an ID", path: "/admin/activity/?ids=nobody" },
  {
    name: "the activity of a list",
    path: `/admin/activity/?ids=${[1, 2, 3, 4, 10, 99].map(someSteamId).join("+")}%0A${"garbage".repeat(40)}`,
  },
  { name: "the top list, empty", of: "fresh", path: "/admin/top/" },
  { name: "the top list of wrong days", path: "/admin/top/?from=2026-02-01&to=2026-01-01" },
  {
    name: "a player with a wrong time",
    path: player,
    act: async (page) => {
      await openAll(page);
      await page.locator("input[name=steam-hours]").fill("much");
      await send(page, `form:has(input[value="correct"]) button`);
    },
  },
  {
    name: "the question before a player's times are changed",
    path: player,
    act: async (page) => {
      await openAll(page);
      await page.locator("input[name=steam-hours]").fill("41");
      await send(page, `form:has(input[value="correct"]) button`);
    },
  },
  { name: "a player of whom nothing is known", path: "/admin/players/76561190000000000/" },
  { name: "the question before a player is deleted", path: `${player}?confirm=delete` },
  { name: "an address that does not exist", path: "/admin/nothing/" },
];

async function warnings(page: Page, count: number): Promise<void> {
  assert.equal(await page.locator(".warnings li").count(), count);
}

function openAll(page: Page): Promise<unknown> {
  return page.evaluate(`document.querySelectorAll("details").forEach((one) => { one.open = true; })`);
}

async function send(page: Page, button: string): Promise<void> {
  await Promise.all([page.waitForEvent("load"), page.locator(button).first().click()]);
}
