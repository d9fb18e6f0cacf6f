import type { Config } from "../config.ts";
import {
  type Connection,
  connectionsIn,
  type Kind,
  kinds,
  makeSecret,
  mostExpectHours,
  secretText,
  shortSecretCharacters,
} from "../connections/connections.ts";
import type { Directory } from "../connections/directory.ts";
import { publicUrl } from "../connections/how-to-use.ts";
import { connectionPath } from "../connections/paths.ts";
import { ownUrl, type Tried, trySample } from "../connections/sample.ts";
import type { Way } from "../database/way.ts";
import type { Answer } from "../http/call.ts";
import { Refusal } from "../http/refusal.ts";
import type { Log } from "../log.ts";
import type { Names } from "../names.ts";
import { gameId, integer, Malformed, oneOf, type Parser } from "../parse.ts";
import type { Activity } from "../watch/activity.ts";
import { isTrouble, standingsOf } from "../watch/health.ts";
import { activityIn } from "../watch/read.ts";
import {
  confirmRemoval,
  confirmSwitchOff,
  connectionForm,
  connectionList,
  connectionPage,
  type Filled,
  keptHours,
  pageOf,
} from "./connections-page.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";

export type ConnectionsDeps = {
  config: Pick<Config, "SERVER">;
  database: Way;
  directory: Pick<Directory, "refresh">;
  activity: Pick<Activity, "flush">;
  names: Names;
  /** Our own port, once we listen. */
  port: () => number;
  log: Log;
};

