import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { deviceCookie, deviceIn, newDevice } from "../../src/admin/device.ts";
import { createGuesses, type Guesser, type Outcome } from "../../src/admin/guesses.ts";
import { createTickets } from "../../src/admin/tickets.ts";

/** The table, in memory. */
function memory() {
  const counts = new Map<string, number>();
  return {
    counts,
    count: async (who: string) => counts.get(who) ?? 0,
    add: async (who: string) => {
      counts.set(who, (counts.get(who) ?? 0) + 1);
      return counts.get(who) ?? 0;
    },
    forget: async (who: string) => {
      counts.delete(who);
    },
  };
}

function stage() {
  let nowMs = 1_000;
  const wrongGuesses = memory();
  const guesses = createGuesses({ wrongGuesses, nowMs: () => nowMs });
  let running = 0;
  let most = 0;
  let checks = 0;
  const check = (who: Partial<Guesser>, isRight = false, checkMs = 0) =>
    guesses.check({ address: "192.0.2.1", device: undefined, hasWaited: false, ...who }, async () => {
      running += 1;
      checks += 1;
      most = Math.max(most, running);
      await sleep(checkMs);
      running -= 1;
      return isRight;
    });
  return {
    check,
    wrongGuesses,
    pass: (ms: number) => {
      nowMs += ms;
    },
    most: () => most,
    checks: () => checks,
  };
}

const isWait = (outcome: Outcome): outcome is { waitSeconds: number } => typeof outcome === "object";

