import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigProblem, readConfig, settings } from "../src/config.ts";
import { addressOf, type Connection } from "../src/connections/connections.ts";
import { connectionPath, normalPath } from "../src/connections/paths.ts";
import type { Call } from "../src/http/call.ts";
import { Refusal } from "../src/http/refusal.ts";
import { router } from "../src/http/router.ts";
import { parseJson } from "../src/json.ts";
import { Malformed } from "../src/parse.ts";
import { query } from "../src/query.ts";
import { anyMatches, parseDeliverySignature, parseScriptSignature, parseTimestamp, sign } from "../src/signature.ts";
import { top } from "../src/top.ts";
import { webhook } from "../src/webhook.ts";

/*
 * What strangers send, made up by the thousand. The seed is fixed, so that a run in CI can be repeated; for a longer one by
 * hand: FUZZ_RUNS=100000 FUZZ_SEED=$RANDOM npm test -- test/fuzz.test.ts
 */

const runs = Number(process.env["FUZZ_RUNS"] ?? 1_000);
const seed = Number(process.env["FUZZ_SEED"] ?? 20_260_102);
const parameters = (share = 1) => ({ seed, numRuns: Math.ceil(runs * share) });

const digits = fc.stringMatching(/^-?[1-9][0-9]{13,20}$/);
const alphabet = fc.constantFrom(
  ...'[]{},:"\\ \n\t0123456789.eE+-truefalsn/u',
  "76561198012345679",
  '"a":',
  "\u2028",
  "é",
);
/** JSON, with long numbers strewn in and a few characters exchanged, and rubbish of the same letters. */
const jsonish = fc.oneof(
  fc.json({ maxDepth: 5 }),
  fc
    .tuple(fc.json(), fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.oneof(alphabet, digits)), { maxLength: 4 }))
    .map(([text, edits]) =>
      edits.reduce((some, [at, cut, put]) => {
        const place = at % (some.length + 1);
        return some.slice(0, place) + put + some.slice(place + cut);
      }, text),
    ),
  fc.array(alphabet, { maxLength: 40 }).map((parts) => parts.join("")),
);

test("the lossless JSON reader takes what JSON.parse takes, and differs only in long whole numbers", () => {
  fc.assert(
    fc.property(jsonish, (text) => {
      const theirs = attempt(() => JSON.parse(text) as unknown);
      const ours = attempt(() => parseJson(Buffer.from(text)), Malformed);
      assert.equal("value" in ours, "value" in theirs, text);
      if ("value" in ours && "value" in theirs) assertSame(ours.value, theirs.value);
    }),
    parameters(10),
  );
});

test("long whole numbers keep every digit, wherever they stand", () => {
  const values = fc.letrec((again) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      digits.filter((text) => text.replace("-", "").length >= 16).map((text) => ({ text, value: text as unknown })),
      fc
        .oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer())
        .map((value) => ({ text: JSON.stringify(value), value: value as unknown })),
      fc.array(again("value") as fc.Arbitrary<{ text: string; value: unknown }>, { maxLength: 4 }).map((items) => ({
        text: `[${items.map(({ text }) => text).join(" ,\n")}]`,
        value: items.map(({ value }) => value),
      })),
    ),
  })).value;
  fc.assert(
    fc.property(values, ({ text, value }) => assert.deepEqual(parseJson(Buffer.from(text)), value)),
    parameters(),
  );
});

test("any bytes as a body are Malformed or a value", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (bytes) => void attempt(() => parseJson(Buffer.from(bytes)), Malformed),
    ),
    parameters(),
  );
});

test("signature headers never throw, and a header that was made is read back", () => {
  const headers = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .array(fc.constantFrom("t=", "s=", ",", " ", "=", "2026-01-02T03:04:05Z", "a".repeat(64), "t", "s", "\t"))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(headers, fc.string(), (header, body) => {
      const found = parseDeliverySignature(header);
      const script = parseScriptSignature(header);
      const right = sign("secret", body);
      if (found) {
        parseTimestamp(found.timestamp);
        assert.equal(anyMatches(found.signatures, right), false);
      }
      if (script) assert.equal(anyMatches([script], right), false);
    }),
    parameters(),
  );
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
      fc.string({ minLength: 1 }),
      fc.string(),
      (date, secret, body) => {
        const time = date.toISOString();
        const right = sign(secret, time, ".", body);
        const found = parseDeliverySignature(` s=${right.toString("hex").toUpperCase()} , v=1, t=${time}`);
        assert.equal(found && anyMatches(found.signatures, right), true);
        assert.equal(parseTimestamp(found?.timestamp ?? ""), date.getTime());
      },
    ),
    parameters(),
  );
});

test("paths of any kind find a handler or are refused, and a connection's own address leads to it", () => {
  const route = router({
    "POST /get-playtime/:path/": () => ({ status: 200 }),
    "GET /healthz": () => ({ status: 200 }),
  });
  const call = (path: string): Call => ({
    method: "POST",
    path,
    headers: {},
    search: () => "",
    remoteAddress: () => "",
    param: undefined,
    body: async () => Buffer.alloc(0),
    facts: {},
  });
  const pieces = fc.array(
    fc.constantFrom(
      "/",
      "get-playtime",
      "/get-playtime/",
      "%",
      "%41",
      "%ff",
      "%D0%B6",
      "..",
      "\0",
      "ж",
      "__proto__",
      "constructor",
    ),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        pieces.map((parts) => parts.join("")),
      ),
      (path) => {
        attempt(() => route(call(path)), Refusal);
      },
    ),
    parameters(),
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
      const made = attempt(() => connectionPath(name, "path"), Malformed);
      if (!("value" in made)) return;
      const came = call(addressOf({ kind: "script", path: made.value }));
      route(came);
      assert.equal(normalPath(came.param ?? ""), made.value);
      assert.equal(normalPath(made.value), made.value);
    }),
    parameters(),
  );
});

