import { randomBytes } from "node:crypto";
import { password } from "../config.ts";
import type { Answer } from "../http/call.ts";
import type { Log } from "../log.ts";
import { cookie, cookieIn } from "./cookies.ts";
import { deviceCookie, deviceIn, deviceSeconds, newDevice } from "./device.ts";
import type { FirstVisit } from "./first-visit.ts";
import { createGuesses } from "./guesses.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";
import { isPassword } from "./password.ts";
import type { Reader } from "./reader.ts";
import { isLink, mostDays, type signInsIn } from "./sessions.ts";
import {
  firstVisitOverPage,
  firstVisitPage,
  linkOverPage,
  linkPage,
  noPasswordPage,
  signInPage,
} from "./sign-in-page.ts";
import { createTickets } from "./tickets.ts";
import type { WrongGuesses } from "./wrong-guesses.ts";

export type SignInDeps = {
  signIns: ReturnType<typeof signInsIn>;
  wrongGuesses: WrongGuesses;
  /** Undefined: there was a password at the start. */
  firstVisit: FirstVisit | undefined;
  /** Aborted when the service stops. */
  stopping: AbortSignal;
  log: Log;
};

type Problem = { text: string; status: number };

/** Signing in and out: the only pages for visitors who are not signed in. */
export function signInRoutes(deps: SignInDeps): Record<string, PageHandler> {
  const { signIns, firstVisit, log } = deps;
  const guesses = createGuesses(deps);
  const tickets = createTickets();
  // A replica cannot read the tickets of another: each keeps its own in the browser.
  const replica = randomBytes(3).toString("hex");
  const ticketName = async () => `${await signIns.cookieName("ticket")}-${replica}`;

  async function form({ reader, query, origin }: Request, problem?: Problem): Promise<Answer> {
    if ((await signIns.passwordHash()) === undefined)
      return page(reader, { title: reader.texts.signIn.shutTitle, body: noPasswordPage(reader) });
    return page(reader, {
      title: reader.texts.signIn.title,
      status: problem?.status ?? 200,
      notice: problem && { kind: "problem", text: problem.text },
      body: signInPage(reader, { next: nextOf(query), isReadable: origin.startsWith("http:") && !isLoopback(origin) }),
    });
  }

  const isFirstVisit = async (link: string) =>
    firstVisit?.isOpen(link) === true && (await signIns.passwordHash()) === undefined;

  /** The page shows the wait and the browser keeps it: an attempt after it is checked. */
  async function mustWait(request: Request, waitSeconds: number, ticket: string | undefined): Promise<Answer> {
    const pending = tickets.waitSeconds(ticket);
    const seconds = Math.max(1, Math.min(waitSeconds, pending ?? waitSeconds));
    const answer = await form(request, { text: request.reader.texts.signIn.wait(seconds), status: 429 });
    const kept = { isHttps: isHttps(request), seconds: ticketSeconds };
    const cookies = pending === undefined ? [cookie(await ticketName(), tickets.give(seconds), kept)] : [];
    return { ...answer, headers: { ...answer.headers, "retry-after": String(seconds) }, cookies };
  }

  async function signedIn(request: Request, token: string, path: string, hash?: string): Promise<Answer> {
    const kept = { isHttps: isHttps(request) };
    const cookies = [cookie(await signIns.cookieName("session"), token, { ...kept, seconds: mostDays * 86_400 })];
    if (hash !== undefined) {
      const name = await signIns.cookieName("device");
      const device = deviceIn(cookieIn(request.call, name), hash) ?? newDevice();
      cookies.push(cookie(name, deviceCookie(device, hash), { ...kept, seconds: deviceSeconds }));
    }
    return seeOther(path, cookies);
  }

  return {
    "GET /admin/sign-in/": (request) => form(request),
    "POST /admin/sign-in/": async (request) => {
      const { call, reader, query, address } = request;
      const words = reader.texts.signIn;
      const given = (await formOf(request)).get("password") ?? "";
      const hash = await signIns.passwordHash();
      if (hash === undefined) return form(request);
      const ticket = cookieIn(call, await ticketName());
      const device = deviceIn(cookieIn(call, await signIns.cookieName("device")), hash);
      const guesser = { address, device, hasWaited: tickets.use(ticket) };
      const found = await guesses.check(guesser, () => isPassword(given.slice(0, 1_000), hash));
      if (found === "wrong") {
        log.warn("a wrong password for the panel", { address });
        return form(request, { text: words.wrong, status: 403 });
      }
      if (found !== "right") return mustWait(request, found.waitSeconds, ticket);
      const token = await signIns.begin(hash);
      if (token === undefined) return form(request, { text: words.changed, status: 403 });
      log.info("somebody signed in to the panel", { address });
      return signedIn(request, token, nextOf(query), hash);
    },
    // Opening the link does not use it up: chat programs open links by themselves.
    "GET /admin/sign-in-link/:link/": ({ reader, call: { param = "" } }) =>
      isLink(param)
        ? page(reader, { title: reader.texts.signIn.title, body: linkPage(reader, param) })
        : linkOver(reader, 404),
    "POST /admin/sign-in-link/:link/": async (request) => {
      const { call, address, reader } = request;
      const link = call.param ?? "";
      const token = isLink(link) ? await signIns.beginByLink(link) : undefined;
      if (token === undefined) return linkOver(reader, 403);
      log.info("somebody signed in to the panel by a link", { address });
      return signedIn(request, token, "/admin/", await signIns.passwordHash());
    },
    "GET /admin/first-visit/:link/": async ({ reader, call: { param = "" } }) =>
      (await isFirstVisit(param)) ? firstPassword(reader, param) : firstVisitOver(reader, 404),
    "POST /admin/first-visit/:link/": async (request) => {
      const { call, reader } = request;
      const link = call.param ?? "";
      if (!(await isFirstVisit(link))) return firstVisitOver(reader, 403);
      const form = await formOf(request);
      const chosen = form.get("password") ?? "";
      if (!isValidPassword(chosen)) return firstPassword(reader, link, "short");
      if (chosen !== form.get("repeated")) return firstPassword(reader, link, "different");
      const hash = await signIns.setFirstPassword(chosen);
      const token = hash === undefined ? undefined : await signIns.begin(hash);
      if (token === undefined) return firstVisitOver(reader, 403);
      await request.changed("the first password of the panel set");
      return signedIn(request, token, "/admin/", hash);
    },
    "POST /admin/sign-out/": async (request) => {
      const name = await signIns.cookieName("session");
      const token = cookieIn(request.call, name);
      if (token !== undefined) await signIns.end(token);
      return seeOther("/admin/sign-in/", [cookie(name, "", { isHttps: isHttps(request), seconds: 0 })]);
    },
  };
}

