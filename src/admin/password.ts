import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/**
 * What a new hash costs; a stored one carries its own. This is one of the settings that OWASP's cheat sheet on password storage
 * calls equally strong: 16 MB for a moment, and about 0.2 s of a small machine. Only tests change it.
 */
export const costOfHash = { N: 16_384, r: 8, p: 5 };
const saltBytes = 16;
const keyBytes = 32;

/** `scrypt$N$r$p$salt$key`, the last two in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const { N, r, p } = costOfHash;
  const key = await derive(password, salt, { N, r, p });
  return ["scrypt", N, r, p, salt.toString("base64"), key.toString("base64")].join("$");
}

/** Whether the password is the one of this hash; false for a hash of another form. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [name, N, r, p, salt = "", key = ""] = hash.split("$");
  if (name !== "scrypt") return false;
  const right = Buffer.from(key, "base64");
  const given = await derive(password, Buffer.from(salt, "base64"), { N: Number(N), r: Number(r), p: Number(p) });
  return right.length === given.length && timingSafeEqual(right, given);
}

/** Twenty characters that are not mistaken for each other: 96 bits and more. */
export function makePassword(): string {
  const characters = "abcdefghjkmnpqrstuvwxyz23456789";
  const letters = [...randomBytes(40)].filter((byte) => byte < 248).map((byte) => characters[byte % characters.length]);
  return letters
    .slice(0, 20)
    .join("")
    .replace(/(.{5})(?=.)/g, "$1-");
}

/** Another keyboard may send the same letters in another Unicode form. */
function derive(password: string, salt: Buffer, { N, r, p }: typeof costOfHash): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(password.normalize("NFKC"), salt, keyBytes, { N, r, p }, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  );
}
