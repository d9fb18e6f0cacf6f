import { createHash, randomBytes } from "node:crypto";
import { coalesce } from "../coalesce.ts";
import type { Database } from "../database/connect.ts";
import { configPasswordName, passwordName } from "../panel-settings.ts";
import { hashPassword, isPassword } from "./password.ts";

const idleHours = 12;
export const mostDays = 30;
export const linkMinutes = 10;

/** Whether it has the form of what `begin` and `makeLink` make. */
const isToken = (text: string) => /^[\w-]{43}$/.test(text);
export const isLink = isToken;

type SignedIn = { token: string; isUse: boolean };

// Strangers can ask too: however many do, only one statement runs at a time.
const looks = { batchSize: 500, waitingItems: 2_000, concernsAll: () => true };

/** The panel's password and who is signed in, as the panel and the CLI change them. */
export function signInsIn(database: Pick<Database, "run">) {
  const readHash = coalesce<undefined, string | undefined>({
    ...looks,
    run: async () => {
      const rows = await database.run(
        (sql) => sql<{ value: string }[]>`
          select value from panel_settings where name in (${configPasswordName}, ${passwordName})
          order by name = ${configPasswordName} desc limit 1`,
      );
      return () => rows[0]?.value;
    },
  });

  const look = coalesce<SignedIn, boolean>({ ...looks, run: lookUp });
  let mark: Promise<string> | undefined;

  async function readMark(): Promise<string> {
    const [made] = await database.run(
      (sql) => sql<{ text: string }[]>`
        select pg_database.oid || ' ' || min(applied_at) as text from pg_database, schema_files
        where datname = current_database() group by pg_database.oid`,
    );
    return sha256(made?.text ?? "")
      .toString("hex")
      .slice(0, 8);
  }

  async function lookUp(items: SignedIn[]): Promise<(index: number) => boolean> {
    const hashes = items.map(({ token }) => sha256(token).toString("hex"));
    const used = new Set(hashes.filter((_, index) => items[index]?.isUse));
    const found = await database.run(async (sql) => {
      const rows = await sql<{ hash: string; isDue: boolean }[]>`
        select encode(token_sha256, 'hex') as hash, used_at not between now() - interval '1 minute' and now() as "isDue" from sessions
        where token_sha256 in (select decode(hash, 'hex') from unnest(${`{${hashes}}`}::text[]) as hash)
          and used_at > now() - ${idleHours} * interval '1 hour' and created_at > now() - ${mostDays} * interval '1 day'`;
      const due = rows.filter(({ hash, isDue }) => isDue && used.has(hash)).map(({ hash }) => hash);
      if (due.length > 0)
        await sql`
          update sessions set used_at = now(), created_at = least(created_at, now())
          where token_sha256 in (select decode(hash, 'hex') from unnest(${`{${due}}`}::text[]) as hash)`;
      return new Set(rows.map(({ hash }) => hash));
    });
    return (index) => found.has(hashes[index] ?? "");
  }

  return {
    /**
     * The name of a cookie. Browsers share cookies among all ports of a host: two services there must not overwrite each
     * other's, while replicas on one database share who is signed in. So the name says when and where the database was made.
     */
    cookieName: async (kind: "session" | "device" | "ticket"): Promise<string> => {
      mark ??= readMark().catch((error) => {
        mark = undefined;
        throw error;
      });
      return `${kind}-${await mark}`;
    },
    /** The hash of the password in force; undefined: none is set, and nobody can sign in. */
    passwordHash: (): Promise<string | undefined> => readHash(undefined),
    /** Also signs everybody out and ends links. A password in the config still comes first. */
    setPassword: async (password: string) => {
      const hash = await hashPassword(password);
      await database.run(
        (sql) => sql`
          with signed_out as (delete from sessions), ended as (delete from sign_in_links)
          insert into panel_settings (name, value) values (${passwordName}, ${hash})
          on conflict (name) do update set value = excluded.value`,
      );
    },
    /** Sets it only where there is none yet. Returns its hash; undefined: there is one already. */
    setFirstPassword: async (password: string): Promise<string | undefined> => {
      const hash = await hashPassword(password);
      // When repeated after a lost answer, it finds its own hash.
      const { count } = await database.run(
        (sql) => sql`
          insert into panel_settings (name, value)
          select ${passwordName}, ${hash}::text where not exists (
            select from panel_settings where name in (${configPasswordName}, ${passwordName}) and value <> ${hash})
          on conflict (name) do update set value = excluded.value where panel_settings.value = excluded.value`,
      );
      return count === 1 ? hash : undefined;
    },
    /** At a start: the config's password in force, or none; whoever signed in with another is signed out. */
    followConfig: async (password: string) => {
      const known = await database.run(
        (sql) => sql<{ value: string }[]>`select value from panel_settings where name = ${configPasswordName}`,
      );
      const hash = known[0]?.value;
      if (password === "" ? hash === undefined : hash !== undefined && (await isPassword(password, hash))) return;
      const made = password === "" ? undefined : await hashPassword(password);
      await database.run(async (sql) => {
        await sql`with ended as (delete from sign_in_links) delete from sessions`;
        if (made === undefined) await sql`delete from panel_settings where name = ${configPasswordName}`;
        else
          await sql`
            insert into panel_settings (name, value) values (${configPasswordName}, ${made})
            on conflict (name) do update set value = excluded.value`;
      });
    },
    /**
     * What the browser keeps. The password's hash must still be that one: it may be changed in this moment. A token that is
     * there already was stored a moment ago, and only the answer was lost.
     */
    begin: async (passwordHash: string): Promise<string | undefined> => {
      const token = randomBytes(32).toString("base64url");
      const { count } = await database.run(
        (sql) => sql`
          with ended as (
            delete from sessions
            where used_at < now() - ${idleHours} * interval '1 hour' or created_at < now() - ${mostDays} * interval '1 day'
          )
          insert into sessions (token_sha256)
          select ${sha256(token)}::bytea where ${passwordHash} = (
            select value from panel_settings where name in (${configPasswordName}, ${passwordName}) order by name = ${configPasswordName} desc limit 1)
          on conflict (token_sha256) do update set used_at = now()`,
      );
      return count === 1 ? token : undefined;
    },
    /** The token of a link that signs in once within `linkMinutes`. */
    makeLink: async (): Promise<string> => {
      const token = randomBytes(32).toString("base64url");
      await database.run(
        (sql) => sql`
          with over as (delete from sign_in_links where created_at < now() - ${linkMinutes} * interval '1 minute')
          insert into sign_in_links (token_sha256) values (${sha256(token)}::bytea) on conflict do nothing`,
      );
      return token;
    },
    /** Uses the link up. Undefined: it was used already, is too old, or never existed; one dated in the future is too old, too. */
    beginByLink: async (link: string): Promise<string | undefined> => {
      const token = randomBytes(32).toString("base64url");
      const { count } = await database.run(
        (sql) => sql`
          with used as (
            delete from sign_in_links where token_sha256 = ${sha256(link)}::bytea
              and created_at between now() - ${linkMinutes} * interval '1 minute' and now() + interval '1 minute'
            returning 1
          )
          insert into sessions (token_sha256) select ${sha256(token)}::bytea from used`,
      );
      return count === 1 ? token : undefined;
    },
    /** Whether somebody is signed in with it; `isUse`: it counts as a use, which keeps the session alive. */
    isSignedIn: async (item: SignedIn): Promise<boolean> => isToken(item.token) && look(item),
    end: (token: string) =>
      database.run((sql) => sql`delete from sessions where token_sha256 = ${sha256(token)}::bytea`),
  };
}

/** The token is random, so that no salt is needed. */
const sha256 = (token: string) => createHash("sha256").update(token).digest();
