import { gzipSync } from "node:zlib";
import { type Change, noteChange } from "../changes.ts";
import type { Answer, Call, Handler } from "../http/call.ts";
import { takesGzip } from "../http/encoding.ts";
import { type RefusalCode, refusalOf } from "../http/refusal.ts";
import { refusalLog } from "../http/refusal-log.ts";
import { router } from "../http/router.ts";
import { type ListActivityDeps, listActivityRoutes } from "./activity.ts";
import { type AlertsPageDeps, alertRoutes } from "./alerts.ts";
import { assetAt } from "./assets.ts";
import type { ConnectionsDeps } from "./connection.ts";
import { connectionsRoutes } from "./connections.ts";
import { cookie, cookieIn } from "./cookies.ts";
import { type OverviewDeps, overviewRoutes } from "./overview.ts";
import { formOf, type PageHandler, seeOther } from "./page.ts";
import type { PlayerDeps } from "./player.ts";
import { playersRoutes } from "./players.ts";
import { problemPage } from "./problem-page.ts";
import { languageOf, type Reader, readerOf } from "./reader.ts";
import { signInsIn } from "./sessions.ts";
import { type SettingsPageDeps, settingsRoutes } from "./settings.ts";
import { pageToReturnTo, type SignInDeps, signInRoutes } from "./sign-in.ts";
import { languages } from "./texts/texts.ts";
import { type TopDeps, topRoutes } from "./top.ts";
import { visitors } from "./visitor.ts";
import { wrongGuessesIn } from "./wrong-guesses.ts";

/** What the panel shows and changes. */
export type PanelDeps = ConnectionsDeps &
  OverviewDeps &
  PlayerDeps &
  AlertsPageDeps &
  SettingsPageDeps &
  TopDeps &
  ListActivityDeps &
  Pick<SignInDeps, "firstVisit" | "stopping">;

/** Everything below /admin/. Errors become pages here, in the reader's language. */
export function createPanel(deps: PanelDeps): Handler {
  const { config, now, log } = deps;
  const signIns = signInsIn(deps.database);
  const visitor = visitors(config.SERVER);
  const say = refusalLog(log);
  const open = signInRoutes({
    signIns,
    wrongGuesses: wrongGuessesIn(deps.database),
    firstVisit: deps.firstVisit,
    stopping: deps.stopping,
    log,
  });
  const closed = {
    ...overviewRoutes(deps),
    ...connectionsRoutes(deps),
    ...playersRoutes(deps),
    ...topRoutes(deps),
    ...listActivityRoutes(deps),
    ...alertRoutes(deps),
    ...settingsRoutes(deps),
  };
  const route = router({
    "GET /admin/assets/:name/": assetAt,
    "POST /admin/language/": asPage(async (request) => {
      const chosen = (await formOf(request)).get("language");
      const language = languages.find((one) => one === chosen);
      const kept = { isHttps: visitor.isHttps(request.call), seconds: languageSeconds };
      return seeOther(pageBefore(request.call), language ? [cookie("language", language, kept)] : []);
    }),
    ...mapped(open, asPage),
    ...mapped(closed, (handler) => asPage(signedIn(handler))),
  });
  // A new password in the config signs everybody out. Until that is done, nobody can sign in.
  let followed: Promise<void> | undefined;

  return async (call) => {
    try {
      const handler = route(call);
      if (call.method === "POST" && !visitor.isOwnForm(call)) return crossSite(call);
      followed ??= signIns.followConfig(config.ADMIN.PASSWORD);
      await followed.catch((error) => {
        followed = undefined;
        throw error;
      });
      return compressed(await handler(call), call);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.code === "internal") log.error("a page of the panel failed", { error, withStack: true });
      return problem(call, refusal.status, refusal.code, refusal.headers);
    }
  };

  function asPage(handler: PageHandler): Handler {
    return (call) => {
      const address = visitor.addressOf(call);
      return handler({
        call,
        reader: readerFor(call),
        query: new URLSearchParams(call.search()),
        origin: visitor.originOf(call),
        address,
        changed: (what, subject = "") => changed({ what, subject, origin: address }),
      });
    };
  }

  async function changed(change: Change): Promise<void> {
    // The change itself is done: it is logged here at least.
    await noteChange(deps.database, change).catch(() => log.info("changed", change));
  }

  function signedIn(handler: PageHandler): PageHandler {
    return async (request) => {
      const { call } = request;
      const token = cookieIn(call, await signIns.cookieName("session"));
      // Background refreshes must not keep a session alive.
      const isUse = call.headers["x-refresh"] === undefined;
      if (token !== undefined && (await signIns.isSignedIn({ token, isUse }))) return handler(request);
      // A form leads back to the page that holds it.
      const here = `${call.path}${call.search() && `?${call.search()}`}`;
      const next = call.method === "POST" ? pageBefore(call) : pageToReturnTo(here);
      return seeOther(`/admin/sign-in/?${new URLSearchParams({ next })}`);
    };
  }

  function readerFor(call: Call): Reader {
    const chosen = cookieIn(call, "language");
    return readerOf(languageOf(chosen, call.headers["accept-language"], config.DJANGO.LANGUAGE_CODE), now());
  }

  function problem(call: Call, status: number, code: RefusalCode | "cross-site", headers: Record<string, string> = {}) {
    // Whether the session is still good is not asked: the database may be what is away.
    const hasSession = /(?:^|; *)session-/.test(call.headers.cookie ?? "");
    return problemPage(readerFor(call), { status, code, headers, hasMenu: hasSession, back: pageBefore(call) });
  }

  /** Logs both values, since a proxy that hides our address looks like another site. */
  function crossSite(call: Call): Answer {
    const { origin, "sec-fetch-site": site } = call.headers;
    say("warn", "a form was refused: by its origin it came from another site", {
      code: "cross-site",
      origin: origin?.slice(0, 200),
      host: visitor.hostOf(call).slice(0, 200),
      publicUrl: config.SERVER.PUBLIC_URL || "not set",
      ...(site === undefined ? {} : { secFetchSite: String(site).slice(0, 20) }),
    });
    return problem(call, 403, "cross-site");
  }
}

const languageSeconds = 365 * 86_400;

/** Only the path is used, so that it cannot lead to another site. */
function pageBefore({ headers }: Call): string {
  const referrer = headers.referer ?? "";
  const { pathname, search } = URL.canParse(referrer) ? new URL(referrer) : { pathname: "", search: "" };
  return pageToReturnTo(pathname + search);
}

/** Worth it: a list of players is 50 KB of similar lines. */
function compressed(answer: Answer, { headers }: Call): Answer {
  const { body } = answer;
  if (typeof body !== "string" || body.length < leastCompressed) return answer;
  const varied = { ...answer, headers: { ...answer.headers, vary: "accept-encoding" } };
  if (!takesGzip(headers["accept-encoding"])) return varied;
  return {
    ...varied,
    headers: { ...varied.headers, "content-encoding": "gzip" },
    body: gzipSync(body, { level: 3 }),
  };
}

const leastCompressed = 1_500;

function mapped<From, To>(routes: Record<string, From>, change: (one: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(routes).map(([address, handler]) => [address, change(handler)]));
}
