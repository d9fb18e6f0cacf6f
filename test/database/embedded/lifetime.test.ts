import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.ts";
import {
  answersAgain,
  ask,
  client,
  dataFolder,
  host,
  keptLog,
  kill,
  nothingRuns,
  pidOf,
  processes,
  quick,
  start,
} from "./cluster.ts";

// Two groups at a time: some of their tests mostly wait.
describe("while we run, the embedded database runs; afterwards it does not:", { concurrency: 2 }, () => {
  describe("the database never outlives us", () => {
    test("when we are killed, and what it had confirmed is there at the next start", async (t) => {
      const dataDir = await dataFolder(t);
      const victim = host(t, { dataDir, settings: {} });
      const { socketDir = "" } = (await victim.says("ready")) ?? {};
      await ask(socketDir, (sql) => sql`create table kept as select 7 as seven`);
      victim.child.kill("SIGKILL");
      await nothingRuns(dataDir);
      const next = await start(t, { dataDir });
      assert.equal((await ask(next.socketDir, (sql) => sql`select seven from kept`))[0]?.["seven"], 7);
    });

    test("when its guard is killed: another one is started, and we may be killed then", async (t) => {
      const dataDir = await dataFolder(t);
      const host1 = host(t, { dataDir });
      const { socketDir = "" } = (await host1.says("ready")) ?? {};
      const guard = await pidOf(dataDir, "guard");
      const server = await pidOf(dataDir, "postgres");
      process.kill(guard, "SIGKILL");
      await eventually(
        "the old server to end and a new one to run",
        () => isGone(server) && host1.facts.some(({ message }) => message === "The database runs again"),
      );
      await answersAgain(socketDir);
      assert.notEqual(await pidOf(dataDir, "guard"), guard);
      assert.notEqual(await pidOf(dataDir, "postgres"), server);
      host1.child.kill("SIGKILL");
      await nothingRuns(dataDir);
    });

    test("when we end by ourselves after stopping it, and nothing of it keeps us alive", async (t) => {
      const dataDir = await dataFolder(t);
      const { child, says, ended } = host(t, { dataDir });
      await says("ready");
      child.stdin.end();
      assert.equal(await says("stopped"), true);
      const stoppedAt = Date.now();
      assert.deepEqual(await ended, [0, null]);
      assert.ok(Date.now() - stoppedAt < 3000, `${Date.now() - stoppedAt} ms`);
      assert.deepEqual(await processes(dataDir), []);
    });

    test("and Ctrl-C or a signal to our process group does not reach it before us", async (t) => {
      const dataDir = await dataFolder(t);
      await start(t, { dataDir });
      const guard = await pidOf(dataDir, "guard");
      assert.ok((await processes(dataDir)).every(({ group }) => group === guard));
      // Some supervisors tell every process of a service to end: the guard stays as long as we do.
      process.kill(guard, "SIGTERM");
      process.kill(guard, "SIGINT");
      await sleep(200);
      assert.equal(await pidOf(dataDir, "guard"), guard);
    });
  });

  describe("the database is started again", () => {
    test("when it is killed", async (t) => {
      const dataDir = await dataFolder(t);
      const { said, log } = keptLog();
      const { socketDir } = await start(t, { dataDir, log });
      process.kill(await pidOf(dataDir, "postgres"), "SIGKILL");
      await eventually("two lines in the log", () => said.length === 2);
      await answersAgain(socketDir);
      assert.match(said.join(""), /WARN {2}The database died: starting it again.*\n.*INFO {2}The database runs again/);
    });

    test("when it is killed together with its guard", async (t) => {
      const dataDir = await dataFolder(t);
      const { socketDir } = await start(t, { dataDir });
      const before = await processes(dataDir);
      for (const { pid } of before) kill(pid);
      const areNew = async () => {
        const now = await processes(dataDir);
        return now.length === 2 && now.every(({ pid }) => !before.some((old) => old.pid === pid));
      };
      await eventually("another guard and server", areNew, { everyMs: 50 });
      await answersAgain(socketDir);
    });

    test("when it shuts down because somebody told it to", async (t) => {
      const dataDir = await dataFolder(t);
      const { said, log } = keptLog();
      const { socketDir } = await start(t, { dataDir, log });
      process.kill(await pidOf(dataDir, "postgres"), "SIGINT");
      await eventually("the line that it runs again", () => said.some((line) => line.includes("runs again")));
      await answersAgain(socketDir);
    });

    test("until it has failed five times in a minute: then we are told, once", async (t) => {
      const dataDir = await dataFolder(t);
      const { said, log } = keptLog();
      let told = 0;
      const { stop } = await start(t, { dataDir, log, onGone: () => told++ });
      const kill = async () => {
        const running = (await processes(dataDir)).find(({ kind }) => kind === "postgres");
        if (running) await killed(running.pid);
        return told > 0;
      };
      await eventually("the end of the tries", kill, { everyMs: 50 });
      assert.match(said.at(-1) ?? "", /ERROR The database failed five times in a minute: giving up/);
      await nothingRuns(dataDir);
      await stop();
      assert.equal(told, 1);
    });

    test("but not when it is stopped, whatever it was doing at that moment", async (t) => {
      const dataDir = await dataFolder(t);
      for (const delayMilliseconds of [0, 5, 15, 40, 80]) {
        const { stop } = await start(t, { dataDir });
        await killed(await pidOf(dataDir, "postgres"));
        await sleep(delayMilliseconds);
        await Promise.all([stop(), stop()]);
        assert.deepEqual(await processes(dataDir), [], `${delayMilliseconds} ms after its death`);
      }
    });

    test("without a listener more on our process", async (t) => {
      const count = () => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
      const dataDir = await dataFolder(t);
      const before = count();
      const { socketDir } = await start(t, { dataDir });
      await killed(await pidOf(dataDir, "postgres"));
      await answersAgain(socketDir);
      assert.equal(count(), before);
    });

    test("and a fatal error that is not a client's end is logged", async (t) => {
      const dataDir = await dataFolder(t);
      const { said, log } = keptLog();
      const { socketDir } = await start(t, { dataDir, log, settings: { ...quick, max_connections: "4" } });
      const clients = Array.from({ length: 5 }, () => client(socketDir));
      await Promise.allSettled(clients.map((sql) => sql`select 1`));
      await Promise.all(clients.map((sql) => sql.end({ timeout: 0 })));
      assert.match(
        said.join(""),
        /WARN {2}The database reports a problem {2}line="FATAL: {2}sorry, too many clients already"/,
      );
    });
  });
});

async function killed(pid: number): Promise<void> {
  kill(pid);
  await eventually(`the end of process ${pid}`, () => isGone(pid));
}

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}
