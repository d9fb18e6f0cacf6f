import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { descendantsOf } from "../../src/database/embedded/descendants.ts";
import { cliProcess } from "../support/cli.ts";
import { eventually } from "../support/eventually.ts";
import { type ServiceProcess, startProcess } from "../support/process.ts";
import { deliverySignature, post, secrets } from "../support/service.ts";

/*
 * A database of our own that lives and serves nobody is brought back by the service as it ships, with nobody watching:
 * a minute until that is certain, at most 10 seconds to end it, and its start.
 */
const backSeconds = 110;
const needsProc = process.platform === "linux" ? false : "needs /proc";
const body = JSON.stringify({ steam_id: "76561198012345678", playtime: "7200", game_id: 393380 });

/** A service whose data folder has a path too long for a socket, and a connection `bm`. */
async function startLong(t: TestContext, settings: Record<string, string> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "playtime-lives-"));
  await chmod(folder, 0o755);
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const dataDir = join(folder, "d".repeat(100));
  const env = { PLAYTIME_SERVER_DATA_DIR: dataDir, ...settings };
  const service = await startProcess({ env });
  t.after(() => service.end("SIGKILL"));
  const added = await cliProcess("connections add battlemetrics bm --secret -", { env, input: secrets.battlemetrics });
  assert.equal(added.code, 0, added.err);
  await taken(service, 20);
  const [postmaster = ""] = (await readFile(join(dataDir, "pg/postmaster.pid"), "utf8")).split("\n");
  return { service, env, dataDir, postmaster: Number(postmaster) };
}

async function deliver({ url }: ServiceProcess): Promise<number> {
  return (
    await post(`${url}/set-playtime/bm/bm/`, body, { "x-signature": deliverySignature(secrets.battlemetrics, body) })
  ).status;
}

/** How many seconds it took until a delivery was taken. */
async function taken(service: ServiceProcess, seconds: number): Promise<number> {
  const fromMs = performance.now();
  const isTaken = async () => (await deliver(service)) === 200;
  await eventually("a delivery to be taken", isTaken, { everyMs: 500, seconds });
  return Math.round((performance.now() - fromMs) / 1_000);
}

describe("the service as it ships brings its database back", { concurrency: 2, skip: needsProc }, () => {
  test("when somebody removed the folder of its socket, and its connections were lost", async (t) => {
    const { service, env, dataDir, postmaster } = await startLong(t);
    await rm(await readFile(join(dataDir, "pg.socket-folder"), "utf8"), { recursive: true });
    assert.equal(await deliver(service), 200, "connections that are open work on");
    for (const pid of descendantsOf(postmaster))
      if (/^postgres: playtime /.test(await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")))
        process.kill(pid, "SIGTERM");
    await sleep(100);
    assert.equal(await deliver(service), 503);
    t.diagnostic(`back after ${await taken(service, backSeconds)} s`);
    const { code, out } = await cliProcess("connections list", { env });
    assert.deepEqual([code, out.includes("bm")], [0, true]);
    assert.equal(await service.end("SIGTERM"), 0);
  });

  test("when it is frozen, and a scheduled backup that fails meanwhile is a line of the log and nothing else", async (t) => {
    const { service, dataDir, postmaster } = await startLong(t, { PLAYTIME_BACKUP_EVERY_HOURS: "1" });
    await writeFile(join(dataDir, "backups"), "in the way");
    for (const pid of [postmaster, ...descendantsOf(postmaster)]) process.kill(pid, "SIGSTOP");
    assert.equal(await deliver(service), 503);
    t.diagnostic(`back after ${await taken(service, backSeconds)} s`);
    assert.match(service.text(), /it did not answer within 60 s, though it lived/);
    await eventually("the failed backup", () => service.text().includes("the backup failed"), { seconds: 70 });
    assert.equal(await deliver(service), 200);
    assert.equal(await service.end("SIGTERM"), 0);
  });
});
