import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signInsIn } from "../../src/admin/sessions.ts";
import { hashedDearly } from "../support/cheap-hashes.ts";
import { openPanel } from "../support/open-panel.ts";
import { createBrowser, panelPassword, textOf } from "../support/panel.ts";

const { db, service, beside } = await openPanel();

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
        assert.match(textOf(answer.html), new RegExp(`Wait ${seconds} second.*in this same browser`));
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
        for (; !isOver; await sleep(10))
          await createBrowser(other).post("/admin/sign-in/", { password: "a wrong guess" });
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
    await hashedDearly(() => signInsIn(db.database).setPassword(panelPassword));
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
