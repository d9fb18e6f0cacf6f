import { type Connection, connectionsIn, type Kind } from "../connections/connections.ts";
import type { Database, Sql } from "../database/connect.ts";
import { connectionLost } from "../database/transaction.ts";
import { Malformed } from "../parse.ts";
import { type ImportedPlayer, lostInImport, writePlayers } from "../players/import.ts";
import { connectionOf, playerOf } from "./convert.ts";
import { type DjangoConnection, type DjangoPlayer, readDjango } from "./source.ts";

/** How many rows met which end, in words; of both kinds of connections and of the players. */
export type Tally = Record<Kind | "players", Map<string, number>>;

export type ImportOptions = {
  /** A single connection to the database of the Django service, which may be the same as ours. */
  from: Sql;
  into: Pick<Database, "run" | "alone">;
  /** Only count what would be done. */
  dryRun: boolean;
  /** Called after each batch of players. */
  onProgress: (done: number, total: number) => void;
  /** What the operator should know of single connections, in sentences without secrets. */
  onRemark: (line: string) => void;
  /** Players that are not taken, each with its reason. */
  onSkipped: (lines: string[]) => void | Promise<void>;
};

/**
 * Brings connections and players of the Django service over. May run again and beside both services: what is newer here
 * stays. Throws DatabaseProblem when the source cannot be read.
 */
export async function importDjango(options: ImportOptions): Promise<Tally> {
  const tally: Tally = { battlemetrics: new Map(), script: new Map(), players: new Map() };
  await readDjango(options.from, async ({ connections, playerCount, players }) => {
    // The players come first: a script whose connection works must find them.
    await options.into.alone((sql) => importPlayers(players, playerCount, tally.players, sql, options));
    await importConnections(connections, tally, options);
  });
  return tally;
}

function add(counts: Map<string, number>, words: string, count = 1): void {
  if (count > 0) counts.set(words, (counts.get(words) ?? 0) + count);
}

async function importPlayers(
  batches: AsyncIterable<DjangoPlayer[]>,
  total: number,
  counts: Map<string, number>,
  sql: Sql,
  { dryRun, onProgress, onSkipped }: ImportOptions,
): Promise<void> {
  let done = 0;
  let last: ImportedPlayer | undefined;
  // While one batch is written, the next is read.
  let writing = Promise.resolve();

  for await (const rows of batches) {
    const players: ImportedPlayer[] = [];
    const skipped: string[] = [];
    for (const row of rows) {
      const player = parsed(() => playerOf(row));
      if (typeof player === "string") {
        add(counts, `skipped: ${player}`);
        skipped.push(`player, id ${row.id}, steam_id ${JSON.stringify(row.steamId)}, game ${row.gameId}: ${player}`);
      } else if (last?.steamId === player.steamId && last.gameId === player.gameId) {
        add(counts, "left unchanged: a newer row of the same player and game was there");
      } else {
        players.push(player);
        last = player;
      }
    }
    await writing;
    writing = (async () => {
      await onSkipped(skipped);
      const found = await writePlayers(sql, players, dryRun);
      add(counts, "imported", found.unknown);
      add(counts, "imported; an older row was replaced", found.older);
      add(counts, "left unchanged: the row here has a time signed by BattleMetrics", found.signed);
      add(
        counts,
        "left unchanged: the row here is as new",
        players.length - found.unknown - found.older - found.signed,
      );
      done += rows.length;
      onProgress(done, total);
    })();
    // A failure is heard at the next "await writing".
    writing.catch(() => {});
  }
  await writing;
  if (done !== total) throw connectionLost(lostInImport);
}

async function importConnections(rows: DjangoConnection[], tally: Tally, options: ImportOptions): Promise<void> {
  const takenBy = new Map<string, DjangoConnection>();
  for (const row of rows) {
    const name = `${row.kind} ${JSON.stringify(row.path)} (id ${row.id})`;
    const connection = parsed(() => connectionOf(row));
    if (typeof connection === "string") {
      add(tally[row.kind], `skipped: ${connection}`);
      options.onRemark(`${name}: skipped: ${connection}.`);
      continue;
    }
    const address = `${connection.kind}/${connection.path}`;
    const other = takenBy.get(address);
    if (other) {
      add(tally[row.kind], "skipped: its path is the same as another one's");
      options.onRemark(
        `${name}: skipped: upper and lower case and blanks make no difference in paths, and "${connection.path}" is taken by ${JSON.stringify(other.path)} (id ${other.id}). Rename one of the two and import again.`,
      );
      continue;
    }
    takenBy.set(address, row);
    add(tally[row.kind], await importConnection(connection, name, options));
  }
}

async function importConnection(
  connection: Pick<Connection, "kind" | "path" | "secret" | "enabled" | "fixedGameId">,
  name: string,
  { into, dryRun, onRemark }: ImportOptions,
): Promise<string> {
  const { kind, path, secret } = connection;
  const table = connectionsIn(into);
  const found = await table.one(kind, path);
  if (!found) {
    if (!dryRun) await table.add(connection);
    if (secret !== null) return "imported";
    onRemark(
      `${name}: its secret is empty: it comes switched off. Give it one: connections set-secret ${kind} ${path}, then connections enable ${kind} ${path}.`,
    );
    return "imported switched off: its secret is empty";
  }
  if (secret === null || found.secret === secret) return "left unchanged: it is here already";
  onRemark(
    `${name}: left as it is here, with another secret than in the Django service. To take that one: connections remove ${kind} ${path}, and import again.`,
  );
  return "left unchanged: it is here already, with another secret";
}

/** What the parser makes, or why it does not. */
function parsed<T extends object>(parse: () => T): T | string {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}
