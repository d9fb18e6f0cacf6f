import { execFile, execFileSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { heapFlags } from "../support/heap-flags.ts";
import { nodeArgs } from "../support/program.ts";
import { front, type Node, nodeNames, nodes, on } from "./network.ts";
import { killTree, start, until } from "./processes.ts";
import { get } from "./requests.ts";

const passwords = {
  SUPERUSER_PASSWORD: "super-secret",
  REPLICATION_PASSWORD: "replication-secret",
  REWIND_PASSWORD: "rewind-secret",
  service: "playtime-secret",
};
const postgres = { uid: idOf("-u"), gid: idOf("-g") };
/** Below the temp folder, open to the user postgres. */
const folder = mkdtempSync(join(tmpdir(), "playtime-cluster-"));
const configs = fileURLToPath(new URL("../../configs/cluster/", import.meta.url));

function idOf(flag: "-u" | "-g"): number {
  return Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
}

const asPostgres = (...command: string[]) => [
  "setpriv",
  `--reuid=${postgres.uid}`,
  `--regid=${postgres.gid}`,
  "--clear-groups",
  ...command,
];

const log = (name: string) => join(folder, `${name}.log`);
/** Of a program that the lab started. */
export const logOf = (name: string) => readFileSync(log(name), "utf8");
export const labFolder = folder;

function filled(file: string, values: Record<string, string>): string {
  return readFileSync(join(configs, file), "utf8")
    .replace(/^[#;].*$/gm, "")
    .replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

function startEtcd(name: Node): void {
  const address = nodes[name];
  const members = nodeNames.map((one) => `${one}=http://${nodes[one]}:2380`).join(",");
  const args = {
    "--name": name,
    "--data-dir": join(folder, name, "etcd"),
    "--listen-client-urls": `http://${address}:2379`,
    "--advertise-client-urls": `http://${address}:2379`,
    "--listen-peer-urls": `http://${address}:2380`,
    "--initial-advertise-peer-urls": `http://${address}:2380`,
    "--initial-cluster": members,
    "--initial-cluster-state": "new",
    "--log-level": "warn",
  };
  const command = asPostgres("etcd", ...Object.entries(args).flat(), "--enable-v2");
  start(`etcd-${name}`, on(name, ...command), { log: log(`etcd-${name}`), env: { HOME: folder } });
}

export function startPatroni(name: Node): void {
  const file = join(folder, name, "patroni.yml");
  const all = Object.fromEntries(nodeNames.map((one) => [one.toUpperCase(), nodes[one]]));
  const own = { NAME: name, ADDRESS: nodes[name], DATA: join(folder, name, "data"), RUN: join(folder, name) };
  writeFileSync(file, filled("patroni.yml", { ...all, ...own, ...passwords, SUBNET: "10.77.0.0/24" }));
  chownSync(file, postgres.uid, postgres.gid);
  start(`patroni-${name}`, on(name, ...asPostgres("patroni", file)), {
    log: log(`patroni-${name}`),
    env: { HOME: folder },
  });
}

/** Patroni and its Postgres at once, as when a machine loses its power. */
export function killNode(name: Node): void {
  const pidFile = join(folder, name, "data/postmaster.pid");
  const [postmaster = ""] = readFileSync(pidFile, "utf8").split("\n");
  killTree(`patroni-${name}`, [Number(postmaster)]);
}

function startHaproxy(): void {
  const file = join(folder, "haproxy.cfg");
  const all = Object.fromEntries(nodeNames.map((one) => [one.toUpperCase(), nodes[one]]));
  writeFileSync(file, filled("haproxy.cfg", { ...all, FRONT: front, S1: `${front}:8001`, S2: `${front}:8002` }));
  start("haproxy", on("front", "haproxy", "-db", "-f", file), { log: log("haproxy") });
}

/** How the service reaches the database. */
export const ways = {
  haproxy: `postgres://playtime:${passwords.service}@${front}:5000/playtime?target_session_attrs=primary`,
  hosts: `postgres://playtime:${passwords.service}@${nodeNames.map((name) => `${nodes[name]}:5432`).join(",")}/playtime`,
};

export function startReplica(name: "p1" | "p2", port: number, databaseUrl: string): void {
  const data = join(folder, name);
  mkdirSync(data, { recursive: true });
  start(name, on("front", process.execPath, ...heapFlags, ...nodeArgs("src/main.ts")), {
    log: log(name),
    cwd: data,
    env: {
      DATABASE_URL: databaseUrl,
      PLAYTIME_SERVER_HOST: front,
      PLAYTIME_SERVER_PORT: String(port),
      PLAYTIME_SERVER_DATA_DIR: join(data, "data"),
      PLAYTIME_SERVER_TRUST_PROXY: "true",
    },
  });
}

type Member = { name: Node; role: string; state: string; lag?: number | string };

async function members(): Promise<Member[]> {
  for (const name of nodeNames) {
    const answer = await get(`http://${nodes[name]}:8008/cluster`).catch(() => undefined);
    if (answer?.status === 200) return JSON.parse(answer.body).members;
  }
  return [];
}

export async function primary(): Promise<Node | undefined> {
  for (const name of nodeNames) {
    const answer = await get(`http://${nodes[name]}:8008/primary`).catch(() => undefined);
    if (answer?.status === 200) return name;
  }
  return undefined;
}

/** All three are there, one leads, and one is synchronous. */
export async function isWhole(): Promise<boolean> {
  const all = await members();
  const count = (role: string) => all.filter((one) => one.role === role).length;
  const isUpToDate = ({ role, lag }: Member) => role === "leader" || Number(lag) < 1_000_000;
  const areWell = all.every((one) => one.state === "running" && isUpToDate(one));
  return all.length === 3 && areWell && count("leader") === 1 && count("sync_standby") >= 1;
}

export function psql(name: Node, statement: string, database = "playtime"): string {
  const command = ["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", nodes[name], "-U", "postgres", "-d", database];
  const [program, ...args] = on(
    "front",
    "env",
    `PGPASSWORD=${passwords.SUPERUSER_PASSWORD}`,
    ...command,
    "-c",
    statement,
  );
  return execFileSync(program, args, { encoding: "utf8", maxBuffer: 2 ** 28, timeout: 20_000 }).trim();
}

export async function switchOver(): Promise<void> {
  const file = join(folder, "n1/patroni.yml");
  const command = asPostgres("env", `HOME=${folder}`, "patronictl", "-c", file, "switchover", "playtime", "--force");
  const [program, ...args] = on("front", ...command);
  await promisify(execFile)(program, args);
}

/** The three database machines with an empty database of ours, and HAProxy. */
export async function startCluster(): Promise<void> {
  chownSync(folder, postgres.uid, postgres.gid);
  for (const name of nodeNames) {
    mkdirSync(join(folder, name));
    chownSync(join(folder, name), postgres.uid, postgres.gid);
  }
  for (const name of nodeNames) startEtcd(name);
  for (const name of nodeNames) startPatroni(name);
  await until("three database machines, one leads and one is synchronous", isWhole, 120);
  const leader = (await primary()) ?? "n1";
  psql(leader, `create user playtime password '${passwords.service}'`, "postgres");
  psql(leader, "create database playtime owner playtime", "postgres");
  startHaproxy();
}