describe("a guess", () => {
  test("is free five times, then the address waits, longer each time, 30 seconds at most", async () => {
    const { check, pass } = stage();
    for (let count = 0; count < 5; count += 1) assert.equal(await check({}), "wrong");
    const waits: number[] = [];
    for (let count = 0; count < 8; count += 1) {
      const outcome = await check({}, true);
      assert.ok(isWait(outcome));
      waits.push(outcome.waitSeconds);
      pass(outcome.waitSeconds * 1_000);
      assert.equal(await check({}), "wrong");
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    pass(30_000);
    assert.equal(await check({}, true), "right");
    assert.equal(await check({}), "wrong");
    assert.equal(await check({}), "wrong");
  });

  test("counts for the whole /64 of an IPv6 address, and for one IPv4 address", async () => {
    const { check } = stage();
    for (let count = 0; count < 5; count += 1) {
      await check({ address: `2001:db8:1:2::${count}` });
      await check({ address: "203.0.113.5" });
    }
    assert.ok(isWait(await check({ address: "2001:db8:1:2::99" }, true)));
    assert.equal(await check({ address: "2001:db8:1:3::1" }, true), "right");
    assert.ok(isWait(await check({ address: "203.0.113.5" }, true)));
    assert.equal(await check({ address: "203.0.113.6" }, true), "right");
  });

  test("of a known browser has its own count, whatever others at its address do", async () => {
    const { check } = stage();
    for (let count = 0; count < 5; count += 1) await check({});
    assert.equal(await check({ device: "mine" }, true), "right");
    for (let count = 0; count < 5; count += 1) assert.equal(await check({ device: "mine" }), "wrong");
    assert.ok(isWait(await check({ device: "mine" }, true)));
    assert.equal(await check({ device: "of my colleague" }, true), "right");
  });

  test("of strangers is looked at twenty times at once, then once a second, from however many addresses they come", async () => {
    const { check, pass } = stage();
    for (let count = 0; count < 20; count += 1) assert.equal(await check({ address: `10.0.${count}.1` }), "wrong");
    const next = check({ address: "10.0.20.1" });
    assert.equal(await Promise.race([next, sleep(50, "waits")]), "waits");
    assert.equal(await check({ device: "mine" }, true), "right");
    assert.equal(await Promise.race([next, sleep(50, "waits")]), "waits");
    pass(1_000);
    await check({ device: "mine" }, true);
    assert.equal(await next, "wrong");
  });

  test("is checked one at a time, a known browser's next, and where there is no room it costs nothing", async () => {
    const { check, most, checks } = stage();
    const order: string[] = [];
    const said = async (name: string, outcome: Promise<Outcome>) => {
      const found = await outcome;
      if (!isWait(found)) order.push(name);
      return found;
    };
    const flood = Array.from({ length: 60 }, (_, index) =>
      said("stranger", check({ address: `203.0.113.${index}` }, false, 5)),
    );
    const mine = said("owner", check({ device: "mine" }, true, 5));
    assert.equal(await mine, "right");
    const outcomes = await Promise.all(flood);
    assert.equal(most(), 1);
    assert.ok(checks() <= 5, `${checks()} checks`);
    assert.equal(order.indexOf("owner"), 1);
    assert.ok(outcomes.filter(isWait).length >= 56);
  });

  /** Strangers who guess without a pause, until the test is over; a second takes 50 ms. */
  function siege(t: TestContext, addressOf: (stranger: number, guess: number) => string) {
    const quick = 20;
    const wrongGuesses = memory();
    const nowMs = () => performance.now() * quick;
    const guesses = createGuesses({ wrongGuesses, nowMs });
    const tickets = createTickets(nowMs);
    let isOver = false;
    t.after(() => {
      isOver = true;
    });
    const check = async (guesser: Guesser, isRight: boolean) =>
      guesses.check(guesser, async () => {
        await sleep(1);
        return isRight;
      });
    for (let stranger = 1; stranger <= 10; stranger += 1)
      void (async () => {
        for (let guess = 0; !isOver; guess += 1) {
          await check({ address: addressOf(stranger, guess), device: undefined, hasWaited: false }, false);
          await sleep(0);
        }
      })();
    /** The right password, given again after each wait; resolves with the seconds that it took. */
    const signIn = async (address: string, device?: string): Promise<number> => {
      const begunMs = nowMs();
      let ticket: string | undefined;
      for (;;) {
        const outcome = await check({ address, device, hasWaited: tickets.use(ticket) }, true);
        if (outcome === "right") return (nowMs() - begunMs) / 1_000;
        assert.ok(isWait(outcome));
        if (tickets.waitSeconds(ticket) === undefined) ticket = tickets.give(outcome.waitSeconds);
        await sleep((1_000 / quick) * (tickets.waitSeconds(ticket) ?? 1));
      }
    };
    return { signIn, warmUp: () => sleep(500) };
  }

  for (const [name, addressOf] of [
    ["ever new addresses of one /48", (_, guess) => `2001:db8:1:${(guess * 7 + _) % 60_000}::1`],
    ["ever new addresses of a /48 each", (stranger, guess) => `2001:db8:${stranger}:${guess % 60_000}::1`],
    ["the owner's own address", () => "198.51.100.7"],
    ["the owner's own /24", (stranger, guess) => `198.51.100.${(stranger * 20 + guess) % 200}`],
  ] as const satisfies [string, (stranger: number, guess: number) => string][])
    test(`of the owner is looked at while ten strangers guess without end from ${name}`, async (t) => {
      const { signIn, warmUp } = siege(t, addressOf);
      await warmUp();
      const known = await signIn("198.51.100.7", "the owner's");
      const unknown = await signIn("198.51.100.7");
      t.diagnostic(`known ${known.toFixed(1)} s, new ${unknown.toFixed(1)} s`);
      assert.ok(known < 10, `known browser: ${known} s`);
      assert.ok(unknown < 90, `new browser: ${unknown} s`);
    });

  test("waits no longer when the service stops", async () => {
    const stopping = new AbortController();
    const guesses = createGuesses({ wrongGuesses: memory(), stopping: stopping.signal, nowMs: () => 0 });
    const guesser = { device: undefined, hasWaited: false };
    for (let network = 0; network < 20; network += 1)
      await guesses.check({ ...guesser, address: `192.0.${network}.1` }, async () => false);
    const waiting = [1, 2, 3].map((network) =>
      guesses.check({ ...guesser, address: `198.51.${network}.1` }, async () => true),
    );
    stopping.abort();
    assert.ok((await Promise.all(waiting)).every(isWait));
  });

  test("that another replica counted makes wait here too, and so does one from before a restart", async () => {
    const wrongGuesses = memory();
    const guesser = { address: "192.0.2.1", device: undefined, hasWaited: false };
    const [one, two] = [0, 1].map(() => createGuesses({ wrongGuesses, nowMs: () => 0 }));
    for (let count = 0; count < 6; count += 1) await one?.check(guesser, async () => false);
    const outcome = await two?.check(guesser, async () => true);
    assert.ok(outcome && isWait(outcome));
  });
});

describe("a ticket", () => {
  test("counts from when it was told, once, for ten minutes, and only where it was given", () => {
    let nowMs = 0;
    const tickets = createTickets(() => nowMs);
    const ticket = tickets.give(30);
    assert.equal(tickets.waitSeconds(ticket), 30);
    assert.equal(tickets.use(ticket), false);
    nowMs = 30_000;
    assert.equal(createTickets(() => nowMs).use(ticket), false);
    for (const wrong of [undefined, "", "x", "..", ticket.replace(/\.\d+\./, ".1."), `${ticket}x`])
      assert.equal(tickets.use(wrong), false);
    assert.equal(tickets.use(ticket), true);
    assert.equal(tickets.use(ticket), false);
    assert.equal(tickets.waitSeconds(ticket), undefined);
    const late = tickets.give(1);
    nowMs += 11 * 60_000;
    assert.equal(tickets.use(late), false);
  });
});

describe("a known browser", () => {
  test("is known by what we signed, until the password changes", () => {
    const device = newDevice();
    const cookie = deviceCookie(device, "hash of the password");
    assert.equal(deviceIn(cookie, "hash of the password"), device);
    assert.equal(deviceIn(cookie, "hash of another"), undefined);
    for (const wrong of [undefined, "", device, `${newDevice()}${cookie.slice(22)}`, `${cookie}x`, cookie.slice(0, -1)])
      assert.equal(deviceIn(wrong, "hash of the password"), undefined);
  });
});