/** The pages of connections, and what their forms do. */
export function connectionRoutes(deps: ConnectionsDeps): Record<string, PageHandler> {
  const { config, database, directory, names, log } = deps;
  const table = connectionsIn(database);
  const activity = activityIn(database);

  async function show(
    request: Request,
    connection: Connection,
    more: { tried?: Tried | "no-answer"; filled?: Filled } = {},
  ) {
    const { reader, query, origin } = request;
    const { kind, path } = connection;
    await deps.activity.flush();
    const [accepted, refused, summaries] = await Promise.all([
      activity.accepted(kind, path),
      activity.refused(kind, path),
      activity.summaries(),
    ]);
    const [standing] = standingsOf([connection], summaries, reader.now);
    if (!standing) throw new Refusal("not-found");
    const players = [...accepted, ...refused].map(({ steamId }) => steamId).filter((steamId) => steamId !== null);
    const words = reader.texts.connections;
    const done = query.get("done") ?? "";
    const short = connection.secret !== null && [...connection.secret].length < shortSecretCharacters;
    const isNew = ["created", "rotated"].includes(done);
    const said: Record<string, string> = { ...words.done, ...reader.texts.health.done };
    const text = Object.hasOwn(said, done) ? said[done] : undefined;
    return page(reader, {
      title: path,
      part: "connections",
      ...(text === undefined || more.filled
        ? {}
        : { notice: { kind: "done", text: isNew && short ? `${text} ${words.short}` : text } }),
      ...(more.filled ? { status: 400 } : {}),
      body: connectionPage(reader, {
        standing,
        accepted,
        refused,
        names: await names([...new Set(players)]),
        base: config.SERVER.PUBLIC_URL === "" ? origin : publicUrl(config),
        isRevealed: isNew || query.get("secret") === "shown",
        ...more,
      }),
    });
  }

  /** The connection that the address names; throws the Refusal "not-found". */
  async function named(request: Request, kind: Kind): Promise<Connection> {
    const found = await table.one(kind, request.call.param ?? "");
    if (!found) throw new Refusal("not-found");
    return found;
  }

  /** What was changed takes effect at once, not at the next reading; the list sends its forms from where it stands. */
  async function changed(
    one: Connection,
    form: URLSearchParams,
    done: string,
    request: Request,
    what: string,
  ): Promise<Answer> {
    await request.changed(what, nameOf(one));
    await directory.refresh();
    return seeOther(form.get("from") === "list" ? "/admin/connections/" : `${pageOf(one)}?done=${done}`);
  }

  /** What the forms of a connection's page ask for. */
  const actions: Record<string, (one: Connection, form: URLSearchParams, request: Request) => Promise<Answer>> = {
    enable: async (one, form, request) => {
      await table.setEnabled(one, true);
      return changed(one, form, "enabled", request, "a connection switched on");
    },
    disable: async (one, form, request) => {
      await table.setEnabled(one, false);
      return changed(one, form, "disabled", request, "a connection switched off");
    },
    pause: async (one, form, request) => {
      if (one.kind !== "battlemetrics") throw new Malformed("action", "one of this page");
      await table.setPaused(one, true);
      return changed(one, form, "paused", request, "a connection paused");
    },
    resume: async (one, form, request) => {
      if (one.kind !== "battlemetrics") throw new Malformed("action", "one of this page");
      await table.setPaused(one, false);
      return changed(one, form, "resumed", request, "a connection resumed");
    },
    "drop-old-secret": async (one, form, request) => {
      await table.dropOldSecret(one);
      return changed(one, form, "dropped", request, "an old secret dropped");
    },
    rotate: async (one, form, request) => {
      const filled = fill(form, ["secret", "keep"]);
      const secret = filled.values["secret"] === "" ? makeSecret() : filled.parse("secret", secretText);
      const keepHours = filled.parse("keep", oneOf(keptHours));
      if (secret === undefined || keepHours === undefined) return show(request, one, { filled });
      await table.setSecret(one, secret, Number(keepHours) * 3_600);
      return changed(one, form, "rotated", request, "a secret changed");
    },
    change: async (one, form, request) => {
      const filled = fill(form, ["path", "game", ...(form.has("expect") ? ["expect"] : [])]);
      const path = filled.parse("path", connectionPath);
      const fixedGameId = filled.parse("game", gameOrAny);
      // A form that does not ask for it leaves it as it is.
      const expectHours = form.has("expect") ? filled.parse("expect", hoursOrNever) : one.expectHours;
      if (path === undefined || fixedGameId === undefined || expectHours === undefined)
        return show(request, one, { filled });
      if ((await table.change(one, { path, fixedGameId })) === "path-taken") {
        filled.problems["path"] = "taken";
        return show(request, one, { filled });
      }
      if (one.kind === "battlemetrics" && expectHours !== one.expectHours)
        await table.setExpectHours({ ...one, path }, expectHours);
      const before = path === one.path ? "" : `, before: ${nameOf(one)}`;
      return changed({ ...one, path }, form, "changed", request, `the settings of a connection changed${before}`);
    },
    try: async (one, _, request) => {
      const tried = await trySample(one, ownUrl(config.SERVER, deps.port()), database).catch((error) => {
        log.warn("a sample sent to the service's own address got no answer", { error });
        return "no-answer" as const;
      });
      return show(request, one, { tried });
    },
    delete: async (one, _, request) => {
      await table.remove(one);
      await request.changed("a connection deleted", nameOf(one));
      await directory.refresh();
      return seeOther("/admin/connections/?done=deleted");
    },
  };

  async function add(kind: Kind, request: Request) {
    const form = await formOf(request);
    const filled = fill(form, ["path", "game", "secret"]);
    const path = filled.parse("path", connectionPath);
    const fixedGameId = filled.parse("game", gameOrAny);
    const isMade = form.get("make") === "yes" || (kind === "script" && filled.values["secret"] === "");
    const secret = isMade ? makeSecret() : filled.parse("secret", secretText);
    if (path !== undefined && fixedGameId !== undefined && secret !== undefined) {
      if ((await table.add({ kind, path, fixedGameId, secret, enabled: true })) === "added") {
        await request.changed("a connection added", nameOf({ kind, path }));
        await directory.refresh();
        return seeOther(`${pageOf({ kind, path })}?done=created`);
      }
      filled.problems["path"] = "taken";
    }
    return newPage(request, kind, filled);
  }

  function newPage({ reader }: Request, kind: Kind, filled?: Filled) {
    const title = reader.texts.connections.add[kind];
    return page(reader, {
      title,
      part: "connections",
      status: filled ? 400 : 200,
      body: connectionForm(reader, kind, filled),
    });
  }

  const ofKind = (kind: Kind): Record<string, PageHandler> => ({
    [`GET /admin/connections/new/${kind}/`]: (request) => newPage(request, kind),
    [`POST /admin/connections/new/${kind}/`]: (request) => add(kind, request),
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
            body: confirmSwitchOff(reader, connection),
          });
        default:
          return show(request, connection);
      }
    },
    [`POST /admin/connections/${kind}/:path/`]: async (request) => {
      const connection = await named(request, kind);
      const form = await formOf(request);
      const action = form.get("action") ?? "";
      const act = Object.hasOwn(actions, action) ? actions[action] : undefined;
      if (!act) throw new Malformed("action", "one of this page");
      return act(connection, form, request);
    },
  });

  return {
    "GET /admin/connections/": async ({ reader, query }) => {
      await deps.activity.flush();
      const [connections, summaries] = await Promise.all([table.list(), activity.summaries()]);
      const standings = standingsOf(connections, summaries, reader.now);
      const words = reader.texts.connections;
      return page(reader, {
        title: words.title,
        part: "connections",
        ...(query.get("done") === "deleted" ? { notice: { kind: "done", text: words.done.deleted } } : {}),
        warnings: standings.filter(({ state }) => isTrouble(state)).length,
        body: connectionList(reader, standings),
      });
    },
    ...Object.assign({}, ...kinds.map(ofKind)),
  };
}

const nameOf = ({ kind, path }: Pick<Connection, "kind" | "path">) => `${kind}/${path}`;

/** No game is named: whatever the sender says. */
const gameOrAny: Parser<number | null> = (value, place) =>
  typeof value === "string" && value.trim() === "" ? null : gameId(value, place);

const wholeHours = integer({ min: 1, max: mostExpectHours });
/** Empty: it is never late. */
const hoursOrNever: Parser<number | null> = (value, place) =>
  typeof value === "string" && value.trim() === "" ? null : wholeHours(value, place);

/** What a person typed, and what is wrong with it; `parse` gives undefined for what is wrong. */
function fill(
  form: URLSearchParams,
  names: string[],
): Filled & { parse: <T>(name: string, parser: Parser<T>) => T | undefined } {
  const values = Object.fromEntries(names.map((name) => [name, (form.get(name) ?? "").trim()]));
  const problems: Filled["problems"] = {};
  return {
    values,
    problems,
    parse: (name, parser) => {
      try {
        return parser(values[name], name);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        problems[name] = name === "path" || name === "game" || name === "expect" ? name : "secret";
        return undefined;
      }
    },
  };
}
