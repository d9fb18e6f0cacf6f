import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ipAddress, networkOf } from "../../src/admin/address.ts";
import { visitors } from "../../src/admin/visitor.ts";
import type { Call } from "../../src/http/call.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createBrowser, panelPassword, setPanelPassword, textOf } from "../support/panel.ts";
import { startTestService, type TestService } from "../support/service.ts";

function call(headers: Record<string, string>, remoteAddress = "127.0.0.1"): Call {
  return {
    method: "POST",
    path: "/admin/",
    search: () => "",
    headers,
    remoteAddress: () => remoteAddress,
    param: undefined,
    body: async () => Buffer.alloc(0),
    facts: {},
  };
}

const direct = visitors({ PUBLIC_URL: "", TRUST_PROXY: false });
const trusting = visitors({ PUBLIC_URL: "", TRUST_PROXY: true });
const published = visitors({ PUBLIC_URL: "https://playtime.example.com", TRUST_PROXY: false });

describe("an address", () => {
  test("is read as proxies write it, with a port, in brackets, and as IPv4 inside IPv6", () => {
    for (const [written, expected] of Object.entries({
      "203.0.113.6": "203.0.113.6",
      "203.0.113.6:50001": "203.0.113.6",
      "::ffff:203.0.113.6": "203.0.113.6",
      "[::FFFF:203.0.113.6]:50001": "203.0.113.6",
      "::ffff:cb00:7106": "203.0.113.6",
      "2001:db8::1": "2001:db8::1",
      "2001:0DB8:0:0::0001": "2001:db8::1",
      "[2001:db8::1]": "2001:db8::1",
      "[2001:db8::1]:50001": "2001:db8::1",
      '"[2001:db8::1]:50001"': "2001:db8::1",
      "fe80::1%eth0": "fe80::1",
    }))
      assert.equal(ipAddress(written), expected, written);
    for (const wrong of [
      "",
      "unknown",
      "_hidden",
      "1.2.3",
      "1.2.3.4.5",
      "2001:db8::1::2",
      "[1.2.3.4]x",
      "x".repeat(9_999),
    ])
      assert.equal(ipAddress(wrong), undefined, wrong);
  });

  test("lies in a network, whatever its form", () => {
    const bits = { v4: 24, v6: 48 } as const;
    assert.equal(networkOf("203.0.113.6", bits), "203.0.113");
    assert.equal(networkOf("203.0.113.6", { v4: 32, v6: 64 }), "203.0.113.6");
    assert.equal(networkOf("2001:db8::1", bits), "2001:db8:0");
    assert.equal(networkOf("2001:db8:1:2:3:4:5:6", { v4: 32, v6: 64 }), "2001:db8:1:2");
    assert.equal(networkOf("::1", bits), "0:0:0");
  });

  test("of a person is what a trusted proxy saw last, and else who is at the other end", () => {
    const headers = { "x-forwarded-for": "10.9.9.9, [2001:db8::1]:50001" };
    assert.equal(trusting.addressOf(call(headers)), "2001:db8::1");
    assert.equal(direct.addressOf(call(headers, "::ffff:192.0.2.7")), "192.0.2.7");
    assert.equal(trusting.addressOf(call({ "x-forwarded-for": "10.9.9.9, unknown" }, "192.0.2.7")), "192.0.2.7");
  });
});

test("the address in texts to copy has no port that goes without saying", () => {
  const headers = { host: "x:443", "x-forwarded-proto": "https" };
  assert.equal(trusting.originOf(call(headers)), "https://x");
  assert.equal(direct.originOf(call({ host: "x:8000" })), "http://x:8000");
  assert.equal(direct.originOf(call({ host: "not a host" })), "http://not a host");
});

