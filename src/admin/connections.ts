import { connectionsIn, type Kind, kinds, makeSecret, secretText } from "../connections/connections.ts";
import { publicUrl } from "../connections/how-to-use.ts";
import { connectionPath } from "../connections/paths.ts";
import { isTrouble, standingsOf } from "../watch/health.ts";
import { activityIn } from "../watch/read.ts";
import { type ConnectionsDeps, connectionRoutes } from "./connection.ts";
import { doneText, type Filled, setUpOf } from "./connection-parts.ts";
import { connectionForm, connectionList } from "./connections-page.ts";
import { fill, gameOrAny } from "./filled.ts";
import { formOf, type PageHandler, page, type Request, seeOther } from "./page.ts";

/** The list of connections, and the form for a new one. */
export function connectionsRoutes(deps: ConnectionsDeps): Record<string, PageHandler> {
  const { config, database, directory } = deps;
  const table = connectionsIn(database);
  const activity = activityIn(database);

  async function add(kind: Kind, request: Request) {
    const form = await formOf(request);
    const filled = fill(form, ["path", "game", "secret"]);
    const path = filled.parse("path", connectionPath);
    const fixedGameId = filled.parse("game", gameOrAny);
    const secret = filled.values["secret"] === "" ? makeSecret() : filled.parse("secret", secretText);
    // Told at once with all other mistakes.
    if (path !== undefined && (await table.one(kind, path))) filled.problems["path"] = "taken";
    else if (path !== undefined && fixedGameId !== undefined && secret !== undefined) {
      if ((await table.add({ kind, path, fixedGameId, secret, enabled: true })) === "added") {
        await request.changed("a connection added", `${kind}/${path}`);
        await directory.refresh();
        return seeOther(`${setUpOf({ kind, path })}?done=created`);
      }
      filled.problems["path"] = "taken";
    }
    return newPage(request, kind, filled);
  }

  function newPage({ reader, origin }: Request, kind: Kind, filled?: Filled) {
    const title = reader.texts.connections.add[kind];
    return page(reader, {
      title,
      part: "connections",
      status: filled ? 400 : 200,
      body: connectionForm(reader, kind, { base: publicUrl(config, origin), filled }),
    });
  }

  const ofKind = (kind: Kind): Record<string, PageHandler> => ({
    [`GET /admin/connections/new/${kind}/`]: (request) => newPage(request, kind),
    [`POST /admin/connections/new/${kind}/`]: (request) => add(kind, request),
  });

  return {
    "GET /admin/connections/": async ({ reader, query }) => {
      await deps.activity.flush();
      const [connections, summaries] = await Promise.all([table.list(), activity.summaries()]);
      const standings = standingsOf(connections, summaries, reader.now);
      const done = doneText(reader, query);
      return page(reader, {
        title: reader.texts.connections.title,
        part: "connections",
        ...(done === undefined ? {} : { notice: { kind: "done", text: done } }),
        warnings: standings.filter(({ state }) => isTrouble(state)).length,
        body: connectionList(reader, standings),
      });
    },
    ...Object.assign({}, ...kinds.map(ofKind)),
    ...connectionRoutes(deps),
  };
}
