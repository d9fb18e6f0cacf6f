import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { drive } from "./load.ts";
import { rssMb } from "./measure.ts";
import { mixed, writeRequests } from "./requests.ts";
import { startSteam, steamSettings } from "./steam.ts";
import { type Bench, serviceTarget, stop, type Target } from "./targets.ts";

/** Resident memory at rest, after a million mixed requests, and after a second million: the load may not make it grow. */
export async function memory(bench: Bench): Promise<void> {
  const [count, words] = bench.quick ? [100_000, "100,000"] : [1_000_000, "a million"];
  const steam = await startSteam({ hangs: false });
  const target = await serviceTarget(bench, { env: steamSettings(steam.url) });
  const tell = (what: string, value: number | undefined, unit: string) => {
    if (value !== undefined) bench.figures.push({ name: `memory, ${what}`, value, unit });
  };
  await sleep(2_000);
  tell("at rest", await rssMb(target.server.pid), "MB");
  const first = await after(count, target, bench.folder);
  tell(`after ${words} requests`, first, "MB");
  const second = await after(count, target, bench.folder);
  tell(`after ${words} more`, first && second && second / first, "times that");
  await stop([target]);
  await steam.stop();
}

async function after(requests: number, { server }: Target, folder: string): Promise<number | undefined> {
  for (let sent = 0; sent < requests; ) {
    const file = await writeRequests(join(folder, "requests"), mixed(100_000));
    sent += (await drive(server.url, file, { connections: 32, seconds: 5 })).requests;
  }
  await sleep(2_000);
  return rssMb(server.pid);
}
