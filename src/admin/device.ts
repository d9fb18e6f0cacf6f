import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** How long a browser keeps it: as long as browsers allow. */
export const deviceSeconds = 400 * 86_400;

/**
 * What a browser that signed in keeps from then on: a random name and its signature. It signs nobody in; it only gives the
 * browser a lane of its own when it gives the password again. Signed with the password's stored hash: so nothing need be
 * stored, replicas agree, and a new password makes it void.
 */
export function deviceCookie(device: string, passwordHash: string): string {
  return `${device}.${signatureOf(device, passwordHash)}`;
}

export const newDevice = () => randomBytes(16).toString("base64url");

/** The name in a cookie; undefined for one that we did not sign, or with another password. */
export function deviceIn(cookie: string | undefined, passwordHash: string): string | undefined {
  const [, device, signature = ""] = /^([\w-]{22})\.([\w-]{43})$/.exec(cookie ?? "") ?? [];
  if (device === undefined) return undefined;
  return timingSafeEqual(Buffer.from(signature), Buffer.from(signatureOf(device, passwordHash))) ? device : undefined;
}

const signatureOf = (device: string, passwordHash: string) =>
  createHmac("sha256", passwordHash).update(`device ${device}`).digest("base64url");
