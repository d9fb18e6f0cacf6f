import { chmod, mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startDatabase } from "./database.ts";
import { judge } from "./goals.ts";
import { hasWrk, wrkMissing } from "./load.ts";
import { memory } from "./memory.ts";
import { build, stopAll } from "./processes.ts";
import { profile } from "./profile.ts";
import { insert, mixed, query, rows, steam, webhook } from "./scenarios.ts";
import { startUp } from "./startup.ts";
import { tables } from "./table.ts";
import type { Bench } from "./targets.ts";

const scenarios: Record<string, (bench: Bench) => Promise<void>> = {
  webhook,
  insert,
  query,
  steam,
  mixed,
  start: startUp,
  rows,
  memory,
  profile,
};
const usual = ["webhook", "insert", "query", "steam", "mixed", "start", "rows", "memory"];
const usualQuick = ["webhook", "query", "start"];

const usage = `Usage: npm run bench -- [--quick] [--json] [--beside CHECKOUT] [scenario …]
Scenarios: ${Object.keys(scenarios).join(", ")}
What each of them measures stands in test/bench/README.md.`;

/** Measures the compiled service beside other servers; exit code 0 whatever the figures are, 1 when there are none. */
async function main(): Promise<void> {
  const { names, quick, json, beside } = readArguments();
  const [busy = 0] = loadavg();
  if (!(await hasWrk())) return fail(wrkMissing);
  const folder = await mkdtemp(join(tmpdir(), "playtime-bench-"));
  await chmod(folder, 0o755); // Postgres does not run as root: its user has to pass
  let cleaned: Promise<void> | undefined;
  const cleanUp = () => {
    cleaned ??= stopAll()
      .then(() => database?.stop())
      .then(() => rm(folder, { recursive: true, force: true }));
    return cleaned;
  };
  const say = (words: string) => process.stderr.write(`${words}\n`);
  let database: Awaited<ReturnType<typeof startDatabase>> | undefined;
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => cleanUp().finally(() => process.exit(130)));
  try {
    say("building the service");
    for (const checkout of beside === undefined ? [undefined] : [undefined, beside]) await build(checkout);
    database = await startDatabase(join(folder, "data"));
    const pace = quick ? { rounds: 1, seconds: 2, warmSeconds: 1 } : { rounds: 5, seconds: 4, warmSeconds: 10 };
    const bench: Bench = { folder, database, ...pace, quick, beside, rows: [], figures: [] };
    for (const name of names) {
      say(`${name} …`);
      await scenarios[name]?.(bench);
    }
    const machine = [
      `${cpus().length} x ${cpus()[0]?.model.trim()} (load ${busy.toFixed(1)} before)`,
      `Node ${process.versions.node}`,
      database.description,
    ].join(", ");
    const result = { date: new Date().toISOString().slice(0, 10), machine, rows: bench.rows, figures: bench.figures };
    const goals = judge(result);
    if (quick)
      say("One short round of servers that are hardly warm: only a whole run tells whether a floor is reached.");
    process.stdout.write(json ? `${JSON.stringify({ ...result, goals }, null, 2)}\n` : tables(result, goals));
  } finally {
    await cleanUp();
  }
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        beside: { type: "string" },
        help: { type: "boolean" },
      },
    });
    if (values.help) {
      process.stdout.write(`${usage}\n`);
      process.exit(0);
    }
    const wrong = positionals.find((name) => !Object.hasOwn(scenarios, name));
    if (wrong !== undefined) throw new Error(`There is no scenario ${wrong}.`);
    const names = positionals.length > 0 ? positionals : values.quick ? usualQuick : usual;
    return { ...values, names, beside: values.beside === undefined ? undefined : resolve(values.beside) };
  } catch (error) {
    fail(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}

function fail(words: string): never {
  process.stderr.write(`${words}\n`);
  process.exit(1);
}

main().catch((error) => fail(error instanceof Error ? (error.stack ?? error.message) : String(error)));
