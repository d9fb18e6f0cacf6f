import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { reasonRu } from "../src/admin/texts/reasons-ru.ts";
import { Refusal, refusalCodes } from "../src/http/refusal.ts";
import { cli } from "./support/cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "./support/database.ts";
import { eventually } from "./support/eventually.ts";
import {
  deliverySignature,
  hmac,
  insertConnections,
  secrets,
  startTestService,
  type TestService,
} from "./support/service.ts";

/* The mistakes that authors of senders make, and the words that name each and the next step. */

const token = "0123456789abcdef0123456789abcdef";
const query = JSON.stringify({ steam_ids: ["76561198012345678"], game_id: 393380 });
const delivery = JSON.stringify({ steam_id: "76561198012345678", playtime: "7200", game_id: 393380 });
const right = hmac(secrets.script, query);
const digest = (algorithm: string, encoding: "hex" | "base64" = "hex") =>
  createHash(algorithm).update(query).digest(encoding);

let db: TestDatabase;
let service: TestService;
before(async () => {
  db = await createTestDatabase();
  await insertConnections(db);
  service = await startTestService(db, { config: { METRICS: { TOKEN: token } } });
});
after(async () => {
  await service.stop();
  await db.drop();
});
beforeEach(() => {
  service.lines.length = 0;
});

/** What the tests below were told, for the last of them. */
const told = new Set<string>();

type Sent = { path?: string; body?: string | Buffer; headers?: Record<string, string>; method?: string };

/** Sends one request, to the script's address if none is named, and gives what is answered. */
async function send({ path = "/get-playtime/plugin/", body = query, headers = {}, method = "POST" }: Sent) {
  const response = await fetch(service.url + path, {
    method,
    headers,
    ...(method === "GET" ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }),
  });
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  // As it is kept: without the excerpt of the body.
  if (response.status === 400 || response.status === 401) told.add(detail.replace(/, (?:at|behind) “[^”]*”/, ""));
  return { status: response.status, code, detail };
}

describe("the header of a script", () => {
  const headers: [name: string, headers: Record<string, string>, words: RegExp][] = [
    ["none", {}, /^The X-Signature header is missing\. Send X-Signature: <64 hex digits>, the HMAC-SHA256 of the body/],
    [
      "GitHub's",
      { "x-hub-signature-256": `sha256=${right}` },
      /missing\. X-Hub-Signature-256 is a header of another service/,
    ],
    ["Stripe's", { "stripe-signature": "t=1,v1=x" }, /missing\. Stripe-Signature is a header of another service/],
    ["Bearer", { authorization: `Bearer ${secrets.script}` }, /missing\. The Authorization header is not read here/],
    ["an API key", { "x-api-key": secrets.script }, /missing\. X-Api-Key is not read here: the secret signs/],
  ];
  const values: [name: string, value: string, words: RegExp][] = [
    ["empty", "", /is empty\./],
    ["Bearer in the right header", `Bearer ${right}`, /begins with Bearer\. No token/],
    ["SHA-1", digest("sha1"), /has 40 hex digits: that is a SHA-1\. Use SHA-256\./],
    ["sha1=", `sha1=${digest("sha1")}`, /is a SHA-1 \(sha1=\)\. Use SHA-256\./],
    ["MD5", digest("md5"), /has 32 hex digits: that is an MD5/],
    ["SHA-512", digest("sha512"), /has 128 hex digits: that is a SHA-512/],
    ["SHA-384", digest("sha384"), /has 96 hex digits: that is a SHA-384/],
    [
      "base64",
      Buffer.from(right, "hex").toString("base64"),
      /looks like base64\. Write the same bytes as 64 hex digits/,
    ],
    ["base64 for addresses", Buffer.from(right, "hex").toString("base64url"), /looks like base64\. Write/],
    ["base64 of SHA-1", digest("sha1", "base64"), /looks like base64, and not of a SHA-256/],
    ["base64 of SHA-512", digest("sha512", "base64"), /looks like base64, and not of a SHA-256/],
    ["0x", `0x${right}`, /begins with 0x\. Leave it out/],
    ["quotes", `"${right}"`, /has quotation marks around it\. Leave them out/],
    ["openssl's line", `SHA2-256(stdin)= ${right}`, /is a whole line of openssl .*sed 's\/\^\.\* \/\/'/],
    ["openssl's older line", `(stdin)= ${right}`, /is a whole line of openssl/],
    ["sha256sum's line", `${right}  -`, /is a whole line of openssl or sha256sum/],
    ["a digit is missing", right.slice(1), /has hex digits, but not 64 of them/],
    ["bytes apart", right.replace(/..(?=.)/g, "$&:"), /has marks between its bytes/],
    ["twice", `${right}, ${right}`, /came more than once/],
    ["a variable that is empty", "undefined", /holds a placeholder/],
    ["a template", "{{signature}}", /holds a placeholder/],
    ["something else", "zz zz", /has 5 characters that are not 64 hex digits/],
    [
      "BattleMetrics'",
      deliverySignature(secrets.script, query),
      /form of BattleMetrics.*go to \/set-playtime\/bm\/<path>\//,
    ],
  ];
  for (const [name, headersSent, words] of [
    ...headers,
    ...values.map(([name, value, words]) => [name, { "x-signature": value }, words] as const),
  ])
    test(name, async () => {
      const { status, code, detail } = await send({ headers: headersSent });
      assert.deepEqual([status, code], [401, "no-signature"]);
      assert.match(detail, words);
      assert.equal(service.lines.find(({ message }) => message === "refused")?.["detail"] ?? detail, detail);
      // Nothing of a header that may hold the secret by mistake, or of what would be right.
      for (const secret of [secrets.script, right.slice(0, 8), right.slice(-8)]) assert.ok(!detail.includes(secret));
    });
});

