import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { gzipSync } from "node:zlib";
import type { NewConnection } from "../../src/connections/connections.ts";
import type { TestDatabase } from "../support/database.ts";
import { hmac, startTestService } from "../support/service.ts";
import type { SteamState, SteamStates, SteamStub } from "../support/steam-stub.ts";

/*
 * Cases recorded from the original service: what it answered and stored, and what ours must answer. Where ours differs on
 * purpose, the case says so under `want`; what ours must have stored then is worked out here, by hand.
 */

export type Times = { steam_id: string; steam_playtime: number | null; bm_playtime: number | null };
export type Row = Times & { game_id: number; created_at: string; updated_at: string };
type Signing = {
  scheme: "bm" | "raw" | "none";
  secret: string;
  header?: string | string[];
  t?: { offset_s?: number; fmt?: string };
  over_body?: string;
};
export type Case = {
  name: string;
  request: {
    method: string;
    path: string;
    headers: Record<string, string>;
    body: string | { b64: string; gzip?: string } | null;
    signing: Signing;
  };
  steam: SteamStates;
  rows_before: Row[];
  original: { status: number; body: Times[] | unknown; rows_after: Row[] | string };
  want: { status: number | null; rows?: Times[]; why?: string };
};

export const cases: Case[] = JSON.parse(readFileSync(new URL("cases.json", import.meta.url), "utf8"));

const connection = (kind: NewConnection["kind"], path: string, secret: string): NewConnection => ({
  kind,
  path,
  secret,
  enabled: !path.endsWith("-off"),
  fixedGameId: path.endsWith("-fixed") ? 393380 : null,
});

/** The connections that the cases name. */
export const recordedConnections = [
  connection("battlemetrics", "bm-main", "bm-secret-1"),
  connection("battlemetrics", "bm-fixed", "bm-secret-2"),
  connection("battlemetrics", "bm-off", "bm-secret-3"),
  connection("battlemetrics", "bm-юникод", "секрет-ключ"),
  connection("script", "get-main", "get-secret-1"),
  connection("script", "get-fixed", "get-secret-2"),
  connection("script", "get-off", "get-secret-3"),
];

export type Replaying = {
  /** Holds the recorded connections. */
  db: TestDatabase;
  steam: SteamStub;
  /** Makes the given rows all that the players' table holds. */
  storeRows: (rows: Row[]) => Promise<void>;
};

/** Sends the case to a new service over the database, and fails where its answer or what is stored then is wrong. */
export async function replay(recorded: Case, { db, steam, storeRows }: Replaying): Promise<void> {
  await storeRows(recorded.rows_before);
  steam.states = recorded.steam;
  // A new app for each case: the limits and the breaker of the one before are not its business.
  const service = await startTestService(db, {
    config: {
      STEAM: { KEY: "key", API_URL: steam.url, TIMEOUT: 1, CALLS_PER_SECOND: 1000 },
      HMAC: { TIMESTAMP_DEVIATION: 10 },
    },
  });
  try {
    const answer = await send(service.port, recorded);
    assert.ok(answer.status < 500, `answered ${answer.status}`);
    if (recorded.want.status !== null) assert.equal(answer.status, recorded.want.status, answer.text);
    if (answer.status >= 400 && recorded.request.method !== "HEAD") {
      assert.match(JSON.parse(answer.text).code, /^[a-z-]+$/);
      assert.match(JSON.parse(answer.text).detail, /\w.*\.$/s);
    }
    if (answer.status === 405) assert.equal(answer.allow, "POST");
    if (answer.status === 200 && recorded.name.startsWith("get/")) assertRows(recorded, JSON.parse(answer.text));
    assert.deepEqual(await storedTimes(db), expectedStored(recorded, answer.status));
  } finally {
    await service.stop();
  }
}

type Stored = Pick<Row, "steam_id" | "game_id" | "steam_playtime" | "bm_playtime">;

async function storedTimes(db: TestDatabase): Promise<Stored[]> {
  const rows = await db.sql<Stored[]>`
    select steam_id::text, game_id, steam_seconds as steam_playtime, bm_seconds as bm_playtime from playtimes`;
  return sorted([...rows]);
}

