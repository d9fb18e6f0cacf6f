import { appendFileSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run as runTests } from "node:test";
import { spec } from "node:test/reporters";
import { createClient } from "../src/database/connect.ts";
import { startEmbedded } from "../src/database/embedded/embedded.ts";
import { migrate } from "../src/database/migrate.ts";
import { createLog } from "../src/log.ts";
import { addressOfDatabase, onServer, templateName } from "./support/database.ts";
import { compiled } from "./support/lane.ts";
import { panelPassword } from "./support/panel.ts";
import { findSecrets } from "./support/said.ts";
import { secrets } from "./support/service.ts";

/**
 * Runs the tests against one throw-away Postgres, or against the server that TEST_DATABASE_URL names (its user must be
 * allowed to create databases). Arguments are files to run; none: all that end in .test.ts, but for those with faults, with
 * a browser or with a cluster.
 */
async function run(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-tests-"));
  const log = createLog({ level: "error", readable: true, write: (line) => process.stderr.write(line) });
  const server = process.env["TEST_DATABASE_URL"]
    ? undefined
    : await startEmbedded({ dataDir: folder, settings: careless, log });
  if (server) process.env["TEST_SOCKET_DIR"] = server.socketDir;
  try {
    await prepareTemplate();
    const given = process.argv.slice(2);
    const said = await mkdtemp(join(folder, "said-"));
    process.env["TEST_SAID_DIR"] = said;
    const code = await runFiles(given.length > 0 ? given : await testFiles(), folder);
    const leaks = findLeaks(said);
    if (leaks.length > 0) process.stderr.write(`Secrets were said in a log or an answer:\n${leaks.join("\n")}\n`);
    return leaks.length > 0 ? 1 : code;
  } finally {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** After all tests no log and no answer may hold a secret; one that is planted must be found, or the search is blind. */
function findLeaks(folder: string): string[] {
  const forbidden = [...Object.values(secrets), panelPassword, "planted"];
  const leaks = findSecrets(folder, forbidden);
  appendFileSync(join(folder, "planted.txt"), `secret=${secrets.script.toUpperCase()}\n`);
  if (findSecrets(folder, forbidden).length !== leaks.length + 1)
    leaks.push("the search found no secret that was planted");
  return leaks;
}

/** A cluster that is thrown away need not survive a crash. */
const careless = { fsync: "off", synchronous_commit: "off", full_page_writes: "off", max_connections: "100" };

async function prepareTemplate(): Promise<void> {
  await onServer(async (sql) => {
    await sql.unsafe(`drop database if exists ${templateName} with (force)`);
    await sql.unsafe(`create database ${templateName} template template0`);
  });
  const client = createClient(addressOfDatabase(templateName), 1);
  await migrate(client);
  await client.end();
}

async function testFiles(): Promise<string[]> {
  const files = await readdir("test", { recursive: true });
  return files
    .filter((file) => file.endsWith(".test.ts") && !/^(faults|browser|cluster)\//.test(file))
    .map((file) => join("test", file))
    .sort();
}

/** What faults cost is measured, and wants the machine for itself; but these mostly wait, for a recovery or a start. */
const mostlyWaiting = [
  "faults/outputs",
  "faults/hosts",
  "faults/open-files",
  "faults/owner",
  "faults/strange-requests",
  "faults/embedded",
  "faults/small-disk",
  "faults/kill",
  "faults/long-run",
  "faults/stop",
];

/**
 * These take longest and begin first, so that nobody waits for one of them in the end. Those that mostly wait stand among those
 * that mostly compute.
 */
const longest = [
  "test/move",
  "test/main",
  "test/backup/restore",
  "test/database/ways",
  "test/watch/metrics",
  "test/admin/wrong-passwords",
  "test/backup/",
  "test/watch/conditions",
  "test/start",
  "test/squadjs",
  "test/paused",
  "test/database/embedded/",
  "test/query",
  "test/cli",
  "test/http/",
  "test/fuzz",
  "test/compat/compat",
  "test/faults/kill",
  "test/faults/embedded",
  "test/faults/long-run",
];

/** So many processes run the files that need none of their own. More than there are cores, since tests also wait. */
const lanes = 6;

async function runFiles(files: string[], folder: string): Promise<number> {
  const isAlone = (file: string) => file.includes("faults/") && !mostlyWaiting.some((name) => file.includes(name));
  const needsProcess = (file: string) => /(?:faults|browser|cluster)\//.test(file);
  const placeOf = (file: string) => longest.findIndex((name) => file.startsWith(name)) >>> 0; // the others last
  const sorted = files.toSorted((a, b) => placeOf(a) - placeOf(b));
  const codes = [
    await runAtOnce(1, sorted.filter(isAlone).map(compiled)),
    await runAtOnce(3, sorted.filter((file) => needsProcess(file) && !isAlone(file)).map(compiled)),
    await runAtOnce(
      lanes,
      await laneFiles(
        sorted.filter((file) => !needsProcess(file)),
        folder,
      ),
    ),
  ];
  return Math.max(...codes);
}

/** Programs that share these files among them. */
async function laneFiles(files: string[], folder: string): Promise<string[]> {
  const takenDir = await mkdtemp(join(folder, "taken-"));
  const lane = new URL("support/lane.js", import.meta.url).href;
  const program = `import { runLane } from "${lane}";
await runLane(${JSON.stringify(files)}, ${JSON.stringify(takenDir)});
`;
  const names = Array.from({ length: Math.min(lanes, files.length) }, (_, index) => join(folder, `lane-${index}.mjs`));
  for (const name of names) await writeFile(name, program);
  return names;
}

/** Each file in a process of its own. */
async function runAtOnce(concurrency: number, files: string[]): Promise<number> {
  if (files.length === 0) return 0;
  let code = 0;
  const reports = runTests({ files, concurrency, timeout: 900_000 });
  reports.on("test:fail", () => {
    code = 1;
  });
  for await (const text of reports.compose(new spec())) process.stdout.write(text);
  return code;
}

process.exitCode = await run();
