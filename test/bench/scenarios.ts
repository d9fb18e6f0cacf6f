import assert from "node:assert/strict";
import { join } from "node:path";
import { type Comparison, compare, type Prepared } from "./compare.ts";
import { countPlayers, removePlayers, storedSince } from "./database.ts";
import * as requests from "./requests.ts";
import { burst, hangingQueries, startSteam, steamSettings } from "./steam.ts";
import {
  type Bench,
  bare,
  bareTarget,
  reference,
  referenceTarget,
  service,
  services,
  serviceTarget,
  stop,
  type Target,
} from "./targets.ts";

/** Deliveries of known players, all newer than the last, over 1, 32 and 128 connections. */
export async function webhook(bench: Bench): Promise<void> {
  const targets = [await bareTarget(), await referenceTarget(bench), ...(await services(bench))];
  const connections = bench.quick ? [32, 1] : [32, 1, 128];
  await run(bench, { scenario: "webhook", targets, connections, prepare: updates(bench) });
  await stop(targets);
}

/** Deliveries of players whom nobody knows yet. */
export async function insert(bench: Bench): Promise<void> {
  const targets = [await referenceTarget(bench), ...(await services(bench))];
  const prepare = async (count: number): Promise<Prepared> => ({
    file: await save(bench, requests.deliveries(count, requests.strangers(count)).requests),
    before: async ({ database }) => database && removePlayers(database),
    check: async ({ database }, answered) => {
      if (database) checkStored(await countPlayers(database), Math.min(answered, count));
    },
  });
  await run(bench, { scenario: "first deliveries", targets, prepare });
  await stop(targets);
}

/** Queries of one id and of a hundred, all stored; of a hundred also with the last days, of which the reference knows nothing. */
export async function query(bench: Bench): Promise<void> {
  const targets = [await bareTarget(), await referenceTarget(bench), ...(await services(bench))];
  await run(bench, { scenario: "query, 1 id", targets, prepare: reads(bench, 1) });
  await run(bench, { scenario: "query, 100 ids", targets, prepare: reads(bench, 100) });
  const withDays = reads(bench, 100, [7, 30]);
  const own = targets.filter(({ name }) => name === service);
  await run(bench, { scenario: "query with days, 100 ids", targets: own, prepare: withDays });
  await stop(targets);
  await coldQuery(bench);
}

/**
 * Queries of a hundred ids, one after the other; half of the players are known to Steam alone, which answers at once. No more
 * than 20 a second, since the service makes 1,000 calls a second at most.
 */
async function coldQuery(bench: Bench): Promise<void> {
  const steam = await startSteam({ hangs: false });
  const targets = await services(bench, { env: steamSettings(steam.url) });
  const prepare = async (count: number): Promise<Prepared> => {
    // Enough for a minute, and quickly made.
    const all = requests.coldQueries(Math.min(count, 1_200));
    let stored = 0;
    return {
      file: await save(bench, all),
      before: async ({ database }) => {
        if (database) stored = await countPlayers(database);
      },
      check: async ({ database }, answered) => {
        if (database) assert.ok((await countPlayers(database)) >= stored + 50 * Math.min(answered, all.length));
      },
    };
  };
  await run(bench, { scenario: "query, 100 ids, half unknown", targets, connections: [1], prepare });
  await stop(targets);
  await steam.stop();
}

/** The same players' deliveries and queries in a table of ten thousand rows and in one of ten million. */
export async function rows(bench: Bench): Promise<void> {
  process.stderr.write("  makes a table of ten million rows: takes some minutes and 2 GB of disk\n");
  const other = "10 thousand rows";
  const targets = [
    await serviceTarget(bench, { name: other }),
    await serviceTarget(bench, { name: "10 million rows", rows: requests.allPlayers }),
  ];
  await run(bench, { scenario: "webhook, table size", targets, other, prepare: updates(bench) });
  await run(bench, { scenario: "query, 1 id, table size", targets, other, prepare: reads(bench, 1) });
  await stop(targets);
}