test("bodies of deliveries and queries are answered or refused, whatever is in them", async () => {
  const connection: Connection = {
    kind: "script",
    path: "x",
    secret: "s",
    enabled: true,
    fixedGameId: null,
    expectHours: 24,
    isPaused: false,
    oldSecret: null,
    oldSecretUntil: null,
    createdAt: new Date().toISOString(),
    updatedAt: new Date().toISOString(),
  };
  const shared = { directory: { open: () => connection, stop: () => {} }, now: () => new Date(), hmacEnabled: false };
  const history = { keepDays: 400, dayOf: () => "2026-01-02" };
  const handlers = [
    webhook({ ...shared, playtimes: { saveBattlemetrics: async () => {} }, toleranceSeconds: 300 }),
    query({
      ...shared,
      playtimes: { find: async () => [] },
      days: { lately: async () => [] },
      history,
      steam: { ask: async () => false },
      deadlineMs: 1_000,
      recheckMs: 0,
    }),
    top({ ...shared, days: { top: async () => [] }, history, names: async () => new Map() }),
  ];
  const value = fc.oneof(
    fc.jsonValue(),
    digits,
    fc.constantFrom(
      "76561198012345678",
      76561198,
      "7200.0",
      "-1",
      "1e3",
      "",
      " ",
      "null",
      "TRUE",
      0,
      -0,
      1.5,
      2 ** 31,
      null,
    ),
    fc.array(fc.oneof(fc.constantFrom("76561198012345678", null, "x", 5), fc.jsonValue()), { maxLength: 130 }),
  );
  const bodies = fc.oneof(
    fc
      .record(
        {
          steam_id: value,
          steam_ids: value,
          playtime: value,
          org_playtime: value,
          game_id: value,
          is_need_update: value,
          days: value,
          limit: value,
          exclude: value,
        },
        { requiredKeys: [] },
      )
      .map((body) => JSON.stringify(body)),
    jsonish,
  );
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      for (const handler of handlers) {
        const call: Call = {
          method: "POST",
          path: "/",
          headers: {},
          search: () => "",
          remoteAddress: () => "",
          param: "x",
          body: async () => Buffer.from(body),
          facts: {},
        };
        try {
          assert.equal((await handler(call)).status, 200);
        } catch (error) {
          if (!(error instanceof Refusal || error instanceof Malformed)) throw error;
        }
      }
    }),
    parameters(2),
  );
});

test("a config file of any kind is read or refused with a ConfigProblem, which shows no secret", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "playtime-fuzz-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "config.toml");
  const example = await readFile("configs/playtime/config-example.toml", "utf8");
  const planted = "planted-in-the-config";
  const names = Object.entries(settings).flatMap(([section, keys]) => [
    `\n[${section}]\n`,
    ...Object.keys(keys).map((key) => `${key} = `),
  ]);
  const values = fc.constantFrom(
    "1",
    "-1",
    "1.5",
    '""',
    '"x"',
    "true",
    "[]",
    "{}",
    "nan",
    "1979-05-27",
    `"${planted}`,
    `"${planted}"`,
    "\n",
    "=",
    "'",
    "[[A]]",
    "__proto__ = 1\n",
  );
  const texts = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.array(fc.oneof(fc.constantFrom(...names), values), { maxLength: 12 }).map((parts) => parts.join("")),
    fc.tuple(fc.nat(), fc.nat(20), values).map(([at, cut, put]) => {
      const place = at % example.length;
      return example.slice(0, place) + put + example.slice(place + cut);
    }),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      await writeFile(file, text);
      try {
        await readConfig({ file, env: {} });
      } catch (error) {
        if (!(error instanceof ConfigProblem)) throw error;
        const isSecret = /\b(PASSWORD|KEY)\b/.test(error.message);
        if (isSecret) assert.doesNotMatch(error.message, new RegExp(planted));
      }
    }),
    parameters(),
  );
});

type Attempt<T> = { value: T } | { refused: true };

/** What it returns, or that it threw; anything but its own refusal is passed on. */
function attempt<T>(work: () => T, expected?: abstract new (...args: never[]) => Error): Attempt<T> {
  try {
    return { value: work() };
  } catch (error) {
    if (expected && !(error instanceof expected)) throw error;
    return { refused: true };
  }
}

function assertSame(ours: unknown, theirs: unknown): void {
  if (typeof ours === "string" && typeof theirs === "number") {
    assert.match(ours, /^-?[1-9][0-9]{15,}$/);
    assert.equal(Number(ours), theirs);
  } else if (typeof ours === "object" && ours !== null && typeof theirs === "object" && theirs !== null) {
    const [own, other] = [Object.entries(ours), Object.entries(theirs)];
    assert.deepEqual(
      own.map(([key]) => key),
      other.map(([key]) => key),
    );
    own.forEach(([, value], index) => {
      assertSame(value, other[index]?.[1]);
    });
  } else assert.deepEqual(ours, theirs);
}
