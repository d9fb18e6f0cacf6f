import { createHmac } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sql } from "../../src/database/connect.ts";

/** One delivery that was sent. Figures grow with every delivery, so that each is told from all others. */
type Sent = { signedMs: number; seconds: number };

/** What was sent and what was acknowledged, to be compared with the rows. */
export function createLedger(players = 300) {
  const sent = new Map<string, Map<number, Sent>>();
  const acknowledged = new Map<string, Sent>();
  /** Of each player the largest figure sent when the first was acknowledged: the first that was stored is none after it. */
  const firstMost = new Map<string, number>();
  let figure = 0;
  let count = 0;

  return {
    count: () => count,
    next: () => {
      figure += 1;
      const steamId = String(76561198000000000n + BigInt(figure % players));
      const delivery = { signedMs: Date.now(), seconds: figure };
      const ofPlayer = sent.get(steamId) ?? new Map<number, Sent>();
      ofPlayer.set(figure, delivery);
      sent.set(steamId, ofPlayer);
      return { steamId, ...delivery };
    },
    acknowledge: ({ steamId, signedMs, seconds }: Sent & { steamId: string }) => {
      count += 1;
      const newest = acknowledged.get(steamId);
      if (!newest) firstMost.set(steamId, Math.max(...(sent.get(steamId)?.keys() ?? [])));
      if (!newest || isNewer({ signedMs, seconds }, newest)) acknowledged.set(steamId, { signedMs, seconds });
    },
    /**
     * What is wrong with the rows: an acknowledged player who is missing, a figure older than one acknowledged (one sent
     * later may be there without having been acknowledged), one that nobody sent, or days that do not add up to what the
     * figure grew by since the first that was stored.
     */
    problems: async (sql: Sql): Promise<string[]> => {
      const rows = await sql<{ id: string; seconds: number; ms: number; played: number }[]>`
        select steam_id::text as id, bm_seconds as seconds, extract(epoch from bm_signed_at)::float8 * 1000 as ms,
          coalesce((select sum(seconds) from playtime_days as day
            where (day.steam_id, day.game_id) = (playtimes.steam_id, playtimes.game_id)), 0)::float8 as played
        from playtimes where game_id = ${gameId} and bm_signed_at is not null`;
      const byId = new Map(rows.map((row) => [row.id, row]));
      const problems = [...acknowledged].flatMap(([steamId, newest]) => {
        const row = byId.get(steamId);
        if (!row) return [`${steamId} was acknowledged and is missing`];
        const stored = { signedMs: Math.round(row.ms), seconds: row.seconds };
        return isNewer(newest, stored)
          ? [`${steamId} holds ${row.seconds}, but ${newest.seconds} was acknowledged`]
          : [];
      });
      for (const row of rows) {
        const ofPlayer = sent.get(row.id);
        if (ofPlayer?.get(row.seconds)?.signedMs !== Math.round(row.ms))
          problems.push(`${row.id} holds a figure that nobody sent`);
        const first = row.seconds - row.played;
        if (!ofPlayer?.has(first) || first > (firstMost.get(row.id) ?? Number.POSITIVE_INFINITY))
          problems.push(`${row.id} has ${row.played} s in its days: it began with ${first}, which was not the first`);
      }
      return problems;
    },
  };
}

export type Ledger = ReturnType<typeof createLedger>;

const isNewer = (a: Sent, b: Sent) => a.signedMs > b.signedMs || (a.signedMs === b.signedMs && a.seconds > b.seconds);
const gameId = 393380;

/** Status 0: refused, or cut before an answer when it `wasOpen`. */
export type Outcome = { status: number; ms: number; atMs: number; retryAfter: boolean; wasOpen: boolean };

/** Signed deliveries, one after the other on each of some connections, until `stop`. A connection that is cut is opened anew. */
export function startLoad({ port, ledger, secret, path = "bm", workers = 32, pauseMs = 0 }: LoadOptions) {
  let running = true;
  const outcomes: Outcome[] = [];
  const sockets = new Set<Socket>();
  const all = Array.from({ length: workers }, work);

  async function work(): Promise<void> {
    let caller: Caller | undefined;
    while (running) {
      const delivery = ledger.next();
      const startedMs = performance.now();
      let wasOpen = false;
      try {
        caller ??= await open(port, sockets);
        wasOpen = true;
        const { status, head } = await caller.ask(request(path, secret, delivery));
        if (status === 200) ledger.acknowledge(delivery);
        const atMs = performance.now();
        outcomes.push({ status, ms: atMs - startedMs, atMs, retryAfter: /^retry-after:/im.test(head), wasOpen: true });
        if (/^connection: close/im.test(head)) {
          caller.close();
          caller = undefined;
        }
        if (pauseMs > 0) await sleep(pauseMs);
      } catch {
        outcomes.push({
          status: 0,
          ms: performance.now() - startedMs,
          atMs: performance.now(),
          retryAfter: false,
          wasOpen,
        });
        caller?.close();
        caller = undefined;
        await sleep(20);
      }
    }
    caller?.close();
  }

  return {
    outcomes,
    count: (status: number) => outcomes.filter((one) => one.status === status).length,
    /** No new deliveries; fulfilled when those under way are answered or cut. */
    stop: async () => {
      running = false;
      const cut = setTimeout(() => sockets.forEach((socket) => void socket.destroy()), 15_000);
      await Promise.all(all);
      clearTimeout(cut);
    },
  };
}

type LoadOptions = { port: number; ledger: Ledger; secret: string; path?: string; workers?: number; pauseMs?: number };

function request(path: string, secret: string, { steamId, signedMs, seconds }: Sent & { steamId: string }): string {
  const body = JSON.stringify({ steam_id: steamId, playtime: String(seconds), game_id: gameId });
  const time = new Date(signedMs).toISOString();
  const signature = createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
  return (
    `POST /set-playtime/bm/${path}/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n` +
    `X-Signature: t=${time},s=${signature}\r\n\r\n${body}`
  );
}

type Caller = { ask: (request: string) => Promise<{ status: number; head: string }>; close: () => void };

/** A keep-alive connection, bare, so that the callers cost less than the service. */
async function open(port: number, sockets: Set<Socket>): Promise<Caller> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  sockets.add(socket);
  let received = "";
  let settle:
    | { resolve: (answer: { status: number; head: string }) => void; reject: (error: Error) => void }
    | undefined;
  const fail = () => settle?.reject(new Error("cut"));
  socket.on("error", fail);
  socket.on("close", () => {
    sockets.delete(socket);
    fail();
  });
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    const end = received.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = received.slice(0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (received.length < end + 4 + length) return;
    received = received.slice(end + 4 + length);
    settle?.resolve({ status: Number(head.slice(9, 12)), head });
  });
  await new Promise<void>((resolve, reject) => {
    settle = { resolve: () => {}, reject };
    socket.once("connect", resolve);
  });
  return {
    ask: (text) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error("cut"));
        settle = { resolve, reject };
        socket.write(text);
      }),
    close: () => void socket.destroy(),
  };
}

/** The value below which the given share of the numbers lies. */
export function percentile(numbers: number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
