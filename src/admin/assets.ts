import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Answer, Call } from "../http/call.ts";
import { takesGzip } from "../http/encoding.ts";
import { Refusal } from "../http/refusal.ts";

type Asset = { path: string; plain: Answer; gzipped: Answer };

/** Files that browsers keep for ever: when the content changes, the name changes too. */
export const assets = {
  style: asset("style.css", "text/css; charset=utf-8"),
  script: asset("script.js", "text/javascript; charset=utf-8"),
  icon: asset("icon.svg", "image/svg+xml"),
} satisfies Record<string, Asset>;

function asset(file: string, type: string): Asset {
  const body = readFileSync(new URL(`./assets/${file}`, import.meta.url));
  const hash = createHash("sha256").update(body).digest("hex").slice(0, 12);
  const headers = {
    "content-type": type,
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    vary: "accept-encoding",
  };
  return {
    path: `/admin/assets/${file.replace(".", `.${hash}.`)}`,
    plain: { status: 200, headers, body },
    gzipped: { status: 200, headers: { ...headers, "content-encoding": "gzip" }, body: gzipSync(body) },
  };
}

/** Throws the Refusal "not-found". */
export function assetAt({ path, headers }: Pick<Call, "path" | "headers">): Answer {
  const found = Object.values(assets).find((one) => one.path === path);
  if (!found) throw new Refusal("not-found");
  return takesGzip(headers["accept-encoding"]) ? found.gzipped : found.plain;
}
