import type { Kind } from "../../src/connections/connections.ts";
import type { Sql } from "../../src/database/connect.ts";
import type { TestDatabase } from "./database.ts";

const hourMs = 3_600_000;

/** As long as a path can be, without a place to break it. */
export const longPath = "very-long-".repeat(26).slice(0, 255);

export const someSteamId = (index: number) => String(76561198000000000n + BigInt(index * 7_919));

/** What a panel shows after some days of work: connections of each kind, players, charts, logs, and values as long as can be. */
export async function fillPanel({ sql }: Pick<TestDatabase, "sql">, now = new Date()): Promise<void> {
  const ago = (hours: number) => new Date(now.getTime() - hours * hourMs).toISOString();
  await addConnection(sql, { kind: "battlemetrics", path: "eu-1", fixedGameId: 393380 });
  await addConnection(sql, { kind: "battlemetrics", path: longPath, secret: "0123456789abcdef".repeat(16) });
  await addConnection(sql, { kind: "script", path: "squadjs", oldSecretUntil: ago(-20) });
  await addConnection(sql, { kind: "script", path: "без-секрета", secret: null, enabled: false });

  const players = Array.from({ length: 60 }, (_, index) => ({
    id: someSteamId(index),
    // Few are new, many have played for long.
    steam: index % 9 === 0 ? null : Math.round(3_600 * 1.13 ** index * (1 + (index % 4))),
    bm: index % 5 === 0 ? null : Math.round(900 * 1.11 ** index),
    status: index % 9 === 0 ? "private" : "ok",
    at: ago(index * 0.7 + 0.1),
  }));
  await sql`
    insert into playtimes (steam_id, game_id, steam_seconds, steam_status, steam_checked_at, bm_seconds, bm_signed_at, created_at, updated_at)
    select id, 393380, steam, status, at, bm, case when bm is not null then at end, at, at
    from json_to_recordset(${JSON.stringify(players)}::text::json) as one
      (id bigint, steam int, bm int, status text, at timestamptz)`;

  await sql`update playtimes set seen_at = bm_signed_at where bm_signed_at is not null`;
  await sql`
    insert into playtime_days (steam_id, game_id, day, seconds)
    select steam_id, game_id, ${now.toISOString().slice(0, 10)}::date - back, 900 + (steam_id + back * 7919) % 14400
    from playtimes cross join generate_series(0, 89) as back
    where seen_at is not null and (steam_id / 7919 + back) % 3 <> 0`;
  await sql`insert into playtime_days values (${someSteamId(1)}, 440, ${now.toISOString().slice(0, 10)}, 600)`;
  await sql`
    insert into player_names values (${someSteamId(1)}, ${"Ш".repeat(64)}, now()), (${someSteamId(2)}, 'Anna', now()),
      (${someSteamId(10)}, 'Пётр', now())`;

  const counts = Array.from({ length: 24 }, (_, hour) => hour).flatMap((hour) => {
    const evening = Math.round(40 + 30 * Math.sin((hour + 7) / 3.8));
    return [
      { hours: hour, kind: "battlemetrics", path: "eu-1", outcome: "accepted", count: evening * 9 },
      { hours: hour, kind: "battlemetrics", path: "eu-1", outcome: "ignored", count: Math.round(evening / 4) },
      { hours: hour, kind: "battlemetrics", path: "eu-1", outcome: "refused", count: hour === 5 ? 61 : 0 },
      { hours: hour, kind: "script", path: "squadjs", outcome: "accepted", count: evening * 3 },
      { hours: hour, kind: "script", path: "", outcome: "refused", count: hour === 9 ? 14 : 0 },
    ].map((one) => ({ ...one, at: ago(hour) }));
  });
  await sql`
    insert into hourly_counts (hour, kind, path, outcome, count)
    select date_trunc('hour', at, 'UTC'), kind, path, outcome, count
    from json_to_recordset(${JSON.stringify(counts)}::text::json) as one
      (at timestamptz, kind text, path text, outcome text, count bigint) where count > 0`;

  const accepted = Array.from({ length: 10 }, (_, index) => ({
    kind: index % 2 ? "script" : "battlemetrics",
    path: index % 2 ? "squadjs" : "eu-1",
    at: ago((10 - index) / 20),
    ignored: index % 4 === 0,
    player: index % 2 ? null : someSteamId(index),
    players: index % 2 ? index : 1,
    duration: 1.5 + (index % 7) * 1.3,
    request: index % 3 ? `request-${index}` : "x".repeat(64),
  }));
  await sql`
    insert into accepted_requests (kind, path, at, is_ignored, steam_id, players, duration_ms, request_id)
    select kind, path, at, ignored, player, players, duration, request
    from json_to_recordset(${JSON.stringify(accepted)}::text::json) as one
      (kind text, path text, at timestamptz, ignored boolean, player bigint, players int, duration real, request text)`;

  const refused = [
    { path: "eu-1", code: "bad-signature", count: 61, hours: 5, reason: "The signature does not match." },
    { path: "eu-1", code: "malformed", count: 1, hours: 7, reason: `body.playtime must be ${"a number, ".repeat(60)}` },
    { path: "eu-1", code: "stale-timestamp", count: 3_000, hours: 8, reason: "w".repeat(600) },
    { path: "", code: "unknown-path", count: 14, hours: 9, reason: "z".repeat(200) },
    { path: longPath, code: "bad-signature", count: 7, hours: 0.2, reason: "The signature does not match." },
  ].map((one) => ({ ...one, kind: one.path === "" ? "script" : "battlemetrics", at: ago(one.hours) }));
  await sql`
    insert into refused_requests (kind, path, minute, code, count, at, reason, steam_id, duration_ms, request_id)
    select kind, path, date_trunc('minute', at), code, count, at, reason, null, 0.4, ${"y".repeat(64)}
    from json_to_recordset(${JSON.stringify(refused)}::text::json) as one
      (kind text, path text, code text, count bigint, at timestamptz, reason text)`;
  await sql`insert into refused_in_a_row values ('battlemetrics', ${longPath}, 7, false)`;
  await sql`
    insert into alert_messages (at, channel, cause, connection, is_over, text, tries, next_try_at, sent_at, problem)
    values (now() - interval '1 hour', 'discord', 'refusing', ${`battlemetrics/${longPath}`}, false,
        ${`The last requests to "${longPath}" were refused.`}, 1, null, now(), null),
      (now() - interval '1 minute', 'telegram', 'steam-away', '', false, 'Steam has not answered for 15 minutes.', 3,
        now() + interval '5 minutes', null, 'Telegram answered 401: the token is wrong')`;
}

type NewConnection = {
  kind: Kind;
  path: string;
  secret?: string | null;
  enabled?: boolean;
  fixedGameId?: number;
  oldSecretUntil?: string;
};

async function addConnection(
  sql: Sql,
  { kind, path, secret = "0123456789abcdef".repeat(4), enabled = true, fixedGameId, oldSecretUntil }: NewConnection,
): Promise<void> {
  const old = oldSecretUntil === undefined ? null : "fedcba9876543210".repeat(4);
  await sql`
    insert into connections (kind, path, secret, enabled, fixed_game_id, old_secret, old_secret_until)
    values (${kind}, ${path}, ${secret}, ${enabled}, ${fixedGameId ?? null}, ${old}, ${oldSecretUntil ?? null})`;
}
