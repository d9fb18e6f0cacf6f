import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { connectionPage } from "../../src/admin/connection-page.ts";
import { connectionSettingsPage } from "../../src/admin/connection-settings-page.ts";
import { connectionList } from "../../src/admin/connections-page.ts";
import { overviewPage } from "../../src/admin/overview-page.ts";
import { readerOf } from "../../src/admin/reader.ts";
import { setUpPage } from "../../src/admin/set-up-page.ts";
import { languages, texts } from "../../src/admin/texts/texts.ts";
import type { Connection } from "../../src/connections/connections.ts";
import { histogramHours } from "../../src/players/statistics.ts";
import type { Standing } from "../../src/watch/health.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createBrowser, setPanelPassword, textOf } from "../support/panel.ts";
import { fillPanel, someSteamId } from "../support/panel-data.ts";
import { insertConnections, startTestService, type TestService } from "../support/service.ts";

const hostile = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `' onmouseover='alert(1)`,
  "&lt;b&gt;",
  "\u202eright-to-left\u202c עברית",
  "x".repeat(255),
];

let db: TestDatabase;
let service: TestService;

before(async () => {
  db = await createTestDatabase();
  service = await startTestService(db);
  await setPanelPassword(db);
});
after(async () => {
  await service.stop();
  await db.drop();
});

/** All tags and attributes of a page: what strangers' text must not add to. */
const markupOf = (html: string) =>
  [...html.matchAll(/<\/?([a-z0-9!]+)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*\/?>/gi)].map(
    ([, tag, attributes]) =>
      `${tag} ${[...(attributes ?? "").matchAll(/([a-z-]+)(?:="[^"]*")?/gi)].map(([, name]) => name)}`,
  );

const at = "2026-01-02T03:04:05.678Z";
const now = new Date("2026-01-02T04:00:00Z");
const connectionOf = (path: string, secret = path): Connection => ({
  kind: "script",
  path,
  secret,
  enabled: true,
  fixedGameId: null,
  expectHours: 24,
  isPaused: false,
  oldSecret: secret,
  oldSecretUntil: "2026-01-03T03:04:05.678Z",
  createdAt: at,
  updatedAt: at,
});
const summaryOf = (path: string, reason = path) => ({
  kind: "script" as const,
  path,
  acceptedAt: at,
  refusedAt: at,
  refusedCode: reason,
  refusedReason: reason,
  accepted: 1,
  ignored: 2,
  paused: 0,
  refusedInARow: 0,
  refused: 3,
  badSignatures: 5,
  malformed: 0,
  malformedReason: null,
  ignoredField: null,
});
const overviewOf = (text: string) => ({
  totals: {
    players: 1,
    isEstimate: true,
    steam: histogramHours,
    battlemetrics: histogramHours,
    databaseBytes: 1e9,
    postgresVersion: text,
  },
  names: new Map(),
  played: undefined,
  newest: [],
  range: "24h" as const,
  counts: [{ hour: "2026-01-02T04:00:00.000Z", kind: "script" as const, outcome: "accepted" as const, count: 5 }],
  strangers: [summaryOf("", text)],
  steam: {
    breaker: "open" as const,
    reason: text,
    ended: { answer: 0, passing: 0, nonsense: 0, forbidden: 0, player: 0 },
    dropped: 0,
    waiting: 0,
    callsToday: 1,
    callsPerDay: 2,
    isForbidden: false,
    answeredAt: now,
  },
  hasKey: true,
  warnings: [
    { code: "steam-fails" as const, reason: text },
    { code: "silent" as const, connection: connectionOf(text), at },
  ],
  isEmbedded: false,
});

const standingOf = (path: string): Standing => ({
  connection: connectionOf(path),
  state: "refusing",
  summary: summaryOf(path),
});

for (const language of languages)
  test(`strangers' text stays text on every page of connections and on the overview (${language})`, () => {
    const reader = readerOf(language, now);
    const request = { at, steamId: null, durationMs: 1, requestId: null };
    const pages = (text: string): string[] => [
      connectionList(reader, [standingOf(text)]).toString(),
      connectionPage(reader, {
        standing: standingOf(text),
        range: "24h",
        counts: [],
        isLong: true,
        accepted: [{ ...request, isIgnored: false, isPaused: false, players: 2, requestId: text }],
        refused: [{ ...request, code: text, count: 2, reason: text, requestId: text }],
        names: new Map(),
      }).toString(),
      setUpPage(reader, {
        standing: standingOf(text),
        base: `http://${text}`,
        isBaseFixed: false,
        isRevealed: true,
        tried: { body: text, status: 400, text },
      }).toString(),
      connectionSettingsPage(reader, {
        standing: standingOf(text),
        filled: { values: { path: text, game: text }, problems: { path: "path", game: "game" } },
      }).toString(),
      overviewPage(reader, overviewOf(text)).toString(),
    ];
    const harmless = pages("plain");
    for (const text of hostile)
      for (const [index, page] of pages(text).entries()) {
        assert.deepEqual(markupOf(page), markupOf(harmless[index] ?? ""), `${index}: ${text}`);
        assert.ok(textOf(page).includes(text.replace(/\s+/g, " ")) || page.includes(encodeURIComponent(text)), text);
      }
  });

