import type { Call, Handler } from "./call.ts";
import { Refusal } from "./refusal.ts";

/**
 * "METHOD /fixed/parts/:name/" → handler. The trailing slash is optional; GET serves HEAD too.
 * The returned function finds the handler of a call and sets `call.param`; it throws the Refusals "not-found" and
 * "method-not-allowed", for which `refused` may have a handler instead.
 */
export function router(
  routes: Record<string, Handler>,
  refused?: (call: Call, refusal: Refusal) => Handler | undefined,
): (call: Call) => Handler {
  const exact = new Map<string, Methods>();
  const prefixed = new Map<string, Methods>();
  for (const [address, handler] of Object.entries(routes)) {
    const [method = "", pattern = ""] = address.split(" ");
    const [path, name] = pattern.replace(/\/$/, "").split(":");
    const table = name === undefined ? exact : prefixed;
    const key = path ?? "";
    const methods = table.get(key) ?? new Map();
    methods.set(method, handler);
    if (method === "GET") methods.set("HEAD", handler);
    table.set(key, methods);
  }

  return (call) => {
    const path = call.path.endsWith("/") ? call.path.slice(0, -1) : call.path;
    const cut = path.lastIndexOf("/") + 1;
    const methods = exact.get(path) ?? (cut < path.length ? prefixed.get(path.slice(0, cut)) : undefined);
    const handler = methods?.get(call.method);
    if (!handler) {
      const refusal = methods ? wrongMethod([...methods.keys()].join(", ")) : new Refusal("not-found");
      const other = refused?.(call, refusal);
      if (other) return other;
      throw refusal;
    }
    call.param = decoded(path.slice(cut));
    return handler;
  };
}

function wrongMethod(allow: string): Refusal {
  const hint =
    allow === "POST"
      ? " Send a signed JSON body by POST: a browser sends GET, and a redirect, such as from http to https, turns a POST into a GET."
      : "";
  return new Refusal("method-not-allowed", { detail: `This address takes ${allow} only.${hint}`, headers: { allow } });
}

type Methods = Map<string, Handler>;

function decoded(part: string): string | undefined {
  if (!part.includes("%")) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
