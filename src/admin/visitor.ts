import type { Config } from "../config.ts";
import type { Call } from "../http/call.ts";
import { ipAddress } from "./address.ts";

/** The visitor's address and the requested one, as far as known. A proxy is believed only when the config says so. */
export function visitors(server: Pick<Config["SERVER"], "PUBLIC_URL" | "TRUST_PROXY">) {
  const { TRUST_PROXY } = server;

  /** Takes the last value: our own proxy added it. Those before it may come from strangers. */
  function forwarded({ headers }: Call, name: string): string | undefined {
    const value = TRUST_PROXY ? headers[name] : undefined;
    return typeof value === "string" ? value.split(",").at(-1)?.trim() : undefined;
  }

  const isHttps = (call: Call) => forwarded(call, "x-forwarded-proto")?.toLowerCase() === "https";
  const hostOf = (call: Call) => forwarded(call, "x-forwarded-host") || call.headers.host || "";

  function isOwnOrigin(call: Call, text: string): boolean {
    if (!URL.canParse(text)) return false;
    const origin = new URL(text);
    // It can be set while the service runs.
    const ours = server.PUBLIC_URL === "" ? undefined : new URL(server.PUBLIC_URL);
    if (origin.origin === ours?.origin) return true;
    const host = withoutUsualPort(hostOf(call));
    const isKnownHttps = isHttps(call) || (ours?.protocol === "https:" && host === ours.host);
    return host !== "" && host === withoutUsualPort(origin.host) && !(isKnownHttps && origin.protocol === "http:");
  }

  return {
    isHttps,
    hostOf,
    /** Scheme and host as the browser knows them; a stranger's text. */
    originOf: (call: Call) => {
      const origin = `${isHttps(call) ? "https" : "http"}://${hostOf(call)}`;
      return URL.canParse(origin) ? new URL(origin).origin : origin;
    },
    addressOf: (call: Call) =>
      ipAddress(forwarded(call, "x-forwarded-for") ?? "") ?? ipAddress(call.remoteAddress()) ?? "unknown",
    /**
     * Whether a form came from a page of ours. Browsers say so themselves over HTTPS and on localhost. Over plain HTTP they
     * only name the page's origin, which is compared with the host that the request was sent to, and with PUBLIC_URL: a
     * proxy may hide the host or its port.
     */
    isOwnForm: (call: Call) => {
      const { origin, "sec-fetch-site": site } = call.headers;
      if (site !== undefined) return site === "same-origin";
      return origin !== undefined && isOwnOrigin(call, origin);
    },
  };
}

/** Proxies may name the default port; browsers never do. */
const withoutUsualPort = (host: string) => host.toLowerCase().replace(/:(?:80|443)$/, "");
