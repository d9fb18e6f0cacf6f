import type { Config } from "../config.ts";
import {
  type Connection,
  connectionsIn,
  type Kind,
  kinds,
  makeSecret,
  secretText,
  shortSecretCharacters,
} from "../connections/connections.ts";
import type { Directory } from "../connections/directory.ts";
import { publicUrl } from "../connections/how-to-use.ts";
import { connectionPath } from "../connections/paths.ts";
import { ownUrl, type Tried, trySample } from "../connections/sample.ts";
import type { Way } from "../database/way.ts";
import type { Html } from "../html.ts";
import type { Answer } from "../http/call.ts";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import type { Names } from "../names.ts";
import { Malformed, oneOf } from "../parse.ts";
import type { Settings } from "../settings.ts";
import type { Activity } from "../watch/activity.ts";
import { isTrouble, type Standing, standingsOf } from "../watch/health.ts";
import { activityIn } from "../watch/read.ts";
import { rangeOf, startOf } from "../watch/spans.ts";
import { connectionPage } from "./connection-page.ts";
import { connectionsPage, doneText, type Filled, pageOf, settingsOf, setUpOf } from "./connection-parts.ts";
import { confirmRemoval, confirmSwitchOff, connectionSettingsPage, keptHours } from "./connection-settings-page.ts";
import { fill, gameOrAny, hoursOrNever } from "./filled.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";
import { setUpPage } from "./set-up-page.ts";

export type ConnectionsDeps = {
  config: Pick<Config, "SERVER">;
  settings: Pick<Settings, "isFixed">;
  database: Way;
  directory: Pick<Directory, "refresh">;
  activity: Pick<Activity, "flush">;
  names: Names;
  /** Our own port, once we listen. */
  port: () => number;
  log: Log;
};

