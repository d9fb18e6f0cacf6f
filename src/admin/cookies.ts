import type { Call } from "../http/call.ts";

export function cookieIn(call: Call, name: string): string | undefined {
  const parts = (call.headers.cookie ?? "").split(";").map((part) => part.trim());
  return parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
}

/**
 * The value of a Set-Cookie header. Lax: a link to the panel on another site finds its reader signed in; it changes nothing,
 * as only forms do, and those of other sites are refused.
 */
export function cookie(
  name: string,
  value: string,
  { isHttps, seconds }: { isHttps: boolean; seconds: number },
): string {
  return `${name}=${value}; Path=/admin/; HttpOnly; SameSite=Lax${isHttps ? "; Secure" : ""}; Max-Age=${seconds}`;
}
