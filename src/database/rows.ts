import type { SteamId } from "../parse.ts";

type Key = { steamId: SteamId; gameId: number };

const keyOf = ({ steamId, gameId }: Key) => `${steamId}/${gameId}`;

/** A column of rows as a Postgres array: one parameter, however many rows. Text that people typed goes by `quotedArrayOf`. */
export function arrayOf<Row>(rows: readonly Row[], value: (row: Row) => string | number | null): string {
  return `{${rows.map((row) => value(row) ?? "null").join(",")}}`;
}

/** The same, safe for any text. */
export function quotedArrayOf<Row>(rows: readonly Row[], value: (row: Row) => string | null): string {
  return arrayOf(rows, (row) => {
    const text = value(row);
    return text === null ? null : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  });
}

/** In the order that Postgres gives the keys: IDs are digits without leading zeros. */
function byKey(a: Key, b: Key): number {
  if (a.steamId === b.steamId) return a.gameId - b.gameId;
  return a.steamId.length - b.steamId.length || (a.steamId < b.steamId ? -1 : 1);
}

/** One row per player and game, since an upsert refuses two; sorted by key, so that two writers cannot deadlock. */
export function newestOfEach<Row extends Key>(rows: Row[], compare: (a: Row, b: Row) => number): Row[] {
  if (rows.length === 1) return rows;
  const newest = new Map<string, Row>();
  for (const row of rows) {
    const other = newest.get(keyOf(row));
    if (!other || compare(row, other) >= 0) newest.set(keyOf(row), row);
  }
  return [...newest.values()].sort(byKey);
}
