import { randomBytes } from "node:crypto";
import type { Database } from "../database/connect.ts";
import { errorCode } from "../error-code.ts";
import { Malformed, type Parser } from "../parse.ts";
import { normalPath } from "./paths.ts";

/** A row that lets someone in. */
export type Connection = {
  kind: Kind;
  path: string;
  /** Null until one is set; never empty. */
  secret: string | null;
  enabled: boolean;
  fixedGameId: number | null;
  /** After how many hours without a delivery it is late; null: never. */
  expectHours: number | null;
  /** Its signatures are checked, and what was sent is dropped. */
  isPaused: boolean;
  /** The secret that it had before, accepted too until that time; both or none. */
  oldSecret: string | null;
  /** ISO 8601 text, as all times here. */
  oldSecretUntil: string | null;
  createdAt: string;
  updatedAt: string;
};

export const kinds = ["battlemetrics", "script"] as const;
export type Kind = (typeof kinds)[number];

/** The address of a connection below the service's own. */
export function addressOf({ kind, path }: Pick<Connection, "kind" | "path">): string {
  return `${kind === "battlemetrics" ? "/set-playtime/bm/" : "/get-playtime/"}${encodeURIComponent(path)}/`;
}

export const secretText: Parser<string> = (value, place) => {
  if (typeof value !== "string" || value === "" || value.includes("\0"))
    throw new Malformed(place, "a text that is not empty");
  return value;
};

/** 256 bits, as BattleMetrics itself makes them. */
export const makeSecret = () => randomBytes(32).toString("hex");

/** Shorter secrets are taken with a warning. */
export const shortSecretCharacters = 16;

export type NewConnection = Pick<Connection, "kind" | "path" | "secret" | "enabled" | "fixedGameId">;