function firstPassword(reader: Reader, link: string, wrong?: "short" | "different"): Answer {
  const body = firstVisitPage(reader, `/admin/first-visit/${link}/`, wrong);
  return page(reader, { title: reader.texts.signIn.firstVisitTitle, status: wrong ? 400 : 200, body });
}

function firstVisitOver(reader: Reader, status: number): Answer {
  return page(reader, { title: reader.texts.signIn.firstVisitTitle, status, body: firstVisitOverPage(reader) });
}

function isValidPassword(given: string): boolean {
  try {
    return password(given, "the password") === given;
  } catch {
    return false;
  }
}

const ticketSeconds = 10 * 60;

function linkOver(reader: Reader, status: number): Answer {
  return page(reader, { title: reader.texts.signIn.title, status, body: linkOverPage(reader) });
}

const isHttps = ({ origin }: Request) => origin.startsWith("https:");

/** Who signs in there reads a password that nobody else can. */
function isLoopback(origin: string): boolean {
  return URL.canParse(origin) && ["localhost", "127.0.0.1", "[::1]"].includes(new URL(origin).hostname);
}

const mostNext = 300;

/** Only our own pages: after the sign-in a link must not lead to another site. Short, since the page shows a stranger's text. */
export function pageToReturnTo(next: string): string {
  return next.length <= mostNext && /^\/admin\/[\x21-\x7e]*$/.test(next) ? next : "/admin/";
}

const nextOf = (query: URLSearchParams) => pageToReturnTo(query.get("next") ?? "");