/** The pages of one connection, and what their forms do. */
export function connectionRoutes(deps: ConnectionsDeps): Record<string, PageHandler> {
  const { config, settings, database, directory, names, log } = deps;
  const table = connectionsIn(database);
  const activity = activityIn(database);

  async function standingOf(connection: Connection, { reader }: Request): Promise<Standing> {
    await deps.activity.flush();
    const [standing] = standingsOf([connection], await activity.summaries(), reader.now);
    if (!standing) throw new Refusal("not-found");
    return standing;
  }

  /** A page of this connection; its tab says whether something is to be mended. */
  function pageFor({ reader, query }: Request, { connection, state }: Standing, { tab, body, status = 200 }: Shown) {
    const words = reader.texts.connections;
    const short = connection.secret !== null && [...connection.secret].length < shortSecretCharacters;
    const text = status === 200 ? doneText(reader, query) : undefined;
    const isNew = isNewSecret(query);
    return page(reader, {
      title: tab === undefined ? connection.path : `${connection.path} · ${tab}`,
      part: "connections",
      warnings: isTrouble(state) ? 1 : 0,
      status,
      ...(text === undefined
        ? {}
        : { notice: { kind: "done", text: isNew && short ? `${text} ${words.short}` : text } }),
      body,
    });
  }

  async function show(request: Request, connection: Connection) {
    const { reader, query } = request;
    const { kind, path } = connection;
    const range = rangeOf(query.get("range"));
    const standing = await standingOf(connection, request);
    const [accepted, refused, counts] = await Promise.all([
      activity.accepted(kind, path),
      activity.refused(kind, path),
      activity.hourly(startOf(range, reader.now), connection),
    ]);
    const players = [...accepted, ...refused].map(({ steamId }) => steamId).filter((steamId) => steamId !== null);
    const shown = { standing, range, counts, accepted, refused, isLong: query.get("accepted") === "all" };
    const body = connectionPage(reader, { ...shown, names: await names([...new Set(players)]) });
    return pageFor(request, standing, { body });
  }

  async function showSetUp(request: Request, connection: Connection, outcome?: Tried | "no-answer") {
    const { reader, query, origin } = request;
    const standing = await standingOf(connection, request);
    const body = setUpPage(reader, {
      standing,
      base: publicUrl(config, origin),
      isBaseFixed: settings.isFixed("public-url"),
      isRevealed: isNewSecret(query) || query.get("secret") === "shown",
      tried: outcome,
    });
    return pageFor(request, standing, { tab: reader.texts.connections.setUpTab, body });
  }

  async function showSettings(request: Request, connection: Connection, filled?: Filled) {
    const standing = await standingOf(connection, request);
    const body = connectionSettingsPage(request.reader, { standing, filled });
    return pageFor(request, standing, {
      tab: request.reader.texts.connections.settingsTab,
      body,
      status: filled ? 400 : 200,
    });
  }

  /** The connection that the address names; throws the Refusal "not-found". */
  async function named(request: Request, kind: Kind): Promise<Connection> {
    const found = await table.one(kind, request.call.param ?? "");
    if (!found) throw new Refusal("not-found");
    return found;
  }

  /** What was changed takes effect at once, not at the next reading. Leads to a page of the connection that says what was done. */
  async function changed(request: Request, one: Connection, { what, done, lead = pageOf }: Changed): Promise<Answer> {
    await request.changed(what, nameOf(one));
    await directory.refresh();
    return seeOther(`${lead(one)}?done=${done}`);
  }

  async function switched(request: Request, one: Connection, form: URLSearchParams, enabled: boolean): Promise<Answer> {
    await table.setEnabled(one, enabled);
    const done = enabled ? "enabled" : "disabled";
    const what = `a connection switched ${enabled ? "on" : "off"}`;
    return changed(request, one, { what, done, lead: leadOf(form) });
  }

  async function paused(request: Request, one: Connection, form: URLSearchParams, isPaused: boolean): Promise<Answer> {
    if (one.kind !== "battlemetrics") throw new Malformed("action", "one of this page");
    await table.setPaused(one, isPaused);
    const done = isPaused ? "paused" : "resumed";
    return changed(request, one, { what: `a connection ${done}`, done, lead: leadOf(form) });
  }

  /** What the forms of a connection's page ask for. */
  const actions: Record<string, (one: Connection, form: URLSearchParams, request: Request) => Promise<Answer>> = {
    enable: (one, form, request) => switched(request, one, form, true),
    disable: (one, form, request) => switched(request, one, form, false),
    pause: (one, form, request) => paused(request, one, form, true),
    resume: (one, form, request) => paused(request, one, form, false),
    "drop-old-secret": async (one, _, request) => {
      await table.dropOldSecret(one);
      return changed(request, one, { what: "an old secret dropped", done: "dropped", lead: settingsOf });
    },
    rotate: async (one, form, request) => {
      const filled = fill(form, ["secret", "keep", "which"]);
      const secret = filled.values["secret"] === "" ? makeSecret() : filled.parse("secret", secretText);
      const keepHours = filled.parse("keep", oneOf(keptHours));
      if (secret === undefined || keepHours === undefined) return showSettings(request, one, filled);
      await table.setSecret(one, secret, {
        keepOldSeconds: Number(keepHours) * 3_600,
        // Unless told otherwise: nobody may have changed the sender since.
        keepsOldest: filled.values["which"] !== "newest",
      });
      return changed(request, one, { what: "a secret changed", done: "rotated", lead: setUpOf });
    },
    change: async (one, form, request) => {
      const filled = fill(form, ["path", "game", ...(form.has("expect") ? ["expect"] : [])]);
      const path = filled.parse("path", connectionPath);
      const fixedGameId = filled.parse("game", gameOrAny);
      // A form that does not ask for it leaves it as it is.
      const expectHours = form.has("expect") ? filled.parse("expect", hoursOrNever) : one.expectHours;
      if (path === undefined || fixedGameId === undefined || expectHours === undefined)
        return showSettings(request, one, filled);
      if ((await table.change(one, { path, fixedGameId })) === "path-taken") {
        filled.problems["path"] = "taken";
        return showSettings(request, one, filled);
      }
      if (one.kind === "battlemetrics" && expectHours !== one.expectHours)
        await table.setExpectHours({ ...one, path }, expectHours);
      const before = path === one.path ? "" : `, before: ${nameOf(one)}`;
      return changed(
        request,
        { ...one, path },
        { what: `the settings of a connection changed${before}`, done: "changed", lead: settingsOf },
      );
    },
    try: async (one, _, request) => {
      const tried = await trySample(one, ownUrl(config.SERVER, deps.port()), database).catch((error) => {
        log.warn("a sample sent to the service's own address got no answer", { error });
        return "no-answer" as const;
      });
      return showSetUp(request, one, tried);
    },
    delete: async (one, _, request) => {
      await table.remove(one);
      await request.changed("a connection deleted", nameOf(one));
      await directory.refresh();
      return seeOther(`${connectionsPage}?done=deleted`);
    },
  };

  async function act(request: Request, kind: Kind): Promise<Answer> {
    const connection = await named(request, kind);
    const form = await formOf(request);
    const action = form.get("action") ?? "";
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (!act) throw new Malformed("action", "one of this page");
    return act(connection, form, request);
  }

  const ofKind = (kind: Kind): Record<string, PageHandler> => ({
    [`GET /admin/connections/${kind}/:path/`]: async (request) => {
      const connection = await named(request, kind);
      const { reader, query } = request;
      const words = reader.texts.connections;
      switch (query.get("confirm")) {
        case "delete":
          return page(reader, { title: words.remove, part: "connections", body: confirmRemoval(reader, connection) });
        case "disable":
          return page(reader, {
            title: words.switchOff,
            part: "connections",
            body: confirmSwitchOff(reader, connection, query.get("from") === "list"),
          });
        default:
          return show(request, connection);
      }
    },
    [`GET /admin/connections/${kind}/set-up/:path/`]: async (request) => showSetUp(request, await named(request, kind)),
    [`GET /admin/connections/${kind}/settings/:path/`]: async (request) =>
      showSettings(request, await named(request, kind)),
    // A form is sent to the page that holds it: there a mistake is shown, and there a change of the language leads back to.
    [`POST /admin/connections/${kind}/:path/`]: (request) => act(request, kind),
    [`POST /admin/connections/${kind}/set-up/:path/`]: (request) => act(request, kind),
    [`POST /admin/connections/${kind}/settings/:path/`]: (request) => act(request, kind),
  });

  return Object.assign({}, ...kinds.map(ofKind));
}

/** One of the pages of a connection; without `tab` it is the first. */
type Shown = { tab?: string; body: Html; status?: number };

/** A secret that was just made is shown once. */
const isNewSecret = (query: URLSearchParams) => ["created", "rotated"].includes(query.get("done") ?? "");

/** `what`: for the log; `done`: the word for it on the page to which `lead` leads. */
type Changed = { what: string; done: string; lead?: typeof pageOf };

/** Who came from the list goes back to it. */
const leadOf = (form: URLSearchParams): typeof pageOf => (form.get("from") === "list" ? () => connectionsPage : pageOf);
const nameOf = ({ kind, path }: Pick<Connection, "kind" | "path">) => `${kind}/${path}`;
