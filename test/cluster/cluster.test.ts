import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, test } from "node:test";
import { nodeArgs } from "../support/program.ts";
import { makeNetwork, on, removeNetwork } from "./network.ts";

const programs = ["patroni", "patronictl", "etcd", "haproxy", "ip", "iptables", "nsenter", "setpriv", "psql"];
const missing = programs.filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
const server = "/usr/lib/postgresql/15/bin/postgres";
if (!existsSync(server)) missing.push(server);

const lacking =
  process.getuid?.() !== 0
    ? "needs root, for network namespaces"
    : missing.length > 0
      ? `needs ${missing.join(", ")}: apt-get install postgresql-15 patroni etcd-server haproxy iproute2 iptables`
      : undefined;

/** Runs the scenario on the front's machine; what it says is shown as it comes. */
function scenario(way: string): Promise<{ code: number | null; text: string }> {
  const [program, ...args] = on("front", process.execPath, ...nodeArgs("test/cluster/scenario.ts"), way);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    process.stdout.write(part);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, text })));
}

describe("two replicas of the service and a database of three machines", { skip: lacking, timeout: 600_000 }, () => {
  // With the network ends all that ran there, Postgres too, which is no child of Patroni.
  beforeEach(makeNetwork);
  afterEach(removeNetwork);

  for (const [way, words] of [
    ["haproxy", "HAProxy before the database"],
    ["hosts", "several hosts in DATABASE_URL"],
  ] as const)
    test(`with ${words}: a switchover, a killed replica, a killed machine and a cut network lose nothing acknowledged`, async () => {
      const { code, text } = await scenario(way);
      assert.equal(code, 0, text);
    });
});
