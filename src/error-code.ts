/** Postgres' five characters, or the code of Node, postgres.js or the operating system; "" for any other error. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
