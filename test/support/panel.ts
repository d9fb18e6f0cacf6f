import assert from "node:assert/strict";
import { randomBytes, scryptSync } from "node:crypto";
import { passwordName } from "../../src/panel-settings.ts";
import type { TestDatabase } from "./database.ts";
import type { TestService } from "./service.ts";

export const panelPassword = "correct horse battery";

/** The stored password of the panel, by a hash of the least cost (a hash carries its cost): sign-ins then take no time. */
export async function setPanelPassword({ sql }: Pick<TestDatabase, "sql">, password = panelPassword): Promise<void> {
  const salt = randomBytes(16);
  const key = scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 });
  const hash = `scrypt$2$1$1$${salt.toString("base64")}$${key.toString("base64")}`;
  await sql`
    insert into panel_settings (name, value) values (${passwordName}, ${hash})
    on conflict (name) do update set value = excluded.value`;
}

export type PanelAnswer = { status: number; headers: Headers; html: string; location: string | null };

/** A browser without scripts: keeps cookies, says with forms where they come from, follows nothing. */
export function createBrowser(
  { url }: Pick<TestService, "url">,
  more: Record<string, string> = {},
  cookies = new Map<string, string>(),
) {
  async function send(path: string, init: RequestInit = {}): Promise<PanelAnswer> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url + path, {
      ...init,
      redirect: "manual",
      headers: { "accept-language": "en", ...more, ...(cookie ? { cookie } : {}), ...init.headers },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return {
      status: answer.status,
      headers: answer.headers,
      html: await answer.text(),
      location: answer.headers.get("location"),
    };
  }

  const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
    send(path, { method: "POST", body: new URLSearchParams(form), headers: { origin: url, ...headers } });

  return {
    cookies,
    /** The cookie that signs in, as a Cookie header has it; its name is told by the service's database. */
    sessionCookie: () => {
      const found = [...cookies].find(([name]) => /^session-[0-9a-f]{8}$/.test(name));
      return found?.join("=") ?? "";
    },
    get: (path: string, headers: Record<string, string> = {}) => send(path, { headers }),
    post,
    /** POST, and the page to which it leads. */
    postAndFollow: async (path: string, form: Record<string, string>) => {
      const answer = await post(path, form);
      assert.equal(answer.status, 303, answer.html);
      return send(answer.location ?? "");
    },
    signIn: async (password = panelPassword) => {
      const answer = await post("/admin/sign-in/", { password });
      assert.equal(answer.status, 303, answer.html);
    },
  };
}

export type Browser = ReturnType<typeof createBrowser>;

/** What a person reads of a page: its text without markup, blanks as one. */
export function textOf(html: string): string {
  return html
    .replace(/<(style|script)[^>]*>.*?<\/\1>/gs, "")
    .replace(/<[^>]*>/g, " ")
    .split(/\s+/)
    .map(unescaped)
    .join(" ")
    .trim();
}

/** Text as it was before it became part of a page. */
export function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] ?? "");
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
