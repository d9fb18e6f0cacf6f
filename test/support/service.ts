import { createHmac } from "node:crypto";
import { createApp } from "../../src/app.ts";
import { type Config, readConfig } from "../../src/config.ts";
import type { NewConnection } from "../../src/connections/connections.ts";
import { serve } from "../../src/http/server.ts";
import { createLog, type Fields, type Level } from "../../src/log.ts";
import type { TestDatabase } from "./database.ts";
import { noteSaid } from "./said.ts";

let example: Promise<Config> | undefined;

/** The defaults, with some settings of some sections replaced. */
export async function testConfig(
  changes: { [Section in keyof Config]?: Partial<Config[Section]> } = {},
): Promise<Config> {
  example ??= readConfig({ file: "configs/playtime/config-example.toml", env: {} });
  const config = structuredClone(await example);
  for (const [section, values] of Object.entries(changes))
    Object.assign(config[section as keyof Config] as object, values);
  return config;
}

export type LogLine = { time: string; level: Level; message: string } & Fields;

/** A log that remembers its lines. */
export function memoryLog(level: Level = "debug") {
  const lines: LogLine[] = [];
  const log = createLog({
    level,
    readable: false,
    write: (line) => {
      noteSaid(line);
      lines.push(JSON.parse(line));
    },
  });
  return { log, lines, text: () => JSON.stringify(lines) };
}

type ServiceOptions = { config?: Parameters<typeof testConfig>[0]; now?: () => Date };

/** The app on a free port of the loopback, over a test database. */
export async function startTestService(
  { database }: Pick<TestDatabase, "database">,
  { config: changes, now }: ServiceOptions = {},
) {
  const { log, lines, text } = memoryLog();
  const config = await testConfig(changes);
  let port = 0;
  const app = await createApp({ config, database, port: () => port, log, ...(now ? { now } : {}) });
  const server = await serve({ route: app.route, host: "127.0.0.1", port: 0, log });
  port = server.port;
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    lines,
    logText: text,
    firstVisit: app.firstVisit,
    stop: async () => {
      await server.stop();
      await app.stop();
    },
  };
}

export type TestService = Awaited<ReturnType<typeof startTestService>>;

/** Signs by itself, as BattleMetrics does; nothing of the code under test is used. */
export function hmac(secret: string, message: string | Buffer): string {
  return createHmac("sha256", secret).update(message).digest("hex");
}

export function deliverySignature(secret: string, body: string, timestamp = new Date().toISOString()): string {
  return `t=${timestamp},s=${hmac(secret, `${timestamp}.${body}`)}`;
}

/** POST with a signature header; the answer's body as text and, where it is JSON, parsed. */
export async function post(url: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method: "POST", body, headers });
  const text = await response.text();
  noteSaid(text);
  return { status: response.status, headers: response.headers, text, json: text === "" ? undefined : JSON.parse(text) };
}

export const secrets = { battlemetrics: "battlemetrics-secret-0123", script: "script-secret-0123456789" };

/** The connections that most tests want: `bm` and `plugin`, switched on, for any game. */
export const usualConnections: NewConnection[] = [
  { kind: "battlemetrics", path: "bm", secret: secrets.battlemetrics, enabled: true, fixedGameId: null },
  { kind: "script", path: "plugin", secret: secrets.script, enabled: true, fixedGameId: null },
];

export async function insertConnections(
  { sql }: Pick<TestDatabase, "sql">,
  connections: NewConnection[] = usualConnections,
): Promise<void> {
  for (const { kind, path, secret, enabled, fixedGameId } of connections)
    await sql`insert into connections (kind, path, secret, enabled, fixed_game_id) values (${kind}, ${path}, ${secret}, ${enabled}, ${fixedGameId})`;
}
