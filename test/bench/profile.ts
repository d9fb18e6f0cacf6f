import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { drive } from "./load.ts";
import { deliveries, queries, type Signed, writeRequests } from "./requests.ts";
import { type Bench, serviceTarget, stop } from "./targets.ts";

/** Where the service spends its time: the functions with the most of it, in µs per request. Goes to standard error. */
export async function profile(bench: Bench): Promise<void> {
  const loads: [string, () => Signed[]][] = [
    ["webhook", () => deliveries(400_000).requests],
    ["query-1", () => queries(1)],
    ["query-100", () => queries(100)],
  ];
  for (const [name, requests] of loads) {
    const folder = join(bench.folder, `profile-${name}`);
    const flags = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
    const target = await serviceTarget(bench, { flags, ...(bench.beside ? { checkout: bench.beside } : {}) });
    const file = await writeRequests(join(bench.folder, "requests"), requests());
    const load = await drive(target.server.url, file, { connections: 32, seconds: 8 });
    await stop([target]);
    const [profile = ""] = await readdir(folder);
    const text = await readFile(join(folder, profile), "utf8");
    process.stderr.write(`\n${name}: ${load.requests} requests\n${topOf(JSON.parse(text), load.requests)}\n`);
  }
}

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile; times in µs. */
type Profile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
};

function topOf({ nodes, samples, timeDeltas }: Profile, requests: number): string {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const micros = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const place = places.get(id) ?? "";
    micros.set(place, (micros.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const sorted = [...micros].sort(([, a], [, b]) => b - a).slice(0, 50);
  return sorted.map(([place, sum]) => `${(sum / requests).toFixed(2).padStart(8)}  ${place}`).join("\n");
}

function placeOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const file = url.replace(/^.*\/(dist|node_modules)\//, "");
  return `${functionName || "(anonymous)"}${file ? `  ${file}:${lineNumber + 1}` : ""}`;
}