test("the header of BattleMetrics: a script's, and one that lacks a part", async () => {
  const cases: [header: Record<string, string>, words: RegExp][] = [
    [{}, /missing\. BattleMetrics sends X-Signature: t=<time>,s=<64 hex digits>/],
    [{ "x-signature": right }, /form of a script, only hex digits.*go to \/get-playtime\/<path>\//],
    [{ "x-signature": `sha256=${right}` }, /form of a script/],
    [{ "x-signature": `s=${right}` }, /has no part t=/],
    [{ "x-signature": "t=2026-01-02T03:04:05Z" }, /has no part s=/],
    [{ "x-signature": `t=1,t=2,s=${right}` }, /more than one part t=/],
    [{ "x-signature": digest("sha1") }, /40 hex digits: that is a SHA-1/],
  ];
  for (const [headers, words] of cases) {
    const { code, detail } = await send({ path: "/set-playtime/bm/bm/", body: delivery, headers });
    assert.equal(code, "no-signature");
    assert.match(detail, words);
  }
  const base64 = `t=${new Date().toISOString()},s=${Buffer.from(right, "hex").toString("base64")}`;
  const { code, detail } = await send({
    path: "/set-playtime/bm/bm/",
    body: delivery,
    headers: { "x-signature": base64 },
  });
  assert.equal(code, "bad-signature");
  assert.match(detail, /The part s= looks like base64/);
});

test("a signature over other bytes: how many came, how their SHA-256 begins, and whether a line break ends them", async () => {
  const begins = (body: string | Buffer) => createHash("sha256").update(body).digest("hex").slice(0, 8);
  const signed = (body: string | Buffer, over: string) =>
    send({ body, headers: { "x-signature": hmac(secrets.script, over) } });
  const spaced = query.replaceAll(",", ", ");
  const other = await signed(spaced, query);
  assert.equal(other.code, "bad-signature");
  assert.ok(
    other.detail.startsWith("The signature does not match the body and the secret. Compare the secret on both sides."),
  );
  assert.match(
    other.detail,
    new RegExp(`${spaced.length} bytes came; their SHA-256 begins with ${begins(spaced)}\\.$`),
  );
  const broken = await signed(`${query}\n`, query);
  assert.match(broken.detail, /The last one is a line break\.$/);
  assert.match((await signed("", query)).detail, /No body came\./);
  const compressed = gzipSync(query);
  assert.match((await signed(compressed, query)).detail, /compressed \(gzip\): send them uncompressed/);
  const deflated = await send({
    body: deflateSync(query),
    headers: { "x-signature": hmac(secrets.script, query), "content-encoding": "deflate" },
  });
  assert.match(deflated.detail, /compressed \(deflate\)/);
  // Which secret would be right is nobody's business: an answer tells only of what was sent.
  const withOther = await send({ headers: { "x-signature": hmac(secrets.battlemetrics, query) } });
  const withNone = await send({ headers: { "x-signature": "0".repeat(64) } });
  assert.equal(withOther.detail, withNone.detail);
});

test("a body that is not JSON: line, column and a few characters", async () => {
  const cases: [body: string | Buffer, words: RegExp][] = [
    ["steam_ids=76561198012345678", /JSON, but line 1, column 1 is wrong, at “steam_”\.$/],
    ['{"steam_ids": [],\n  "game_id": 393380,\n}', /line 3, column 1 is wrong, at “}”/],
    ["{'steam_ids': []}", /line 1, column 2 is wrong, at “'steam”/],
    ['{"steam_ids": ["765', /it ends early, behind “ \["765”/],
    ["", /JSON, but it is empty/],
    [gzipSync(query), /not compressed; these bytes are gzip/],
    [Buffer.from(`\ufeff${query}`, "utf16le"), /JSON in UTF-8; these bytes are UTF-16/],
  ];
  for (const [body, words] of cases) {
    const { code, detail } = await send({ body, headers: { "x-signature": hmac(secrets.script, body) } });
    assert.equal(code, "malformed");
    assert.match(detail, /^the body must be JSON/);
    assert.match(detail, words);
    assert.ok(detail.length < 120, detail);
    // The log keeps the place, and nothing of the body.
    assert.doesNotMatch(service.logText(), /steam_ids|[“”]/);
  }
  const brotli = brotliCompressSync(query);
  const headers = { "x-signature": hmac(secrets.script, brotli), "content-encoding": "br" };
  assert.match((await send({ body: brotli, headers })).detail, /not compressed; these bytes are br/);
});

const signed = { "x-signature": right };
const near: [path: string, words: RegExp, more?: Sent][] = [
  [
    "/set-playtime/my-server/",
    /part \/bm\/ is missing\. The address is \/set-playtime\/bm\/<path>\/, for BattleMetrics/,
  ],
  ["/set-playtime/bm/", /path of the connection is missing/],
  ["/get-playtime/", /path of the connection is missing\. The address is \/get-playtime\/<path>\/, for scripts/],
  ["/get-playtime", /path of the connection is missing/],
  ["//get-playtime/plugin/", /double slash/],
  ["/get-playtime//plugin/", /double slash/],
  ["/get-playtime/bm/plugin/", /\/bm\/ belongs to addresses of BattleMetrics only/],
  ["/playtime/get-playtime/plugin/", /Something stands before \/get-playtime\/: a proxy/],
  ["/Get-Playtime/plugin/", /Write \/get-playtime\/ in lower case, with a hyphen/],
  ["/get_playtime/plugin/", /in lower case, with a hyphen/],
  ["/set-playtime/BM/bm/", /written in lower case/],
  ["/get-playtime/a/b/", /one part, without a slash/],
  ["/", /The address ends after the host\. The address is \/get-playtime\/<path>\//, { headers: signed }],
  ["/", /The address is \/set-playtime\/bm\/<path>\//, { headers: { "x-signature": "t=1,s=2" } }],
  ["/api/plugin/", /no connection at this address/, { headers: signed }],
];

test("an address that nearly is one of ours is told what is wrong with it", async () => {
  for (const [path, words, more] of near) {
    const { status, code, detail } = await send({ path, ...more });
    assert.deepEqual([status, code], [404, "unknown-path"], path);
    assert.match(detail, words, path);
  }
  for (const path of ["/", "/wp-login.php", "/playtime", "/healthz/x"])
    assert.equal((await send({ path })).code, "not-found", path);
});

test("GET on an address for POST says so", async () => {
  const { status, detail } = await send({ method: "GET" });
  assert.equal(status, 405);
  assert.match(detail, /takes POST only.*a browser sends GET, and a redirect.*turns a POST into a GET/);
});

test("requests to nearly our addresses, and by another method are in the log, in the metrics and in stats, and are few there", async () => {
  const before = await metrics();
  for (let count = 0; count < 20; count += 1) await send({ path: `/set-playtime/my-server-${count}/`, body: delivery });
  const lines = service.lines.filter(({ message, level }) => message === "refused" && level === "warn");
  assert.ok(lines.length <= 1, JSON.stringify(lines));
  assert.equal((await metrics()) - before, 20);
  const env = environmentOf(db);
  type Stray = { kind: string; asked: string };
  const shown = async (asked: string) => {
    const seen = async () => JSON.parse((await cli("stats --json", { env })).out).strangers as Stray[];
    const isSeen = async () => (await seen()).some((one) => one.asked === asked);
    await eventually(`${asked} in stats`, isSeen, { everyMs: 250 });
  };
  await shown("/set-playtime/my-server-19/");
  assert.match(
    (await cli("stats", { env })).out,
    /\d+ battlemetrics requests in 24 hours had a wrong address, or did not use POST\. The last one: .*, \/set-playtime\/my-server-19\//,
  );
  // As a redirect makes it of a POST.
  await send({ method: "GET", path: "/set-playtime/bm/bm/" });
  await shown("GET /set-playtime/bm/bm/");

  async function metrics() {
    const response = await fetch(`${service.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
    const [, count] =
      /playtime_deliveries_total\{connection="unknown",outcome="refused",code="unknown-path"\} (\d+)/.exec(
        await response.text(),
      ) ?? [];
    return Number(count);
  }
});

test("in Russian no reason that was kept stays English", async () => {
  // Names, headers and figures are the same in every language.
  const same =
    /X-[\w-]+|\w+-Signature|Authorization|ISO 8601|Bearer|BattleMetrics|Steam ?ID\w*|HMAC-SHA256|SHA-?\d+|MD5|openssl|sha256sum|base64|JSON|UTF-\d+|gzip|deflate|br\b|`[^`]*`|<[^>]*>|\/[\w/-]*\/|\b[ts]=|\bs1\b|steam_ids?|game_id|playtime|org_playtime|is_need_update|days|NUL|true|false|[0-9a-f]{8}\b|\d{4}-\d\d-\d\dT[\d:.]+Z|0x|sha\d+=/g;
  // Of a request to no connection its address is kept, and none of the metrics.
  const notKept = ["not-found", "unknown-path", "method-not-allowed", "bad-token"];
  for (const code of refusalCodes) if (!notKept.includes(code)) told.add(new Refusal(code).message);
  const left = [...told].map(reasonRu).filter((text) => /[a-z]{2,}/i.test(text.replace(same, "")));
  assert.deepEqual(left, []);
  assert.ok(told.size > 40, `${told.size} reasons`);
});
