import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

/** A room is a folder, or a file beside the folders. Imports only go down, or stay on a floor; no floor: 1. */
const floors: Record<string, number> = {
  "main.ts": 9,
  "service.ts": 9,
  "cli.ts": 8,
  cli: 8,
  "app.ts": 8,
  admin: 7,
  "webhook.ts": 6,
  "query.ts": 6,
  "near-address.ts": 6,
  "top.ts": 6,
  "script.ts": 6,
  watch: 6,
  backup: 6,
  django: 6,
  connections: 5,
  "steam.ts": 5,
  "names.ts": 5,
  "steam-gate.ts": 5,
  players: 4,
  database: 3,
  "settings.ts": 4,
  "changes.ts": 4,
  "coalesce.ts": 3,
  http: 2,
  "config.ts": 2,
  "json.ts": 2,
};

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const source = (file: string) => readFileSync(join("src", file), "utf8");

/** What a file imports, types included, as paths below src or names of modules. */
function importsOf(file: string): string[] {
  const specifiers = [
    ...source(file).matchAll(/^(?:import|export)\b[^"]*?from "([^"]+)";$|^import "([^"]+)";$|\bimport\("([^"]+)"\)/gms),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
  return specifiers.map((specifier) =>
    specifier.startsWith(".") ? relative("src", join("src", dirname(file), specifier)) : specifier,
  );
}

const ours = new Map(files.map((file) => [file, importsOf(file).filter((one) => one.endsWith(".ts"))]));
const roomOf = (file: string) => file.split("/")[0] ?? file;
const floorOf = (file: string) => floors[roomOf(file)] ?? 1;

test("every floor is the floor of something", () => {
  const rooms = files.map(roomOf);
  assert.deepEqual(
    Object.keys(floors).filter((room) => !rooms.includes(room)),
    [],
  );
});

test("every folder has a floor", () => {
  assert.deepEqual(
    files.filter((file) => file.includes("/") && floors[roomOf(file)] === undefined),
    [],
  );
});

test("no file imports from a floor above its own", () => {
  const upward = [...ours].flatMap(([file, imported]) =>
    imported.filter((one) => floorOf(one) > floorOf(file)).map((one) => `${file} imports ${one}`),
  );
  assert.deepEqual(upward, []);
});

test("no file imports itself by way of others, not even a type", () => {
  const done = new Set<string>();
  const visit = (file: string, way: string[]): void => {
    assert.ok(!way.includes(file), `a circle: ${[...way.slice(way.indexOf(file)), file].join(" -> ")}`);
    if (done.has(file)) return;
    for (const imported of ours.get(file) ?? []) visit(imported, [...way, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test("only the files meant for it know a module of the outside", () => {
  const homes: Record<string, string[]> = {
    "node:http": ["http/server.ts", "http/call.ts", "http/body.ts", "http/one-at-a-time.ts", "http/post.ts"],
    postgres: ["database/client.ts", "database/trouble.ts"],
    "smol-toml": ["config.ts"],
  };
  for (const [module, allowed] of Object.entries(homes))
    assert.deepEqual(files.filter((file) => importsOf(file).includes(module)).sort(), allowed.sort(), module);
});

test("only main.ts and cli.ts know the process: arguments, environment, exit and signals; the search for binaries its PATH", () => {
  const knowing = files.filter((file) => /\bprocess\.(argv|env|exit|exitCode|on|stdout|stdin)\b/.test(source(file)));
  assert.deepEqual(knowing.sort(), ["cli.ts", "database/embedded/binaries.ts", "main.ts"]);
});

test("no file imports a thing that is neither Node's, ours, nor a dependency", () => {
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  for (const file of files)
    for (const imported of importsOf(file))
      assert.ok(
        imported.startsWith("node:") || imported.endsWith(".ts") || Object.hasOwn(dependencies, imported),
        `${file} imports ${imported}`,
      );
});

test("in the panel X.ts answers and X-page.ts draws: no markup but in pages and what they are made of", () => {
  const parts = [
    "admin/charts.ts",
    "admin/connection-parts.ts",
    "admin/days-chart.ts",
    "admin/form-field.ts",
    "admin/page.ts",
    "admin/player-cell.ts",
    "admin/players-tabs.ts",
    "admin/reader.ts",
  ];
  const drawing = files.filter((file) => file.startsWith("admin/") && /\bhtml`/.test(source(file)));
  assert.deepEqual(
    drawing.filter((file) => !file.endsWith("-page.ts") && !parts.includes(file)),
    [],
  );
});

test("the command line loads the texts of one language", () => {
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const imported of ours.get(file) ?? []) load(imported);
  };
  load("cli.ts");
  const texts = [...loaded].filter((file) => file.startsWith("admin/texts/"));
  assert.ok(texts.includes("admin/texts/en.ts"));
  assert.deepEqual(
    texts.filter((file) => !file.endsWith("en.ts")),
    [],
  );
});