test("every page opens, in both languages, with and without rows, and names what is shown", async () => {
  const browser = createBrowser(service);
  await browser.signIn();
  const pages = [
    "/admin/",
    "/admin/connections/",
    "/admin/connections/new/battlemetrics/",
    "/admin/connections/new/script/",
    "/admin/players/",
  ];
  const open = async (path: string) => {
    for (const language of languages) {
      const { status, html } = await browser.get(path, { "accept-language": language });
      assert.equal(status, 200, path);
      assert.match(html, new RegExp(`<html lang="${language}">`));
      assert.match(html, /<title>[^<]+ · Playtime-Service<\/title>/);
      assert.equal([...html.matchAll(/<h1/g)].length, 1, path);
      const bytes = gzipSync(html).length;
      assert.ok(bytes < 8_000, `${path}: ${bytes} bytes on the wire`);
    }
  };
  for (const path of pages) await open(path);
  await insertConnections(db);
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, bm_seconds)
    select 76561198000000000 + n, 393380, n * 3600, 'ok', n * 60 from generate_series(1, 200) n`;
  const ofConnections = ["battlemetrics/bm", "battlemetrics/set-up/bm", "battlemetrics/settings/bm", "script/plugin"];
  for (const path of [...pages, ...ofConnections.map((one) => `/admin/connections/${one}/`)]) await open(path);
  assert.match(textOf((await browser.get("/admin/")).html), /Steam no key/);
});

test("a page with all that it loads weighs under 15 KB, with a busy panel's data too", async () => {
  const busy = await createTestDatabase();
  await fillPanel(busy);
  await setPanelPassword(busy);
  const full = await startTestService(busy);
  try {
    const browser = createBrowser(full);
    await browser.signIn();
    const zipped = async (path: string) => gzipSync((await browser.get(path)).html).length;
    const assets = [...(await browser.get("/admin/")).html.matchAll(/(?:href|src)="(\/admin\/assets\/[^"]+)"/g)];
    const paths = [...new Set(assets.map(([, path]) => path ?? ""))];
    assert.equal(paths.length, 3);
    const shared = (await Promise.all(paths.map(zipped))).reduce((sum, bytes) => sum + bytes, 0);
    const eu = "/admin/connections/battlemetrics/eu-1/";
    const player = `/admin/players/${someSteamId(11)}/`;
    for (const path of [
      "/admin/",
      "/admin/?range=30d",
      eu,
      `${eu}?range=7d`,
      "/admin/players/",
      player,
      "/admin/settings/",
    ]) {
      const bytes = shared + (await zipped(path));
      assert.ok(bytes < 15_000, `${path}: ${bytes} bytes`);
    }
  } finally {
    await full.stop();
    await busy.drop();
  }
});

test("the overview says that Steam works only after an answer, and writes sizes as the language does", () => {
  const { steam, ...rest } = overviewOf("");
  const shown = (language: "en" | "ru", answeredAt: Date | undefined) => {
    const reader = readerOf(language, now);
    return textOf(overviewPage(reader, { ...rest, steam: { ...steam, breaker: "closed", answeredAt } }).toString());
  };
  assert.match(shown("en", undefined), /Steam no answer yet/);
  assert.match(shown("en", now), /Steam works/);
  assert.match(shown("en", now), /954 MB/);
  assert.match(shown("ru", undefined), /Steam ответов пока не было/);
  assert.match(shown("ru", now), /954 МБ/);
});

test("pages and files of the panel are compressed for who can read that", async () => {
  for (const [accepted, encoding] of [
    ["gzip, deflate", "gzip"],
    ["identity", null],
  ] as const) {
    const answer = await fetch(`${service.url}/admin/sign-in/`, { headers: { "accept-encoding": accepted } });
    assert.equal(answer.headers.get("content-encoding"), encoding);
    assert.match(await answer.text(), /^<!doctype html>/);
  }
});

test("no text is missing in a language, and none was left in another", () => {
  const flat = (value: unknown, path = ""): [string, string][] => {
    if (typeof value === "string") return [[path, value]];
    if (typeof value === "function") return [[path, String(value(path.includes("ago") ? "5" : 5))]];
    return Object.entries(value ?? {}).flatMap(([name, one]) => flat(one, `${path}.${name}`));
  };
  const [english, russian] = [new Map(flat(texts.en)), new Map(flat(texts.ru))];
  assert.deepEqual([...english.keys()], [...russian.keys()]);
  for (const [place, text] of english) assert.match(text, /^[^\p{Script=Cyrillic}]+$/u, place);
  // Names, and what is no word.
  const common = /^(?:BattleMetrics|Steam|Steam ID|ID|URL|CSV|•+)(?: [↑↓])?$/;
  for (const [place, text] of russian) if (!common.test(text)) assert.match(text, /\p{Script=Cyrillic}/u, place);
});

test("a number chooses the form of its word", () => {
  const { connections } = texts.ru;
  assert.deepEqual(
    [1, 2, 5, 11, 21].map((count) => connections.players(count)),
    ["1 игрок", "2 игрока", "5 игроков", "11 игроков", "21 игрок"],
  );
  assert.deepEqual([1, 2].map(texts.en.connections.players), ["1 player", "2 players"]);
});
