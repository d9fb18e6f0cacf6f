/**
 * Whether an Accept-Encoding header takes gzip, by its weights (RFC 9110, 12.5.3): named with more than 0, or by `*` where it
 * is not named; and not where the plain text is wanted more.
 */
export function takesGzip(header: string | string[] | undefined): boolean {
  const weights = new Map<string, number>();
  for (const part of String(header ?? "")
    .toLowerCase()
    .split(",")) {
    const [coding = "", ...parameters] = part.split(";").map((text) => text.trim());
    weights.set(coding === "x-gzip" ? "gzip" : coding, weightOf(parameters));
  }
  const gzip = weights.get("gzip") ?? weights.get("*") ?? 0;
  return gzip > 0 && gzip >= (weights.get("identity") ?? 0);
}

/** 1 where none is given, 0 where it is none. */
function weightOf(parameters: string[]): number {
  const given = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, "");
  if (given === undefined) return 1;
  return /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(given) ? Number(given) : 0;
}
