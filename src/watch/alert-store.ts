import { randomUUID } from "node:crypto";
import type { Database } from "../database/connect.ts";
import { arrayOf, quotedArrayOf } from "../database/rows.ts";
import type { Channel } from "./alert-channels.ts";
import type { Condition } from "./condition.ts";

type Cause = Condition["cause"];

/** A message for one channel, as it is stored. Times are ISO 8601 text. */
export type StoredMessage = {
  id: string;
  at: string;
  channel: Channel;
  cause: Cause;
  connection: string;
  isOver: boolean;
  text: string;
  tries: number;
  sentAt: string | null;
  /** Why the last try failed; null before the first, and once it was sent. */
  problem: string | null;
  /** Null: it was sent, or given up. */
  nextTryAt: string | null;
};

/** What each service sees for itself counts as over when none has seen it for so long. */
const unseenSeconds = 60;
const leaseSeconds = 60;
const keptDays = 30;
const sentAtOnce = 10;

/** What is to be told and what was, shared by all services on one database. */
export function alertStoreIn(database: Pick<Database, "run">) {
  return {
    /**
     * Notes what is the case now, and makes the messages for what has begun: for each cause and connection at most one
     * beginning an hour, through restarts too. A repeated statement makes none twice.
     */
    began: (found: readonly (Condition & { text: string })[], channels: readonly Channel[]) =>
      database.run(async (sql) => {
        // In one order, so that two services cannot wait for each other.
        const rows = [...found].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
        // Not by the moment: two services may look in the same microsecond.
        const ours = randomUUID();
        await sql`
          with found as (
            select * from unnest(${arrayOf(rows, ({ cause }) => cause)}::text[], ${quotedArrayOf(rows, ({ connection }) => connection)}::text[],
              ${quotedArrayOf(rows, ({ text }) => text)}::text[]) as given (cause, connection, text)
          ), noted as (
            insert into alerts as known (cause, connection, begun_by)
            select cause, connection, ${ours}::uuid from found order by cause, connection
            on conflict (cause, connection) do update set
              seen_at = now(),
              began_at = case when ${beginsAgain(sql)} then now() else known.began_at end,
              over_at = case when ${beginsAgain(sql)} then null else known.over_at end,
              begun_by = case when ${beginsAgain(sql)} then excluded.begun_by else known.begun_by end
            returning cause, connection, begun_by = ${ours}::uuid as has_begun
          )
          insert into alert_messages (channel, cause, connection, is_over, text)
          select channel, cause, connection, false, text
          from noted join found using (cause, connection) cross join unnest(${arrayOf(channels, (channel) => channel)}::text[]) as channel
          where has_begun`;
      }),
    /** Those that are not over yet. Compared with the clock, since another service may have seen one after our statement began. */
    open: () =>
      database.run(
        (sql) => sql<{ cause: Cause; connection: string; isUnseen: boolean }[]>`
          select cause, connection, seen_at not between now() - ${unseenSeconds} * interval '1 second' and clock_timestamp() as "isUnseen"
          from alerts where over_at is null`,
      ),
    /** Ends one, and makes its messages. */
    over: (cause: Cause, connection: string, text: string, channels: readonly Channel[]) =>
      database.run(
        (sql) => sql`
          with ended as (
            update alerts set over_at = now()
            where cause = ${cause} and connection = ${connection} and over_at is null returning 1
          )
          insert into alert_messages (channel, cause, connection, is_over, text)
          select channel, ${cause}, ${connection}, true, ${text} from ended cross join unnest(${arrayOf(channels, (channel) => channel)}::text[]) as channel`,
      ),
    /** Takes messages to send; whoever takes one has a minute for it. */
    due: () =>
      database.run(
        (sql) => sql<StoredMessage[]>`
          update alert_messages set tries = tries + 1, next_try_at = now() + ${leaseSeconds} * interval '1 second'
          where id in (
            select id from alert_messages where next_try_at <= now() order by id limit ${sentAtOnce} for update skip locked
          )
          returning ${columns(sql)}`,
      ),
    sent: (id: string) =>
      database.run(
        (sql) => sql`
          update alert_messages set sent_at = now(), next_try_at = null, problem = null where id = ${id}::bigint`,
      ),
    /** `retrySeconds` null: it is given up. */
    failed: (id: string, problem: string, retrySeconds: number | null) =>
      database.run(
        (sql) => sql`
          update alert_messages set problem = ${problem}, next_try_at = now() + ${retrySeconds}::int * interval '1 second'
          where id = ${id}::bigint`,
      ),
    tidy: () =>
      database.run(
        (sql) =>
          sql`delete from alert_messages where at < now() - ${keptDays} * interval '1 day' and next_try_at is null`,
      ),
    /** The newest, for the panel. */
    newest: (count: number) =>
      database.run(
        (sql) => sql<StoredMessage[]>`select ${columns(sql)} from alert_messages order by id desc limit ${count}`,
      ),
  };
}

const keyOf = ({ cause, connection }: Pick<Condition, "cause" | "connection">) => `${cause} ${connection}`;

type Sql = Parameters<Parameters<Database["run"]>[0]>[0];

/** Over, and the last beginning was an hour ago; one of the future is of a clock that was wrong. */
const beginsAgain = (sql: Sql) =>
  sql`known.over_at is not null and known.began_at not between now() - interval '1 hour' and clock_timestamp()`;

const columns = (sql: Sql) => sql`
  id::text as id, at, channel, cause, connection, is_over as "isOver", text, tries, sent_at as "sentAt", problem,
  next_try_at as "nextTryAt"`;