function sorted(rows: Stored[]): Stored[] {
  return rows
    .map(({ steam_id, game_id, steam_playtime, bm_playtime }) => ({ steam_id, game_id, steam_playtime, bm_playtime }))
    .sort((a, b) => a.steam_id.localeCompare(b.steam_id) || a.game_id - b.game_id);
}

/** The rows answered: those wanted, else those of the original; in the order asked. */
function assertRows(recorded: Case, answered: Times[]): void {
  const { original, want, request } = recorded;
  const expected = want.rows ?? (original.status === 200 ? (original.body as Times[]) : knownBefore(recorded));
  const times = ({ steam_id, steam_playtime, bm_playtime }: Times) => ({ steam_id, steam_playtime, bm_playtime });
  const byId = (rows: Times[]) => new Map(rows.map((row) => [row.steam_id, times(row)]));
  assert.deepEqual(byId(answered), byId(expected));
  const asked = [...(request.body as string).matchAll(/\b76\d{14,16}\b/g)].map(([id]) => id);
  assert.deepEqual(
    answered.map((row) => row.steam_id),
    [...new Set(asked)],
  );
}

/** The original failed; ours says what is stored, and of others that nothing is known. */
function knownBefore({ request, rows_before }: Case): Times[] {
  const { steam_ids } = JSON.parse(request.body as string);
  return steam_ids.map(
    (steam_id: string) =>
      rows_before.find((row) => row.steam_id === steam_id) ?? { steam_id, steam_playtime: null, bm_playtime: null },
  );
}

/** What must be stored afterwards. */
function expectedStored(recorded: Case, status: number): Stored[] {
  const { rows_before, original, want, name } = recorded;
  if (status !== 200 || want.why?.includes("ignored")) return sorted(rows_before);
  if (name.startsWith("bm/"))
    return original.status === 200
      ? sorted(rowsOf(original.rows_after))
      : sorted([...rows_before, delivered(recorded)]);

  const answered =
    want.rows?.map((row) => ({ ...row, game_id: 393380 })) ??
    (original.status === 200 ? rowsOf(original.rows_after) : withStrangers(recorded));
  const isNew = (row: Stored) =>
    !rows_before.some((old) => old.steam_id === row.steam_id && old.game_id === row.game_id);
  // A failure is not an answer: nothing is stored.
  return sorted(answered.filter((row) => !isNew(row) || steamAnswers(recorded.steam)));
}

/** The original refused (or failed over) what ours takes: the row is what the body says. */
function delivered({ request }: Case): Stored {
  const { steam_id, playtime, game_id } = JSON.parse((request.body as string).replace(/^\ufeff/, ""));
  return { steam_id, game_id, steam_playtime: null, bm_playtime: playtime };
}

function withStrangers(recorded: Case): Stored[] {
  const { rows_before } = recorded;
  const strangers = knownBefore(recorded).filter(
    (one) => !rows_before.some(({ steam_id }) => steam_id === one.steam_id),
  );
  return [...rows_before, ...strangers.map((row) => ({ ...row, game_id: 393380 }))];
}

export function rowsOf(rows: Row[] | string): Row[] {
  assert.ok(Array.isArray(rows));
  return rows;
}

/** Whether Steam says anything usable about game 393380: the owned games first, and the recent ones when it is not among them. */
function steamAnswers({ owned = { empty: true }, recent = { empty: true } }: SteamStates): boolean {
  const verdict = judge(owned);
  return verdict === "absent" ? judge(recent) !== "failure" : verdict === "answer";
}

function judge(state: SteamState): "answer" | "absent" | "failure" {
  if (state.private) return "answer";
  if (state.empty) return "absent";
  const game = state.games?.find((one) => (one as { appid: number }).appid === 393380) as
    | { playtime_forever?: unknown }
    | undefined;
  if (state.games && !game) return "absent";
  return Number.isInteger(game?.playtime_forever) ? "answer" : "failure";
}

