import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startFlood } from "../support/flood.ts";
import { createLedger, startLoad } from "../support/load.ts";
import { startPostgres } from "../support/postgres.ts";
import { startProcess } from "../support/process.ts";
import { insertConnections, secrets } from "../support/service.ts";

/* A process may have only so many files open, connections among them. Strangers must not use them all up. */

for (const openFiles of [256, 1_024])
  test(`with ${openFiles} open files: a warning at the start, and strangers on 2,000 connections cost no delivery`, async (t) => {
    const postgres = await startPostgres();
    t.after(postgres.remove);
    const service = await startProcess({ env: { DATABASE_URL: postgres.url }, openFiles });
    t.after(() => service.end("SIGKILL"));
    await insertConnections(postgres);
    await sleep(2_500);
    assert.match(service.text(), new RegExp(`may open only ${openFiles} files`));

    const ledger = createLedger();
    const strangers = ["", "POST /set-playtime/bm/bm/ HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nx"].map(
      (text) => startFlood({ port: service.port, connections: 1_000, text, times: 1, reads: false, ms: 6_000 }),
    );
    await sleep(1_000);
    const load = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 8, pauseMs: 20 });
    // As BattleMetrics may do it, each delivery over a connection of its own.
    const fresh: number[] = [];
    let files = 0;
    for (let made = 0; made < 50; made += 1) {
      const one = startLoad({ port: service.port, ledger, secret: secrets.battlemetrics, workers: 1, pauseMs: 5 });
      for (let tries = 0; tries < 500 && one.outcomes.length === 0; tries += 1) await sleep(10);
      await one.stop();
      files = Math.max(files, (await readdir(`/proc/${service.pid}/fd`)).length);
      fresh.push(...one.outcomes.map(({ status }) => status));
    }
    await Promise.all(strangers);
    await load.stop();

    assert.ok(fresh.length >= 50, `${fresh.length}`);
    t.diagnostic(`${files} files open at most, ${load.outcomes.length} deliveries on connections that stay`);
    assert.deepEqual(
      fresh.filter((status) => status !== 200),
      [],
    );
    // Nor is one that has shown its secret closed while it rests.
    assert.deepEqual(
      load.outcomes.filter(({ status }) => status !== 200),
      [],
    );
    assert.ok(files < openFiles - 20, `${files}`);
    assert.match(service.text(), /"code":"idle-connections"/);
    assert.deepEqual(await ledger.problems(postgres.sql), []);
    assert.equal(await service.end("SIGTERM"), 0);
  });
