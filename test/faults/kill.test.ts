import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type Sql } from "../../src/database/connect.ts";
import { embeddedDatabase, embeddedUser } from "../../src/database/embedded/embedded.ts";
import { errorCode } from "../../src/error-code.ts";
import { createLedger, type Ledger, startLoad } from "../support/load.ts";
import { childrenOf, startPostgres } from "../support/postgres.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { insertConnections, secrets } from "../support/service.ts";

/*
 * kill -9 while deliveries are being written: of the service, of its database, of both in the same moment. Whatever was
 * acknowledged must be there when it has started again, which needs no hand.
 */

const rounds = Number(process.env["FAULT_ROUNDS"] ?? 20);
const leastAcknowledged = 2_000;
/** The embedded database is given up when it dies five times in a minute; that is not the matter here. */
const killsOfOneService = 4;

type Site = {
  env: Record<string, string>;
  sql: () => Sql;
  databasePids: () => Promise<number[]>;
  /** Brings back what an operator's machine would; nothing for the embedded database. */
  bringBack: () => Promise<void>;
};

// Mostly they wait: for a database that recovers, for a process that starts.
describe("killed", { concurrency: 2 }, () => {
  for (const kind of ["embedded", "server"] as const)
    describe(`with the database ${kind}`, { concurrency: 1 }, () => {
      for (const victim of ["service", "database", "everything"] as const)
        test(`${rounds} times kill -9 of ${victim} loses nothing that was acknowledged`, async (t) => {
          const site = await (kind === "embedded" ? embedded(t) : server(t));
          const ledger = createLedger();
          const seconds: number[] = [];
          let service = await startProcess({ env: site.env });
          t.after(() => service.end("SIGKILL"));
          await insertConnections({ sql: site.sql() });
          await accepts(service, ledger);
          for (let round = 1; round <= rounds; round += 1) {
            const load = await loaded(service, ledger);
            // Should a round fail, its load must not go on for ever.
            t.after(load.stop);
            const pids = victim === "service" ? [] : await site.databasePids();
            if (victim !== "database") pids.push(service.pid);
            for (const pid of pids) killIfThere(pid);
            const killedMs = performance.now();
            const loadStopped = load.stop();
            if (victim !== "service") await site.bringBack();
            if (victim !== "database") {
              await service.ended;
              service = await startProcess({ env: site.env });
            }
            await accepts(service, ledger);
            seconds.push((performance.now() - killedMs) / 1_000);
            await loadStopped;
            assert.deepEqual(await ledger.problems(site.sql()), [], `after round ${round}`);
            if (victim === "database" && round % killsOfOneService === 0) {
              assert.equal(await service.end("SIGTERM"), 0);
              service = await startProcess({ env: site.env });
            }
          }
          assert.equal(await service.end("SIGTERM"), 0);
          t.diagnostic(
            `${rounds} rounds, ${ledger.count()} acknowledged, none lost; ` +
              `accepting again after ${Math.max(...seconds).toFixed(1)} s at most, ${(seconds.reduce((a, b) => a + b) / rounds).toFixed(1)} s on average`,
          );
        });
    });
});

/** A worker of Postgres may have ended by itself in this moment. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/** A load that has had its share of acknowledgements, and is going on. */
async function loaded(service: ServiceProcess, ledger: Ledger) {
  const before = ledger.count();
  const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics });
  for (const tooLate = Date.now() + 60_000; ledger.count() < before + leastAcknowledged; await sleep(5))
    if (Date.now() > tooLate)
      throw new Error(`only ${ledger.count() - before} acknowledged: ${service.text().slice(-2_000)}`);
  await sleep(Math.random() * 100);
  return load;
}

/** Waits until a delivery is taken. */
async function accepts(service: ServiceProcess, ledger: Ledger): Promise<void> {
  const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 1, pauseMs: 20 });
  for (const tooLate = Date.now() + 30_000; load.count(200) === 0; await sleep(10))
    if (Date.now() > tooLate) throw new Error(`nothing is accepted again: ${service.text().slice(-2_000)}`);
  await load.stop();
}

async function embedded(t: TestContext): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-kill-"));
  await chmod(folder, 0o755);
  const dataDir = join(folder, "data");
  let client: Sql | undefined;
  t.after(async () => {
    await client?.end({ timeout: 1 });
    // An orphan would keep the folder.
    for (const tooLate = Date.now() + 10_000; (await processesOf(dataDir)).length > 0; await sleep(50))
      if (Date.now() > tooLate) throw new Error(`still running: ${await processesOf(dataDir)}`);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  return {
    env: { PLAYTIME_SERVER_DATA_DIR: dataDir },
    sql: () => {
      client ??= createClient(
        {
          host: join(dataDir, "pg.socket"),
          port: 5432,
          database: embeddedDatabase,
          user: embeddedUser,
          password: "",
          sslmode: "disable",
        },
        1,
      );
      return client;
    },
    databasePids: async () => {
      const pids = await processesOf(dataDir);
      return [...pids, ...(await Promise.all(pids.map(childrenOf))).flat()];
    },
    bringBack: async () => {},
  };
}

async function server(t: TestContext): Promise<Site> {
  const postgres = await startPostgres();
  t.after(postgres.remove);
  return {
    env: { DATABASE_URL: postgres.url },
    sql: () => postgres.sql,
    databasePids: async () => [postgres.pid(), ...(await childrenOf(postgres.pid()))],
    bringBack: postgres.restart,
  };
}

/** The guard and the server of a data folder, by their command lines. */
async function processesOf(dataDir: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return pids.filter((_, index) => commands[index]?.includes(`${dataDir}/`));
}
