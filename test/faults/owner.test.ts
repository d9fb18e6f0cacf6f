import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, createBrowser, panelPassword } from "../support/panel.ts";
import { type PostgresServer, startPostgres } from "../support/postgres.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";

/*
 * The owner signs in while ten strangers guess the panel's password without a pause: from a browser that was signed in before
 * within seconds, from a new one within a bounded time.
 */

const knownMs = 15_000;
const newMs = 120_000;

let postgres: PostgresServer;

before(async () => {
  postgres = await startPostgres();
});
after(() => postgres?.remove());

async function start(t: TestContext, env: Record<string, string>): Promise<ServiceProcess> {
  const service = await startProcess({
    env: { DATABASE_URL: postgres.url, PLAYTIME_ADMIN_PASSWORD: panelPassword, ...env },
  });
  t.after(() => service.end("SIGKILL"));
  return service;
}

/** Ends with the test; tells how many guesses were answered how. */
function siege(t: TestContext, service: ServiceProcess, addressOf: (stranger: number, guess: number) => string) {
  const answers = new Map<number, number>();
  let isOver = false;
  const strangers = Array.from({ length: 10 }, async (_, stranger) => {
    for (let guess = 0; !isOver; guess += 1) {
      const browser = createBrowser(service, { "x-forwarded-for": addressOf(stranger, guess) });
      const { status } = await browser
        .post("/admin/sign-in/", { password: "a wrong guess" })
        .catch(() => ({ status: 0 }));
      answers.set(status, (answers.get(status) ?? 0) + 1);
      // They share two cores with the service.
      await sleep(20);
    }
  });
  t.after(async () => {
    isOver = true;
    await Promise.all(strangers);
  });
  return answers;
}

/** Gives the right password, and again after each wait; how long that took. */
async function signIn(browser: Browser, mostMs: number): Promise<number> {
  const begunMs = performance.now();
  for (;;) {
    const answer = await browser.post("/admin/sign-in/", { password: panelPassword });
    const ms = performance.now() - begunMs;
    if (answer.status === 303) return ms;
    assert.equal(answer.status, 429, answer.html);
    assert.ok(ms < mostMs, `not signed in after ${Math.round(ms)} ms`);
    await sleep(1_000 * Number(answer.headers.get("retry-after")));
  }
}

describe("the owner signs in", () => {
  for (const [name, trust, addressOf] of [
    ["with ever new addresses of one /48", "true", (s, g) => `2001:db8:1:${((g * 10 + s) % 60_000).toString(16)}::1`],
    [
      "with ever new addresses of a /48 each, with ports",
      "true",
      (s, g) => `[2001:db8:${s + 1}:${(g % 60_000).toString(16)}::1]:50001`,
    ],
    ["at the same address, behind a proxy that is not trusted", "false", () => "203.0.113.7"],
  ] as const satisfies [string, string, (stranger: number, guess: number) => string][])
    test(`while ten strangers guess ${name}`, { timeout: 200_000 }, async (t) => {
      const service = await start(t, { PLAYTIME_SERVER_TRUST_PROXY: trust });
      const mine = { "x-forwarded-for": "198.51.100.7" };
      const known = createBrowser(service, mine);
      await known.signIn();
      await known.post("/admin/sign-out/", {});
      const answers = siege(t, service, addressOf);
      await sleep(5_000);
      const [knownTook, newTook] = [await signIn(known, knownMs), await signIn(createBrowser(service, mine), newMs)];
      t.diagnostic(
        `known browser: ${Math.round(knownTook)} ms, new browser: ${Math.round(newTook)} ms; strangers: ${JSON.stringify([...answers])}`,
      );
      assert.ok(knownTook < knownMs && newTook < newMs);
      assert.deepEqual(
        [...answers.keys()].filter((status) => ![403, 429].includes(status)),
        [],
      );
    });
});
