/**
 * Whether an Accept-Encoding header accepts gzip (RFC 9110, 12.5.3): the weight of `gzip`, or of `*` where gzip is not named,
 * is above 0 and not below the weight of plain text.
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

/** 1 without a weight, 0 where the weight is not a number. */
function weightOf(parameters: string[]): number {
  const given = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, "");
  if (given === undefined) return 1;
  return /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/.test(given) ? Number(given) : 0;
}
