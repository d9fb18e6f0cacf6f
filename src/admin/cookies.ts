import type { Call } from "../http/call.ts";

export function cookieIn(call: Call, name: string): string | undefined {
  const parts = (call.headers.cookie ?? "").split(";").map((part) => part.trim());
  return parts.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
}

/**
 * The value of a Set-Cookie header. Lax: whoever follows a link on another site to the panel is signed in there. That is safe:
 * only forms change anything, and forms from other sites are refused.
 */
export function cookie(
  name: string,
  value: string,
  { isHttps, seconds }: { isHttps: boolean; seconds: number },
): string {
  return `${name}=${value}; Path=/admin/; HttpOnly; SameSite=Lax${isHttps ? "; Secure" : ""}; Max-Age=${seconds}`;
}
