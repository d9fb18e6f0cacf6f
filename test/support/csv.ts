import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach } from "node:test";
import { readCsv } from "../../src/players/csv.ts";
import { cli } from "./cli.ts";
import { createTestDatabase, environmentOf } from "./database.ts";

/** The cells of a text that comes in pieces of some bytes. */
export async function cellsOf(text: string | Buffer, pieceBytes = 3): Promise<string[][]> {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
  const rows: string[][] = [];
  for await (const batch of readCsv(pieces())) rows.push(...batch.map(({ cells }) => cells));
  return rows;
}

/** A database without players before each test, an empty folder, and the commands that write and read tables there. */
export async function openTables() {
  const db = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), "playtime-csv-"));
  after(async () => {
    await db.drop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => db.sql`truncate playtimes`);

  const run = (args: string, options: { input?: string } = {}) =>
    cli(args, { ...options, env: { ...environmentOf(db), PLAYTIME_SERVER_DATA_DIR: folder } });
  const importing = (text: string, args = "") => run(`import-csv -${args}`, { input: text });
  const stored = () => db.sql`
    select steam_id::text as id, game_id as game, steam_seconds as steam, steam_status as status, bm_seconds as bm, created_at as created,
      updated_at as updated
    from playtimes order by steam_id, game_id`;
  return { db, folder, run, importing, stored };
}
