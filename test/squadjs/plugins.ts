import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export type Entry = {
  steamID: string | null;
  steamPlaytime: number | null;
  bmPlaytime: number | null;
  steamStatus: string | null;
};

export type Api = {
  requestPlaytimesBySteamIDs: (steamIDs: unknown, isNeedUpdate?: boolean) => Promise<Entry[]>;
  requestPlaytimeBySteamID: (steamID: unknown, isNeedUpdate?: boolean) => Promise<Entry>;
  getPlayerMaxSecondsPlaytime: (steamID: unknown, isNeedUpdate?: boolean) => Promise<number | null>;
  getPlayersTotalSecondsPlaytime: (steamIDs: unknown, isNeedUpdate?: boolean) => Promise<number>;
};

type ApiModule = {
  default: new (address: unknown, secret: unknown, gameId: number) => Api;
  TIME_IS_UNKNOWN: null;
};

export const apiFile = "configs/squadjs/playtime-service-api.js";
let loaded = 0;

/** The library as a SquadJS of its own loads it: what it remembers is shared by those who got it by the same call. */
export function loadApi(): Promise<ApiModule> {
  loaded += 1;
  return import(`${pathToFileURL(apiFile).href}?${loaded}`);
}

export type Plugin = { mount: () => Promise<void>; unmount: () => Promise<void> };
export type PluginClass = {
  new (server: unknown, options: Record<string, unknown>, connectors: object): Plugin;
  name: string;
  description: string;
  defaultEnabled: boolean;
  optionsSpecification: Record<string, { required?: boolean; description?: string; default?: unknown }>;
};

/**
 * SquadJS's folder of plug-ins, with a stand-in of its BasePlugin: that one takes `options` by their specification (what is required
 * must be there and not the default, what is missing gets the default) and has `verbose`. As SquadJS does, every file but that one is
 * loaded, and its default export known by the name of its class.
 */
export async function loadPlugins(): Promise<Record<string, PluginClass>> {
  const folder = mkdtempSync(join(tmpdir(), "playtime-plugins-"));
  cpSync("configs/squadjs", folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  writeFileSync(join(folder, "base-plugin.js"), basePlugin);
  const plugins: Record<string, PluginClass> = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".js") && name !== "base-plugin.js")) {
    const { default: Plugin }: { default: PluginClass } = await import(pathToFileURL(join(folder, file)).href);
    plugins[Plugin.name] = Plugin;
  }
  rmSync(folder, { recursive: true });
  return plugins;
}

const basePlugin = `export default class BasePlugin {
  constructor(server, options) {
    this.server = server;
    this.rawOptions = options;
    this.options = {};
    this.said = [];
    for (const [name, { required, default: usual }] of Object.entries(this.constructor.optionsSpecification)) {
      if (required && (!(name in options) || options[name] === usual)) throw new Error(name + " is required");
      this.options[name] = options[name] ?? usual;
    }
  }
  verbose(level, words) {
    this.server.said?.push(words);
  }
}
`;

type Asked = { path: string; headers: IncomingHttpHeaders; body: Record<string, unknown> & { steam_ids: string[] } };
/** A status, a body, or "cut": the connection ends without an answer. */
export type StubAnswer = { status?: number; body?: unknown; raw?: string; location?: string } | "cut";

/** A little server in the place of the service; `answer` may be replaced at any time. */
export async function startStub(answer: (asked: Asked, count: number) => StubAnswer | Promise<StubAnswer>) {
  const stub = { answer, asked: [] as Asked[], origin: "", address: "", stop: async () => {} };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const asked = { path: request.url ?? "", headers: request.headers, body: JSON.parse(text) };
    stub.asked.push(asked);
    const said = await stub.answer(asked, stub.asked.length);
    if (said === "cut") return void request.socket.destroy();
    response.writeHead(said.status ?? 200, said.location === undefined ? {} : { location: said.location });
    response.end(said.raw ?? JSON.stringify(said.body ?? []));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stub.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub.address = `${stub.origin}/get-playtime/squadjs/`;
  stub.stop = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return stub;
}

/** What the service answers about players of whom both times are known. */
export const known = (steamIds: readonly string[], more: Record<string, unknown> = {}) => ({
  body: steamIds.map((steam_id) => ({
    steam_id,
    steam_playtime: 360_000,
    bm_playtime: 7_200,
    created_at: null,
    updated_at: null,
    steam_status: "ok",
    ...more,
  })),
});
