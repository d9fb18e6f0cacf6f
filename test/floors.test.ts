import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

/** A file imports only from floors below its own; a folder's floor holds for all its files. */
const floors: Record<string, number> = {
  "main.ts": 10,
  "cli.ts": 10,
  cli: 9,
  "service.ts": 9,
  "app.ts": 8,
  admin: 7,
  "database/open.ts": 6,
  "database/embedded.ts": 5,
  "database/server.ts": 4,
  "database/binaries.ts": 3,
  "database/place.ts": 2,
  "database/guarded.ts": 1,
  "metrics.ts": 5,
  "activity.ts": 5,
  "warnings.ts": 6,
  "statistics.ts": 6,
  "sample.ts": 4,
  "how-to-use.ts": 4,
  "observed.ts": 4,
  "webhook.ts": 5,
  "query.ts": 5,
  django: 5,
  backup: 4,
  "imported-players.ts": 4,
  "players-list.ts": 4,
  "players-table.ts": 5,
  "csv.ts": 1,
  "steam.ts": 4,
  "steam-gate.ts": 3,
  "connections.ts": 3,
  "playtimes.ts": 3,
  "database/migrate.ts": 2,
  "database/transaction.ts": 2,
  "database/connect.ts": 1,
  "http/server.ts": 2,
  "http/refusal-log.ts": 1,
  "http/body.ts": 1,
  "http/idle.ts": 1,
  "http/router.ts": 1,
  "config.ts": 1,
  "coalesce.ts": 1,
  "json.ts": 1,
};
const groundFloor = [
  "http/call.ts",
  "http/refusal.ts",
  "database/problem.ts",
  "file.ts",
  "html.ts",
  "panel-settings.ts",
  "parse.ts",
  "program.ts",
  "signature.ts",
  "log.ts",
  "prometheus.ts",
  "version.ts",
];

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const source = (file: string) => readFileSync(join("src", file), "utf8");

function importsOf(file: string): string[] {
  const specifiers = [
    ...source(file).matchAll(/^(?:import|export)\b[^"]*?from "([^"]+)";$|^import "([^"]+)";$/gms),
  ].map((match) => match[1] ?? match[2] ?? "");
  return specifiers.map((specifier) =>
    specifier.startsWith(".") ? relative("src", join("src", dirname(file), specifier)) : specifier,
  );
}

const floorOf = (file: string): number | undefined =>
  floors[file] ?? (groundFloor.includes(file) ? 0 : floors[dirname(file)]);

test("every file has a floor", () => {
  assert.deepEqual(
    files.filter((file) => floorOf(file) === undefined),
    [],
  );
});

test("a file imports only from floors below its own", () => {
  for (const file of files)
    for (const imported of importsOf(file).filter((one) => one.endsWith(".ts"))) {
      const isBeside = dirname(file) === dirname(imported) && floors[dirname(file)] !== undefined;
      assert.ok(isBeside || (floorOf(imported) ?? 99) < (floorOf(file) ?? -1), `${file} imports ${imported}`);
    }
});

test("only the files meant for it know a module of the outside", () => {
  const homes: Record<string, string[]> = {
    "node:http": ["http/server.ts", "http/call.ts", "http/body.ts"],
    postgres: ["database/connect.ts"],
    "smol-toml": ["config.ts"],
  };
  for (const [module, allowed] of Object.entries(homes))
    assert.deepEqual(files.filter((file) => importsOf(file).includes(module)).sort(), allowed.sort(), module);
});

test("only main.ts and cli.ts know the process: arguments, environment, exit and signals; the search for binaries its PATH", () => {
  const knowing = files.filter((file) => /\bprocess\.(argv|env|exit|exitCode|on|stdout|stdin)\b/.test(source(file)));
  assert.deepEqual(knowing.sort(), ["cli.ts", "database/binaries.ts", "main.ts"]);
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
