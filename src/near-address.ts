import type { Kind } from "./connections/connections.ts";
import type { Call, Handler } from "./http/call.ts";
import { Refusal } from "./http/refusal.ts";
import { type OnEnd, observed } from "./watch/observed.ts";

/**
 * For calls that no route takes: a handler that refuses those to an address that nearly is ours, or by another method, and says
 * what is wrong. A sender of ours is behind them, so they are seen as every refusal is.
 */
export function toNearAddress(watchers: readonly OnEnd[]): (call: Call, refusal: Refusal) => Handler | undefined {
  return ({ method, path, headers }, refusal) => {
    const isWrongMethod = refusal.code === "method-not-allowed";
    if (isWrongMethod && !ours.test(path)) return undefined;
    const near = nearAddress(path, headers["x-signature"]);
    if (!near) return undefined;
    const refuse: Handler = ({ facts }) => {
      facts["connection"] = `${near.kind}/?`;
      facts["path"] = `${isWrongMethod ? `${method} ` : ""}${path}`.slice(0, 64);
      if (isWrongMethod) throw refusal;
      throw new Refusal("unknown-path", { detail: `There is nothing at this address. ${near.detail}` });
    };
    return observed(near.kind, refuse, watchers);
  };
}

const ours = /^\/(?:set|get|top)-playtime\//;

/** What is wrong with an address, without a word of the address itself; undefined where it has nothing of ours. */
function nearAddress(
  path: string,
  signature: string | string[] | undefined,
): { kind: Kind; detail: string } | undefined {
  const parts = decoded(path)
    .split("/")
    .filter((part) => part !== "");
  const place = parts.findIndex((part) => /^(?:set|get|top)[-_]?playtimes?$/i.test(part));
  const name = parts[place]?.toLowerCase();
  if (name === undefined) {
    if (signature === undefined) return undefined;
    const kind = signature.includes("t=") ? "battlemetrics" : "script";
    const where = parts.length === 0 ? "The address ends after the host." : "There is no connection at this address.";
    return { kind, detail: `${where} The address is ${forms[kind === "script" ? "get" : "set"]}.` };
  }
  const form = name.startsWith("set") ? "set" : name.startsWith("top") ? "top" : "get";
  return {
    kind: form === "set" ? "battlemetrics" : "script",
    detail: `${problemOf(form, parts.slice(place), { isFirst: place === 0, hasEmptyPart: path.includes("//") })} The address is ${forms[form]}.`,
  };
}

const forms = {
  set: "/set-playtime/bm/<path>/, for BattleMetrics",
  get: "/get-playtime/<path>/, for scripts",
  top: "/top-playtime/<path>/, for scripts",
};

function problemOf(
  form: keyof typeof forms,
  [name = "", ...rest]: string[],
  { isFirst, hasEmptyPart }: { isFirst: boolean; hasEmptyPart: boolean },
): string {
  const isBm = rest[0]?.toLowerCase() === "bm";
  if (!isFirst) return `Something stands before /${form}-playtime/: a proxy in front of the service must cut it off.`;
  if (hasEmptyPart) return "There is a double slash in it.";
  if (name !== `${form}-playtime`) return `Write /${form}-playtime/ in lower case, with a hyphen.`;
  if (rest.length === 0 || (isBm && rest.length === 1 && form === "set"))
    return "The path of the connection is missing.";
  if (form === "set" && !isBm) return "The part /bm/ is missing.";
  if (form === "set" && rest[0] !== "bm") return "The part /bm/ is written in lower case.";
  if (form !== "set" && isBm) return "The part /bm/ belongs to addresses of BattleMetrics only.";
  return "A path is one part, without a slash in it.";
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
