import { statfs } from "node:fs/promises";
import type { Connection } from "../connections/connections.ts";
import type { Database } from "../database/connect.ts";
import type { GateStatus } from "../steam-gate.ts";
import type { Condition } from "./condition.ts";
import { hoursSince, stateOf } from "./health.ts";

const steamAwayMs = 15 * 60_000;
const megabyte = 2 ** 20;

export type ConditionsDeps = {
  database: Pick<Database, "run">;
  steam: () => GateStatus;
  /** Why the last backup failed; undefined if it did not fail. */
  backupProblem: () => string | undefined;
  /** The data folder. */
  dataDir: string;
  now: () => Date;
  /** Of a clock that is never set (performance.now). */
  nowMs?: () => number;
};

/** What the operator should be told now, except for what concerns the database. */
export function conditionsIn(deps: ConditionsDeps): () => Promise<Condition[]> {
  const { database, now, nowMs = () => performance.now() } = deps;
  let steamAwaySinceMs: number | undefined;

  function ofSteam(): Condition[] {
    const { breaker, isForbidden } = deps.steam();
    if (breaker === "closed") {
      steamAwaySinceMs = undefined;
      return [];
    }
    if (isForbidden) return [{ cause: "steam-key-refused", connection: "" }];
    steamAwaySinceMs ??= nowMs();
    return nowMs() - steamAwaySinceMs >= steamAwayMs ? [{ cause: "steam-away", connection: "" }] : [];
  }

  function ofBackups(): Condition[] {
    const reason = deps.backupProblem();
    return reason === undefined ? [] : [{ cause: "backup-failed", connection: "", reason }];
  }

  async function ofDisk(): Promise<Condition[]> {
    const disk = await statfs(deps.dataDir).catch(() => undefined);
    if (!disk || !isNearlyFull(disk)) return [];
    const freeMegabytes = Math.floor((disk.bavail * disk.bsize) / megabyte);
    return [{ cause: "disk-nearly-full", connection: "", freeMegabytes }];
  }

  return async () => [...(await ofConnections(database, now())), ...ofSteam(), ...ofBackups(), ...(await ofDisk())];
}

/** Less than 200 MB free, or less than 5 % of a disk of up to 40 GB, and 2 GB of a larger one. */
export function isNearlyFull({ bavail, blocks, bsize }: { bavail: number; blocks: number; bsize: number }): boolean {
  return bavail * bsize < Math.max(200 * megabyte, Math.min((blocks * bsize) / 20, 2_048 * megabyte));
}

type Row = Pick<Connection, "kind" | "path" | "secret" | "enabled" | "isPaused" | "expectHours"> & {
  acceptedAt: string | null;
  refusedInARow: number;
  refusedCode: string | null;
};

async function ofConnections(database: Pick<Database, "run">, now: Date): Promise<Condition[]> {
  const rows = await database.run(
    (sql) => sql<Row[]>`
      select one.kind, one.path, secret, enabled, is_paused as "isPaused", expect_hours as "expectHours",
        accepted.at as "acceptedAt", coalesce(in_a_row.count, 0)::float8 as "refusedInARow", refused.code as "refusedCode"
      from connections as one
      left join refused_in_a_row as in_a_row using (kind, path)
      left join lateral (
        select at from accepted_requests where kind = one.kind and path = one.path order by id desc limit 1
      ) as accepted on true
      left join lateral (
        select code from refused_requests where kind = one.kind and path = one.path order by minute desc, at desc limit 1
      ) as refused on true
      where enabled order by one.kind, one.path`,
  );
  return rows.flatMap((row): Condition[] => {
    const connection = `${row.kind}/${row.path}`;
    const state = stateOf(row, row, now);
    if (state === "late" && row.acceptedAt !== null)
      return [{ cause: "late", connection, hours: hoursSince(row.acceptedAt, now) }];
    if (state === "refusing") return [{ cause: "refusing", connection, code: row.refusedCode ?? "" }];
    return [];
  });
}