export async function send(
  port: number,
  { request }: Pick<Case, "request">,
): Promise<{ status: number; text: string; allow: string | undefined }> {
  const body = bodyBytes(request.body);
  const signature = signatureHeader(request.signing, request.signing.over_body ?? body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const isChunked = request.headers["Transfer-Encoding"] === "chunked";
    const headers = {
      ...request.headers,
      ...(signature === undefined ? {} : { "X-Signature": signature }),
      ...(isChunked ? {} : { "Content-Length": body.length }),
    };
    const outgoing = httpRequest(
      { host: "127.0.0.1", port, method: request.method, path: request.path, headers, agent: false },
      resolve,
    );
    outgoing.on("error", reject);
    if (isChunked) for (const part of [body.subarray(0, 10), body.subarray(10)]) outgoing.write(part);
    else outgoing.write(body);
    outgoing.end();
  });
  response.setEncoding("utf8");
  let text = "";
  for await (const part of response) text += part;
  return { status: response.statusCode ?? 0, text, allow: response.headers.allow };
}

function bodyBytes(body: Case["request"]["body"]): Buffer {
  if (typeof body === "string") return Buffer.from(body);
  if (body === null) return Buffer.alloc(0);
  if (body.gzip !== undefined) return gzipSync(body.gzip);
  const [, length] = /^PAD:(\d+)$/.exec(body.b64) ?? [];
  if (length === undefined) return Buffer.from(body.b64, "base64");
  return Buffer.from('{"steam_id":"76561198000000001","playtime":5,"game_id":393380}'.padEnd(Number(length)));
}

function signatureHeader(
  { scheme, secret, header, t = {} }: Signing,
  message: string | Buffer,
): string | string[] | undefined {
  if (scheme === "none") return undefined;
  const time = timestamp(t);
  const right = hmac(
    secret,
    scheme === "bm" ? Buffer.concat([Buffer.from(`${time}.`), Buffer.from(message)]) : Buffer.from(message),
  );
  const filled = (template: string) =>
    template
      .replaceAll("{t}", time)
      .replaceAll("{s}", right)
      .replaceAll("{S}", right.toUpperCase())
      .replaceAll("{bad}", "0".repeat(64));
  const template = header ?? (scheme === "bm" ? "t={t},s={s}" : "{s}");
  return Array.isArray(template) ? template.map(filled) : filled(template);
}

/** The forms of a signed time that were tried on the original. */
function timestamp({ offset_s = 0, fmt = "ms-Z" }: NonNullable<Signing["t"]>): string {
  if (fmt.startsWith("lit:")) return fmt.slice(4);
  const date = new Date(Date.now() + offset_s * 1000);
  const iso = date.toISOString();
  const moscow = new Date(date.getTime() + 3 * 3_600_000).toISOString();
  const forms: Record<string, string> = {
    "ms-Z": iso,
    "s-Z": iso.replace(/\.\d+/, ""),
    "ms+00:00": iso.replace("Z", "+00:00"),
    "+03:00": moscow.replace("Z", "+03:00"),
    "+00": iso.replace("Z", "+00"),
    naive: iso.replace("Z", ""),
    "ns-Z": iso.replace("Z", "000000Z"),
    "basic-Z": iso.replace(/[-:]/g, "").replace(/\.\d+/, ""),
    "no-seconds-Z": iso.replace(/:\d\d\.\d+Z/, "Z"),
    "week-Z": isoWeek(date),
    "comma-Z": iso.replace(".", ","),
    unix: String(Math.floor(date.getTime() / 1000)),
  };
  const form = forms[fmt];
  assert.ok(form, `unknown form of time ${fmt}`);
  return form;
}

function isoWeek(date: Date): string {
  const day = date.getUTCDay() || 7;
  const thursday = new Date(date.getTime() + (4 - day) * 86_400_000);
  const week = Math.ceil(((thursday.getTime() - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / 86_400_000 + 1) / 7);
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, "0")}-${day}T${date.toISOString().slice(11)}`;
}
