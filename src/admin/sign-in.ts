import type { Log } from "../log.ts";
import { cookie, cookieIn } from "./cookies.ts";
import { createGuesses } from "./guesses.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";
import { isPassword } from "./password.ts";
import { mostDays, type signInsIn } from "./sessions.ts";
import { noPasswordPage, signInPage } from "./sign-in-page.ts";

export type SignInDeps = {
  signIns: ReturnType<typeof signInsIn>;
  now: () => Date;
  log: Log;
};

/** Signing in and out: the only pages for who is not signed in. */
export function signInRoutes({ signIns, now, log }: SignInDeps): Record<string, PageHandler> {
  const guesses = createGuesses(now);

  async function form(request: Request, problem?: { text: string; status: number; retryAfter?: number }) {
    const { reader, query, origin } = request;
    const answer =
      (await signIns.passwordHash()) === undefined
        ? page(reader, { title: reader.texts.signIn.shutTitle, body: noPasswordPage(reader) })
        : page(reader, {
            title: reader.texts.signIn.title,
            status: problem?.status ?? 200,
            notice: problem && { kind: "problem", text: problem.text },
            body: signInPage(reader, {
              next: nextOf(query),
              isReadable: origin.startsWith("http:") && !isLoopback(origin),
            }),
          });
    if (problem?.retryAfter === undefined) return answer;
    return { ...answer, headers: { ...answer.headers, "retry-after": String(problem.retryAfter) } };
  }

  return {
    "GET /admin/sign-in/": (request) => form(request),
    "POST /admin/sign-in/": async (request) => {
      const { reader, query, origin, address } = request;
      const words = reader.texts.signIn;
      const password = (await formOf(request)).get("password") ?? "";
      const hash = await signIns.passwordHash();
      if (hash === undefined) return form(request);
      const found = await guesses.check(address, () => isPassword(password.slice(0, 1_000), hash));
      if (found === "wrong") {
        log.warn("a wrong password for the panel", { address });
        return form(request, { text: words.wrong, status: 403 });
      }
      if (found !== "right") {
        const { waitSeconds } = found;
        return form(request, { text: words.wait(waitSeconds), status: 429, retryAfter: waitSeconds });
      }
      const token = await signIns.begin(hash);
      if (token === undefined) return form(request, { text: words.changed, status: 403 });
      log.info("somebody signed in to the panel", { address });
      return seeOther(nextOf(query), {
        "set-cookie": cookie(await signIns.cookieName(), token, {
          isHttps: origin.startsWith("https:"),
          seconds: mostDays * 86_400,
        }),
      });
    },
    "POST /admin/sign-out/": async ({ call, origin }) => {
      const name = await signIns.cookieName();
      const token = cookieIn(call, name);
      if (token !== undefined) await signIns.end(token);
      const gone = cookie(name, "", { isHttps: origin.startsWith("https:"), seconds: 0 });
      return seeOther("/admin/sign-in/", { "set-cookie": gone });
    },
  };
}

/** Who signs in there reads a password that nobody else can. */
function isLoopback(origin: string): boolean {
  return URL.canParse(origin) && ["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname);
}

const mostNext = 300;

/** Only our own pages: a link must not lead elsewhere behind the sign-in. Short: a stranger's text comes back in the page. */
export function pageToReturnTo(next: string): string {
  return next.length <= mostNext && /^\/admin\/[\x21-\x7e]*$/.test(next) ? next : "/admin/";
}

const nextOf = (query: URLSearchParams) => pageToReturnTo(query.get("next") ?? "");