describe("a form is ours", () => {
  const own = (visitor: typeof direct, headers: Record<string, string>) => visitor.isOwnForm(call(headers));

  test("when the browser says so itself, whatever proxies did to host and origin", () => {
    assert.ok(own(direct, { "sec-fetch-site": "same-origin", origin: "null", host: "backend:8000" }));
    assert.ok(own(direct, { "sec-fetch-site": "same-origin", host: "x" }));
    for (const site of ["same-site", "cross-site", "none", ""])
      assert.ok(!own(direct, { "sec-fetch-site": site, origin: "https://x", host: "x" }), site);
  });

  test("when its origin is the host that it was sent to, with or without the port that goes without saying", () => {
    for (const [origin, host] of [
      ["http://x:8000", "x:8000"],
      ["http://x", "X"],
      ["https://x", "x:443"],
      ["http://x", "x:80"],
      ["http://[2001:db8::1]:8000", "[2001:db8::1]:8000"],
    ] as const)
      assert.ok(own(direct, { origin, host }), `${origin} ${host}`);
    for (const [origin, host] of [
      ["http://x:8000", "x:8001"],
      ["http://x:8000", "x"],
      ["http://x.evil.example", "x"],
      ["null", "x"],
      ["null", "null"],
      ["file:///", ""],
      ["nonsense", "x"],
    ] as const)
      assert.ok(!own(direct, { origin, host }), `${origin} ${host}`);
    assert.ok(!own(direct, { host: "x" }));
  });

  test("when its origin is PUBLIC_URL, whatever the proxy says of the host", () => {
    assert.ok(own(published, { origin: "https://playtime.example.com", host: "127.0.0.1:8000" }));
    assert.ok(own(published, { origin: "http://localhost:8000", host: "localhost:8000" }));
    const onPort = visitors({ PUBLIC_URL: "http://x:8080/", TRUST_PROXY: false });
    assert.ok(own(onPort, { origin: "http://x:8080", host: "x" }));
    assert.ok(!own(onPort, { origin: "http://x:8081", host: "x" }));
  });

  test("but not from plain HTTP where the panel is known to be behind HTTPS", () => {
    const host = "playtime.example.com";
    assert.ok(!own(published, { origin: `http://${host}`, host }));
    assert.ok(!own(published, { origin: `http://${host}`, host: `${host}:443` }));
    assert.ok(own(published, { origin: `https://${host}`, host }));
    assert.ok(!own(trusting, { origin: `http://${host}`, host, "x-forwarded-proto": "https" }));
    assert.ok(own(trusting, { origin: `https://${host}`, host, "x-forwarded-proto": "https" }));
    // A proxy in front of the proxy ends HTTPS.
    assert.ok(own(trusting, { origin: `https://${host}`, host, "x-forwarded-proto": "http" }));
  });
});

describe("the panel", () => {
  let db: TestDatabase;
  let second: TestDatabase;
  let service: TestService;
  before(async () => {
    [db, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    service = await startTestService(db);
    for (const one of [db, second]) await setPanelPassword(one);
  });
  after(async () => {
    await service.stop();
    await Promise.all([db.drop(), second.drop()]);
  });

  test("says on a page that it refuses what to set, and in the log both values, once a minute", async () => {
    const browser = createBrowser(service);
    for (let count = 0; count < 5; count += 1) {
      const answer = await browser.post("/admin/sign-in/", { password: panelPassword }, { origin: "http://x:8080" });
      assert.equal(answer.status, 403);
      assert.match(textOf(answer.html), /did not come from the address of this panel.*PUBLIC_URL/);
    }
    const said = service.lines.filter(
      ({ message, level }) => level === "warn" && message.startsWith("a form was refused"),
    );
    assert.deepEqual(
      said.map(({ origin, host, publicUrl }) => [origin, host, publicUrl]),
      [["http://x:8080", `127.0.0.1:${service.port}`, "not set"]],
    );
  });

  test("lets in through a proxy that hides the origin, when the browser vouches for it", async () => {
    const headers = { origin: "null", "sec-fetch-site": "same-origin" };
    const answer = await createBrowser(service).post("/admin/sign-in/", { password: panelPassword }, headers);
    assert.equal(answer.status, 303);
  });

  test("keeps its referrer whatever a proxy adds, since browsers take the page's word last", async () => {
    const { html } = await createBrowser(service).get("/admin/sign-in/");
    assert.match(html, /<meta name="referrer" content="same-origin">/);
  });

  test("of two services on one host keeps who is signed in at both, in one browser", async () => {
    const other = await startTestService(second);
    try {
      // One jar: browsers tell hosts apart, not ports.
      const here = createBrowser(service);
      const there = createBrowser(other, {}, here.cookies);
      await here.signIn();
      await there.signIn();
      assert.equal((await here.get("/admin/")).status, 200);
      assert.equal((await there.get("/admin/")).status, 200);
      await there.post("/admin/sign-out/", {});
      assert.equal((await here.get("/admin/")).status, 200);
      assert.equal((await there.get("/admin/")).status, 303);
    } finally {
      await other.stop();
    }
  });

  test("goes back to the page where the language was chosen, by whatever address it is reached", async () => {
    const browser = createBrowser(service);
    for (const [referer, expected] of [
      ["https://elsewhere.example/admin/players/?sort=id-asc", "/admin/players/?sort=id-asc"],
      ["https://evil.example//evil.example/", "/admin/"],
      ["nonsense", "/admin/"],
    ] as const) {
      const { location } = await browser.post("/admin/language/", { language: "ru" }, { referer });
      assert.equal(location, expected);
    }
  });
});
