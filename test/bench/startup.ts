import { join } from "node:path";
import { asSettings } from "./database.ts";
import { median } from "./measure.ts";
import { type Running, start, startService, usualSettings } from "./processes.ts";
import { type Bench, usualRows } from "./targets.ts";

/** From the start of the process to its first answer. */
export async function startUp(bench: Bench): Promise<void> {
  const { address } = await bench.database.create(usualRows);
  const times = bench.quick ? 1 : 7;
  const tell = (name: string, value: number) => bench.figures.push({ name, value, unit: "s to the first answer" });

  tell("start, compiled, on a running Postgres", await timed(times, () => startService(asSettings(address))));
  const npmStart = (folder: string) => () =>
    start("npm", ["start"], {
      env: { ...usualSettings, PLAYTIME_SERVER_DATA_DIR: join(bench.folder, folder) },
      group: true,
    });
  tell("npm start, first ever", await timed(1, npmStart("first")));
  tell("npm start, embedded database", await timed(times, npmStart("first")));
  const env = { PLAYTIME_SERVER_DATA_DIR: join(bench.folder, "first") };
  tell("start, compiled, embedded database", await timed(times, () => startService(env)));
}

async function timed(times: number, run: () => Promise<Running>): Promise<number> {
  const all: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const startMs = performance.now();
    const server = await run();
    const answer = await fetch(`${server.url}/readyz`);
    all.push((performance.now() - startMs) / 1_000);
    await server.stop();
    if (answer.status !== 200) throw new Error(`No figures: the first answer was ${answer.status}.`);
  }
  return median(all) ?? 0;
}