/** Deliveries while Steam hangs on 200 queries, beside deliveries to a service that nobody queries. */
export async function steam(bench: Bench): Promise<void> {
  const steam = await startSteam({ hangs: true });
  const other = "without queries";
  const targets = [
    await serviceTarget(bench, { name: other }),
    await serviceTarget(bench, { name: "while Steam hangs", env: steamSettings(steam.url) }),
  ];
  const hanging = hangingQueries(targets[1]?.server.url ?? "", 200);
  await run(bench, { scenario: "webhook, Steam hangs", targets, other, prepare: updates(bench), seconds: 3 });
  assert.equal(hanging.answered(), 0, "queries were answered although Steam hangs");
  hanging.abort();
  await stop(targets);
  await steam.stop();
}

/** What busy game servers send, and what they send when a map changes: 280 requests at once. */
export async function mixed(bench: Bench): Promise<void> {
  const steam = await startSteam({ hangs: false });
  const targets = await services(bench, { env: steamSettings(steam.url) });
  await run(bench, {
    scenario: "mixed",
    targets,
    prepare: async (count) => ({ file: await save(bench, requests.mixed(count)) }),
  });
  for (const { name, server } of targets) {
    const unit = "ms until the last of 281 simultaneous requests is answered";
    bench.figures.push({
      name: name === service ? "map change" : `map change, ${name}`,
      value: await burst(server.url),
      unit,
    });
  }
  await stop(targets);
  await steam.stop();
}

type Run = Pick<Comparison, "scenario" | "targets" | "prepare"> & Partial<Comparison>;

async function run(bench: Bench, comparison: Run): Promise<void> {
  process.stderr.write(`  ${comparison.scenario}\n`);
  const { rounds, seconds, warmSeconds, database } = bench;
  const usual = { other: reference, connections: [32], rounds, seconds, warmSeconds, postgresPid: database.pid };
  bench.rows.push(...(await compare({ ...usual, ...comparison })));
}

/** Newer deliveries of known players; afterwards every one that was answered must be stored. */
const updates =
  (bench: Bench) =>
  async (count: number): Promise<Prepared> => {
    const { requests: all, figure } = requests.deliveries(count);
    return {
      file: await save(bench, all),
      check: async ({ database }, answered) => {
        if (!database) return;
        if (answered > all.length) process.stderr.write(`  ${answered - all.length} of ${answered} were repetitions\n`);
        checkStored(await storedSince(database, figure), Math.min(answered, all.length));
      },
    };
  };

/** Those under way at the end are stored without being counted as answered. */
function checkStored(stored: number, answered: number): void {
  const mostUnderWay = 128;
  assert.ok(
    stored >= answered && stored <= answered + mostUnderWay,
    `No figures: ${answered} deliveries were answered with 200, but ${stored} are stored.`,
  );
}

/** Queries, the first of which must be answered with what is stored. */
const reads = (bench: Bench, ids: number, days?: number[]) => async (): Promise<Prepared> => {
  const all = requests.queries(ids, days ? { days } : {});
  return { file: await save(bench, all), before: (target) => checkAnswer(target, all[0]) };
};

async function checkAnswer({ name, server }: Target, asked: requests.Signed | undefined): Promise<void> {
  if (name === bare || !asked) return;
  const rows: { steam_id: string; steam_playtime: number }[] = JSON.parse(
    await (await requests.send(server.url, asked)).text(),
  );
  const answered = rows.filter((row) => row.steam_playtime === 360_000).map((row) => row.steam_id);
  assert.deepEqual(
    answered.sort(),
    JSON.parse(asked.body).steam_ids,
    `No figures: ${name} does not tell what is stored.`,
  );
}

function save(bench: Bench, all: readonly requests.Signed[]): Promise<string> {
  return requests.writeRequests(join(bench.folder, "requests"), all);
}
