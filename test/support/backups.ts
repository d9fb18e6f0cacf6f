// What the tests of backups share: databases to back up, and files to restore.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { cli } from "./cli.ts";
import { createTestDatabase, environmentOf, type TestDatabase } from "./database.ts";

export async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "playtime-backup-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function emptyDatabase(t: TestContext): Promise<TestDatabase> {
  const db = await createTestDatabase();
  t.after(db.drop);
  return db;
}

/** Two connections and some hundred players, with every kind of value. */
export async function filledDatabase(t: TestContext, players = 600): Promise<TestDatabase> {
  const db = await emptyDatabase(t);
  await db.sql`
    insert into connections (kind, path, secret, enabled, fixed_game_id, created_at, updated_at) values
      ('battlemetrics', 'сервер-один', ${'quotes " \' \\ {"end"\n and \u2028 lines'}, true, 393380, '2026-01-02 03:04:05.678901+00', now()),
      ('script', 'plugin', null, false, null, now(), now())`;
  await db.sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at)
    select 76561198000000000 + n, n % 3, case when n % 2 = 0 then n end, case when n % 2 = 0 then 'ok' else 'unchecked' end,
      case when n % 2 = 0 then now() - n * interval '1 minute' end, case when n % 5 > 0 then 2147483647 - n end,
      case when n % 5 > 0 then '2026-02-03 04:05:06.789+00'::timestamptz + n * interval '1 ms' end, now() - interval '1 year', now()
    from generate_series(1, ${players}::int) n`;
  await db.sql`
    update playtimes set seen_at = bm_signed_at - case when game_id = 0 then interval '1 day' else '0' end,
      org_seconds = bm_seconds / 2, org_signed_at = bm_signed_at - interval '1 hour'
    where bm_signed_at is not null and game_id < 2`;
  await db.sql`
    insert into playtime_days (steam_id, game_id, day, seconds)
    select steam_id, game_id, date '2026-02-03' - back, 1 + bm_seconds % 86400
    from playtimes, generate_series(0, 1) back where bm_seconds is not null and game_id = 1`;
  await db.sql`
    insert into player_names (steam_id, name, checked_at)
    select steam_id, case when game_id = 0 then ${"quotes \" ' \\ \u2028 🎉"} end, now() from playtimes where steam_id % 10 < 2`;
  return db;
}

/** Everything, to the microsecond. */
export async function contentOf({ sql }: TestDatabase) {
  const connections = await sql`select to_jsonb(connections)::text as row from connections order by kind, path`;
  const playtimes = await sql`select to_jsonb(playtimes)::text as row from playtimes order by steam_id, game_id`;
  const days =
    await sql`select to_jsonb(playtime_days)::text as row from playtime_days order by steam_id, game_id, day`;
  const names = await sql`select to_jsonb(player_names)::text as row from player_names order by steam_id`;
  return [...connections, ...playtimes, ...days, ...names].map(({ row }) => row);
}

export const run = (db: TestDatabase, args: string) => cli(args, { env: environmentOf(db) });

export async function backupOf(t: TestContext, db: TestDatabase): Promise<string> {
  const file = join(await scratch(t), "all.backup");
  const { code, err } = await run(db, `backup ${file}`);
  assert.deepEqual([code, err], [0, ""]);
  return file;
}

/** The same backup with other lines, and with the checksum that belongs to them. */
export async function rewrite(file: string, change: (lines: string[]) => string[]): Promise<void> {
  const lines = gunzipSync(await readFile(file))
    .toString()
    .trimEnd()
    .split("\n")
    .slice(0, -1);
  const text = `${change(lines).join("\n")}\n`;
  const sha256 = createHash("sha256").update(text).digest("hex");
  await writeFile(file, gzipSync(`${text}${JSON.stringify({ end: true, sha256 })}\n`));
}

/** Restores what must not be restored: exit code 1 with these words, and nothing is changed. */
export async function assertRefused(db: TestDatabase, file: string, words: RegExp): Promise<void> {
  const before = await contentOf(db);
  const { code, err } = await run(db, `restore ${file} --replace --yes`);
  assert.equal(code, 1, err);
  assert.match(err, words);
  assert.equal(err.trim().split("\n").length, 1, err);
  assert.deepEqual(await contentOf(db), before);
}
