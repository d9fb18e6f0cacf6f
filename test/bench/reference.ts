// The plain way to build the service: every request checks its signature, parses its body and runs one prepared
// statement of its own, over a pool of ten connections. Without field checks, look-ups and limits.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import postgres from "postgres";
import type { Address } from "../../src/database/connect.ts";
import { secret } from "./requests.ts";

const address: Address = JSON.parse(process.argv[2] ?? "");
const sql = "url" in address ? postgres(address.url, { max: 10 }) : postgres({ ...address, max: 10, ssl: false });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => answer(request, Buffer.concat(chunks), response).catch(() => response.writeHead(500).end()));
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.stdin.resume().once("end", () => process.exit());

async function answer(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
  const header = String(request.headers["x-signature"]);
  if (request.url?.startsWith("/set-playtime/")) {
    const [, time = "", signature = ""] = /^t=(.*),s=(.*)$/.exec(header) ?? [];
    if (!isRight(signature, createHmac("sha256", secret).update(`${time}.`).update(body))) throw new Error("signature");
    await upsert(JSON.parse(body.toString()), time);
    response.end();
  } else {
    if (!isRight(header, createHmac("sha256", secret).update(body))) throw new Error("signature");
    const rows = await select(JSON.parse(body.toString()));
    response.setHeader("content-type", "application/json").end(JSON.stringify(rows));
  }
}

function isRight(signature: string, hmac: ReturnType<typeof createHmac>): boolean {
  return timingSafeEqual(Buffer.from(signature, "hex"), hmac.digest());
}

type Delivery = { steam_id: string; playtime: string; game_id: number };

function upsert({ steam_id, playtime, game_id }: Delivery, time: string) {
  return sql`
    insert into playtimes (steam_id, game_id, bm_seconds, bm_signed_at)
    values (${steam_id}::bigint, ${game_id}, ${Number(playtime)}, ${time}::timestamptz)
    on conflict (steam_id, game_id)
    do update set bm_seconds = excluded.bm_seconds, bm_signed_at = excluded.bm_signed_at, updated_at = now()
    where playtimes.bm_signed_at is null or excluded.bm_signed_at > playtimes.bm_signed_at`;
}

type Query = { steam_ids: string[]; game_id: number };

function select({ steam_ids, game_id }: Query) {
  return sql`
    select steam_id::text, steam_seconds as steam_playtime, bm_seconds as bm_playtime, created_at, updated_at, steam_status
    from playtimes where steam_id = any(${`{${steam_ids}}`}::bigint[]) and game_id = ${game_id}`;
}
