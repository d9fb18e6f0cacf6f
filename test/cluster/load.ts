import { Agent } from "node:http";
import { deliverySignature, hmac, secrets } from "../support/service.ts";
import { post, type Reply } from "./requests.ts";

const game = 393_380;
const firstId = 76_561_198_000_000_000n;
const regulars = 100;
const idOf = (player: number) => String(firstId + BigInt(player));

/** How a request ended, in milliseconds since the start of the load; `code` is empty for an accepted one. */
type End = { kind: "delivery" | "query"; atMs: number; endMs: number; code: string };
type Acknowledged = { player: string; seconds: number; signedMs: number };

/**
 * Signed deliveries and queries at a steady rate, whether or not others wait. Half of the deliveries name one of a hundred
 * players whose time grows, the other half somebody new. Each query asks about a player whose delivery was acknowledged.
 */
export function startLoad({ base, deliveries, queries }: { base: string; deliveries: number; queries: number }) {
  const agent = new Agent({ keepAlive: true });
  const ledger: Acknowledged[] = [];
  const ends: End[] = [];
  const known = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  const startMs = performance.now();
  const now = () => performance.now() - startMs;
  let sent = 0;
  let reads = 0;
  let staleReads = 0;

  function track(kind: End["kind"], work: () => Promise<Reply>): void {
    const atMs = now();
    const done = work()
      .then(codeOf, (error: Error) => error.message)
      .then((code) => void ends.push({ kind, atMs, endMs: now(), code }))
      .finally(() => underWay.delete(done));
    underWay.add(done);
  }

  async function deliver(): Promise<Reply> {
    const number = sent;
    sent += 1;
    const player = idOf(number % 2 === 1 ? 1_000_000 + number : (number / 2) % regulars);
    const seconds = number + 1;
    const signedMs = Date.now();
    const body = JSON.stringify({ steam_id: player, playtime: String(seconds), game_id: game });
    const signature = deliverySignature(secrets.battlemetrics, body, new Date(signedMs).toISOString());
    const reply = await post(`${base}/set-playtime/bm/bm/`, body, { "x-signature": signature }, agent);
    if (reply.status === 200) {
      ledger.push({ player, seconds, signedMs });
      known.set(player, Math.max(seconds, known.get(player) ?? 0));
    }
    return reply;
  }

  async function ask(): Promise<Reply> {
    const players = [...known.keys()];
    const player = players[Math.floor(Math.random() * players.length)] ?? idOf(0);
    const expected = known.get(player);
    const body = JSON.stringify({ steam_ids: [player], game_id: game });
    const reply = await post(
      `${base}/get-playtime/plugin/`,
      body,
      { "x-signature": hmac(secrets.script, body) },
      agent,
    );
    if (reply.status === 200 && expected !== undefined) {
      reads += 1;
      const [row] = JSON.parse(reply.body);
      if (row.bm_playtime === null || row.bm_playtime < expected) staleReads += 1;
    }
    return reply;
  }

  const timers = [
    setInterval(() => track("delivery", deliver), 1_000 / deliveries),
    setInterval(() => track("query", ask), 1_000 / queries),
  ];
  return {
    now,
    ends,
    stop: async () => {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(underWay);
      agent.destroy();
      return { ledger, reads, staleReads };
    },
  };
}

/** "" for an accepted request, else the status and our code. */
function codeOf({ status, body }: Reply): string {
  if (status === 200) return "";
  return `${status} ${/"code":"([a-z-]+)"/.exec(body)?.[1] ?? "not ours"}`;
}

/** What senders of deliveries saw since then: refusals by code, and the longest time without an accepted one. */
export function seenSince(ends: readonly End[], fromMs: number) {
  const deliveries = ends.filter(({ kind, atMs }) => kind === "delivery" && atMs >= fromMs - 500);
  const accepted = deliveries
    .filter(({ code }) => code === "")
    .map(({ endMs }) => endMs)
    .sort((a, b) => a - b);
  const gaps = accepted.map((endMs, index) => endMs - (accepted[index - 1] ?? endMs));
  const refusals: Record<string, number> = {};
  for (const { code } of ends.filter(({ atMs, code }) => atMs >= fromMs - 500 && code !== ""))
    refusals[code] = (refusals[code] ?? 0) + 1;
  return { deliveries: deliveries.length, refusals, longestGapSeconds: Math.round(Math.max(0, ...gaps) / 100) / 10 };
}

/** Acknowledged deliveries that are not in the rows `steam_id|bm_seconds|signed milliseconds`, or older there. */
export function lostOf(ledger: readonly Acknowledged[], rows: string): Acknowledged[] {
  const stored = new Map(
    rows.split("\n").map((row): [string, { seconds: number; signedMs: number }] => {
      const [player = "", seconds, signedMs] = row.split("|");
      return [player, { seconds: Number(seconds), signedMs: Number(signedMs) }];
    }),
  );
  return ledger.filter(({ player, seconds, signedMs }) => {
    const row = stored.get(player);
    return !row || row.signedMs < signedMs || (row.signedMs === signedMs && row.seconds < seconds);
  });
}
