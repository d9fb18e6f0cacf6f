import { isIP, isIPv4 } from "node:net";

/**
 * An IP address as proxies write it: `203.0.113.6`, `203.0.113.6:50001`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:50001`,
 * also in quotes. In its shortest form, IPv4 inside IPv6 as IPv4; undefined for anything else.
 */
export function ipAddress(text: string): string | undefined {
  const [, bracketed, dotted, plain = ""] =
    /^"?(?:\[([^\]]*)\](?::\d*)?|([\d.]+)(?::\d*)?|([\da-f:.]+))(?:%[^"]*)?"?$/i.exec(text.trim().slice(0, 100)) ?? [];
  const address = bracketed?.replace(/%.*$/, "") ?? dotted ?? plain;
  if (isIP(address) === 0) return undefined;
  if (isIPv4(address)) return address;
  // The URL parser knows the shortest form.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bytes = [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]);
  return bytes.join(".");
}

/** The first `bits` of an address from `ipAddress`, as text: enough to tell one network from another. */
export function networkOf(address: string, bits: { v4: 24 | 32; v6: 48 | 64 }): string {
  if (isIPv4(address))
    return address
      .split(".")
      .slice(0, bits.v4 / 8)
      .join(".");
  const [head = "", tail] = address.split("::");
  const groups = head.split(":").filter((group) => group !== "");
  const behind = tail?.split(":").filter((group) => group !== "") ?? [];
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - groups.length - behind.length }, () => "0");
  return [...groups, ...zeros, ...behind].slice(0, bits.v6 / 16).join(":");
}