/** The table, as the CLI and the panel change it. */
export function connectionsIn(database: Pick<Database, "run">) {
  /** Undefined also for a path that none can have, such as one with NUL, which Postgres would refuse. */
  const one = async (kind: Kind, path: string) => {
    if (path.includes("\0")) return undefined;
    return database.run(async (sql) => {
      const [found] = await sql<Connection[]>`
        ${columns(sql)} where kind = ${kind} and path in (${path}, ${normalPath(path)}) order by path = ${path} desc limit 1`;
      return found;
    });
  };

  return {
    list: () => database.run((sql) => sql<Connection[]>`${columns(sql)} order by kind, path`),
    one,
    add: ({ kind, path, secret, enabled, fixedGameId }: NewConnection): Promise<"added" | "path-taken"> => {
      let tries = 0;
      return database.run(async (sql) => {
        const { count } = await sql`
          insert into connections (kind, path, secret, enabled, fixed_game_id, expect_hours)
          values (${kind}, ${path}, ${secret}, ${enabled}, ${fixedGameId}, ${kind === "script" ? null : usualExpectHours})
          on conflict do nothing`;
        tries += 1;
        if (count === 1) return "added";
        // The first time it may have been stored, and only the answer was lost.
        const [same] = await sql`
          select from connections where kind = ${kind} and path = ${path} and enabled = ${enabled}
            and secret is not distinct from ${secret} and fixed_game_id is not distinct from ${fixedGameId}`;
        return same && tries > 1 ? "added" : "path-taken";
      });
    },
    setEnabled: ({ kind, path }: Key, enabled: boolean) =>
      database.run(
        (sql) =>
          sql`update connections set enabled = ${enabled}, updated_at = now() where kind = ${kind} and path = ${path}`,
      ),
    setPaused: ({ kind, path }: Key, isPaused: boolean) =>
      database.run(
        (sql) => sql`
          update connections set is_paused = ${isPaused}, updated_at = now() where kind = ${kind} and path = ${path}`,
      ),
    /** Null: it is never late. */
    setExpectHours: ({ kind, path }: Key, hours: number | null) =>
      database.run(
        (sql) => sql`
          update connections set expect_hours = ${hours}, updated_at = now() where kind = ${kind} and path = ${path}`,
      ),
    /** The one before is accepted too for that long. To set the same once more leaves the one before it as it is. */
    setSecret: ({ kind, path }: Key, secret: string, { keepOldSeconds = 0, keepsOldest = false }: Keeping = {}) =>
      database.run(
        (sql) => sql`
          update connections set secret = ${secret}, updated_at = now(),
            old_secret = case when kept.seconds = 0 then null when secret = ${secret} or kept.oldest then old_secret else secret end,
            old_secret_until = case when kept.seconds = 0 or secret is null then null when secret = ${secret} then old_secret_until
              else greatest(case when kept.oldest then old_secret_until end, now() + kept.seconds * interval '1 second') end
          from (
            select kind, path, ${keepOldSeconds}::int as seconds,
              ${keepsOldest} and old_secret is not null and old_secret_until > now() as oldest
            from connections where kind = ${kind} and path = ${path}
          ) as kept where (connections.kind, connections.path) = (kept.kind, kept.path)`,
      ),
    dropOldSecret: ({ kind, path }: Key) =>
      database.run(
        (sql) => sql`
          update connections set old_secret = null, old_secret_until = null, updated_at = now()
          where kind = ${kind} and path = ${path}`,
      ),
    /** Another path or game; what is known of its requests goes along. */
    change: async (
      { kind, path }: Key,
      to: Pick<Connection, "path" | "fixedGameId">,
    ): Promise<"changed" | "path-taken" | "gone"> => {
      let tries = 0;
      try {
        return await database.run(async (sql) => {
          const { count } = await sql`
            with changed as (
              update connections set path = ${to.path}, fixed_game_id = ${to.fixedGameId}, updated_at = now()
              where kind = ${kind} and path = ${path} returning 1
            ), counts as (update hourly_counts set path = ${to.path} where kind = ${kind} and path = ${path}
            ), accepted as (update accepted_requests set path = ${to.path} where kind = ${kind} and path = ${path}
            ), refused as (update refused_requests set path = ${to.path} where kind = ${kind} and path = ${path}
            ), in_a_row as (update refused_in_a_row set path = ${to.path} where kind = ${kind} and path = ${path}
            ) select 1 from changed`;
          tries += 1;
          if (count === 1) return "changed";
          // As above.
          const [same] = await sql`
            select from connections where kind = ${kind} and path = ${to.path}
              and fixed_game_id is not distinct from ${to.fixedGameId}`;
          return same && tries > 1 ? "changed" : "gone";
        });
      } catch (error) {
        if (errorCode(error) === uniqueViolation) return "path-taken";
        throw error;
      }
    },
    /** With what is known of its requests. */
    remove: ({ kind, path }: Key) =>
      database.run(
        (sql) => sql`
          with counts as (delete from hourly_counts where kind = ${kind} and path = ${path}
          ), accepted as (delete from accepted_requests where kind = ${kind} and path = ${path}
          ), refused as (delete from refused_requests where kind = ${kind} and path = ${path}
          ), in_a_row as (delete from refused_in_a_row where kind = ${kind} and path = ${path}
          ) delete from connections where kind = ${kind} and path = ${path}`,
      ),
  };
}

/** Of a webhook; a script may ask seldom. */
export const usualExpectHours = 24;
export const mostExpectHours = 8_760;

/**
 * What stays accepted beside a new secret, and for how long; 0: nothing. The secret before it, or with `keepsOldest` the one
 * before that, while it is still accepted: the sender may not have been changed since.
 */
export type Keeping = { keepOldSeconds?: number; keepsOldest?: boolean };

type Key = Pick<Connection, "kind" | "path">;

const uniqueViolation = "23505";
type Run = Parameters<Parameters<Database["run"]>[0]>[0];

const columns = (sql: Run) => sql`
  select kind, path, secret, enabled, fixed_game_id as "fixedGameId", expect_hours as "expectHours",
    is_paused as "isPaused", old_secret as "oldSecret",
    old_secret_until as "oldSecretUntil", created_at as "createdAt", updated_at as "updatedAt"
  from connections`;

/** Whether `isRight` says so of its secret, or of the one before while that is still accepted. */
export function anySecret(
  { secret, oldSecret, oldSecretUntil }: Connection,
  at: Date,
  isRight: (secret: string) => boolean,
): boolean {
  if (secret !== null && isRight(secret)) return true;
  return oldSecret !== null && at.toISOString() < (oldSecretUntil ?? "") && isRight(oldSecret);
}
