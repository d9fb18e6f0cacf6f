import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { secrets } from "../support/service.ts";
import {
  isWhole,
  killNode,
  labFolder,
  logOf,
  primary,
  psql,
  startCluster,
  startPatroni,
  startReplica,
  switchOver,
  ways,
} from "./lab.ts";
import { lostOf, seenSince, startLoad } from "./load.ts";
import { cutOff, front, type Node, reconnect } from "./network.ts";
import { killAll, killTree, until } from "./processes.ts";
import { get } from "./requests.ts";

/** One load over everything that happens; run on the front's machine by cluster.test.ts: scenario.ts haproxy|hosts */
const way = process.argv[2] === "hosts" ? "hosts" : "haproxy";
const say = (fact: object) => process.stdout.write(`${JSON.stringify({ way, ...fact })}\n`);
const isReady = async (port: number) => (await get(`http://${front}:${port}/readyz`)).status === 200;
const ports = { p1: 8_001, p2: 8_002 };

async function leader(): Promise<Node> {
  const name = await primary();
  assert.ok(name, "nobody leads");
  return name;
}

async function run(): Promise<void> {
  await startCluster();
  for (const name of ["p1", "p2"] as const) startReplica(name, ports[name], ways[way]);
  await until("both replicas", async () => (await isReady(ports.p1)) && (await isReady(ports.p2)), 40);
  const rows = [`('battlemetrics', 'bm', '${secrets.battlemetrics}')`, `('script', 'plugin', '${secrets.script}')`];
  psql(await leader(), `insert into connections (kind, path, secret) values ${rows.join(", ")}`);
  // Connections are read every 2 s.
  await sleep(4_000);
  const load = startLoad({ base: `http://${front}:8000`, deliveries: 20, queries: 10 });
  await sleep(2_000);

  /** Does it, waits until somebody else leads where it was the primary, undoes it, and waits until all is whole. */
  async function event(
    name: string,
    mostSeconds: number,
    fault: () => Promise<Node | undefined>,
    undo?: (to: Node) => void,
  ) {
    const fromMs = load.now();
    const subject = await fault();
    await until("a primary", async () => ![undefined, subject].includes(await primary()), 45);
    await sleep(3_000);
    if (subject) undo?.(subject);
    await until("all whole", isWhole, 90);
    await sleep(500);
    const seen = seenSince(load.ends, fromMs);
    say({ event: name, ...seen });
    assert.ok(
      seen.longestGapSeconds <= mostSeconds,
      `${name}: ${seen.longestGapSeconds} s without an accepted delivery`,
    );
    assert.deepEqual(
      Object.keys(seen.refusals).filter((code) => code !== "503 database-away"),
      [],
      name,
    );
  }

  await event("switchover", 8, async () => {
    await switchOver();
    return undefined;
  });
  await event("a replica is killed", 3, async () => {
    killTree("p1");
    await sleep(1_000);
    startReplica("p1", ports.p1, ways[way]);
    return undefined;
  });
  await event(
    "the primary's machine is killed",
    30,
    async () => {
      const name = await leader();
      killNode(name);
      return name;
    },
    startPatroni,
  );
  await event(
    "the primary's network is cut",
    35,
    async () => {
      const name = await leader();
      cutOff(name);
      return name;
    },
    reconnect,
  );

  const { ledger, reads, staleReads } = await load.stop();
  const columns = "steam_id, bm_seconds, round(extract(epoch from bm_signed_at) * 1000)";
  const lost = lostOf(ledger, psql(await leader(), `select ${columns} from playtimes`));
  say({ acknowledged: ledger.length, lost: lost.length, reads, staleReads });
  assert.ok(ledger.length > 500, "too few deliveries to prove anything");
  assert.deepEqual(lost.slice(0, 3), [], "acknowledged deliveries are lost");
  assert.equal(staleReads, 0, "a query told less than what was acknowledged");
}

try {
  await run();
} catch (error) {
  process.exitCode = 1;
  process.stdout.write(`${error instanceof Error ? error.stack : error}\n`);
  for (const name of ["p1", "p2", "patroni-n1"])
    process.stdout.write(
      `--- ${name}\n${await Promise.resolve(name)
        .then(logOf)
        .then((text) => text.slice(-3_000))
        .catch(String)}\n`,
    );
} finally {
  await killAll();
  await rm(labFolder, { recursive: true, force: true });
}
process.exit();
