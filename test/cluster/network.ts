import { execFileSync } from "node:child_process";

/**
 * Machines on one machine: each a network namespace, whose only connection is a bridge in the front's. Nothing leaves the
 * machine, and nothing collides with what runs there. Needs root.
 */
export const front = "10.77.0.1";
export const nodes = { n1: "10.77.0.11", n2: "10.77.0.12", n3: "10.77.0.13" } as const;
export type Node = keyof typeof nodes;
export const nodeNames: Node[] = ["n1", "n2", "n3"];

const namespace = (name: string) => `playtime-${name}`;
const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** The command, as it runs on that machine. */
export const on = (name: Node | "front", ...command: string[]): [string, ...string[]] => [
  "nsenter",
  `--net=/run/netns/${namespace(name)}`,
  ...command,
];

export function makeNetwork(): void {
  removeNetwork();
  const bridge = namespace("front");
  ip("netns", "add", bridge);
  ip("-n", bridge, "link", "set", "lo", "up");
  ip("-n", bridge, "link", "add", "br0", "type", "bridge");
  ip("-n", bridge, "addr", "add", `${front}/24`, "dev", "br0");
  ip("-n", bridge, "link", "set", "br0", "up");
  for (const name of nodeNames) {
    const own = namespace(name);
    ip("netns", "add", own);
    ip("-n", own, "link", "set", "lo", "up");
    ip("-n", bridge, "link", "add", `v${name}`, "type", "veth", "peer", "name", "eth0", "netns", own);
    ip("-n", bridge, "link", "set", `v${name}`, "master", "br0", "up");
    ip("-n", own, "addr", "add", `${nodes[name]}/24`, "dev", "eth0");
    ip("-n", own, "link", "set", "eth0", "up");
  }
}

/** Ends what a broken run left there, too: only processes in these namespaces. */
export function removeNetwork(): void {
  const existing = ip("netns", "list");
  for (const name of ["front", ...nodeNames]
    .map(namespace)
    .filter((one) => new RegExp(`^${one}\\b`, "m").test(existing))) {
    for (const pid of ip("netns", "pids", name)
      .split("\n")
      .filter((line) => line !== "")
      .map(Number))
      if (pid !== process.pid) kill(pid, "SIGKILL");
    ip("netns", "del", name);
  }
}

/** A wall: packets vanish, and nobody is told. */
export function cutOff(name: Node): void {
  for (const [chain, way] of [
    ["INPUT", "-i"],
    ["OUTPUT", "-o"],
  ] as const)
    run(on(name, "iptables", "-A", chain, "!", way, "lo", "-j", "DROP"));
}

export const reconnect = (name: Node) => run(on(name, "iptables", "-F"));

function run([program, ...args]: [string, ...string[]]): void {
  execFileSync(program, args, { stdio: ["ignore", "pipe", "pipe"] });
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
