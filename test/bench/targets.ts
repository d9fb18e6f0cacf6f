import type { Row } from "./compare.ts";
import { asSettings, type BenchDatabase, type DatabaseServer } from "./database.ts";
import { type Running, startHelper, startService } from "./processes.ts";

export type Bench = {
  /** For files, removed at the end. */
  folder: string;
  database: DatabaseServer;
  rounds: number;
  seconds: number;
  warmSeconds: number;
  quick: boolean;
  /** Another checkout, the service of which takes part in every round. */
  beside: string | undefined;
  /** What was measured so far. */
  rows: Row[];
  figures: Figure[];
};

export type Figure = { name: string; value: number; unit: string };

/** A server under load; `name` is that of its row in the table. */
export type Target = { name: string; server: Running; database?: BenchDatabase };

export const bare = "bare node:http";
export const reference = "reference";
export const service = "service";
export const beside = "beside";

export const usualRows = 10_000;

export async function bareTarget(): Promise<Target> {
  return { name: bare, server: await startHelper("bare.ts") };
}

export async function referenceTarget(bench: Bench): Promise<Target> {
  const database = await bench.database.create(usualRows);
  return { name: reference, server: await startHelper("reference.ts", [JSON.stringify(database.address)]), database };
}

type ServiceOptions = { name?: string; rows?: number; checkout?: string; env?: NodeJS.ProcessEnv; flags?: string[] };

export async function serviceTarget(bench: Bench, options: ServiceOptions = {}): Promise<Target & Stored> {
  const { name = service, rows = usualRows, env = {}, ...start } = options;
  const database = await bench.database.create(rows, options.checkout);
  return { name, server: await startService({ ...asSettings(database.address), ...env }, start), database };
}

export type Stored = { database: BenchDatabase };

/** The service, and that of the other checkout when one is named. */
export async function services(bench: Bench, options: ServiceOptions = {}): Promise<Target[]> {
  const own = await serviceTarget(bench, options);
  if (bench.beside === undefined) return [own];
  return [own, await serviceTarget(bench, { ...options, name: beside, checkout: bench.beside })];
}

export async function stop(targets: readonly Target[]): Promise<void> {
  await Promise.all(targets.map(({ server }) => server.stop()));
}
