import { Malformed, type Parser } from "../parse.ts";

const mostCharacters = 255;

/**
 * The one form in which paths are stored and compared. By JavaScript, since a database's lower() depends on its locale. It
 * is the normal form of itself: a letter in lower case may compose with the mark behind it where its capital does not
 * (`H` and U+0331).
 */
export function normalPath(path: string): string {
  const once = path.normalize("NFC").toLowerCase().trim().replace(/\s/g, "-");
  return once === path ? path : normalPath(once);
}

/** A new connection's path in its normal form. */
export const connectionPath: Parser<string> = (value, place) =>
  storedPath(typeof value === "string" ? normalPath(value) : value, place);

/** A path as it may be stored; earlier versions also stored some that are not in the normal form. */
export const storedPath: Parser<string> = (value, place) => {
  if (typeof value !== "string" || !isPath(value) || !isPath(normalPath(value)))
    throw new Malformed(place, "1 to 255 characters without / and control characters, and not . or ..");
  return value;
};

function isPath(path: string): boolean {
  const characters = [...path].length;
  return (
    characters >= 1 && characters <= mostCharacters && !/[/\p{Cc}\p{Surrogate}]/u.test(path) && !/^\.\.?$/.test(path)
  );
}

type Named = { kind: string; path: string };
export type PathChange = { kind: string; from: string; to: string };

/**
 * What brings all paths into their normal form, in an order in which each new path is free when its turn comes. Where two
 * have the same normal form, the older connection gets it, and the other one the first that is free of `path-2`, `path-3`, …
 */
export function pathChanges(connections: readonly (Named & { createdAt: string })[]): PathChange[] {
  const changes: PathChange[] = [];
  const taken = new Set(
    connections.flatMap(({ kind, path }) => [path, normalPath(path)].map((one) => keyOf({ kind, path: one }))),
  );
  const byAge = [...connections].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const owners = new Set<string>();
  for (const { kind, path } of byAge) {
    const to = normalPath(path);
    const isFirst = !owners.has(keyOf({ kind, path: to }));
    owners.add(keyOf({ kind, path: to }));
    if (isFirst && to === path) continue;
    if (isFirst) changes.push({ kind, from: path, to });
    else {
      const free = freePath(to, (candidate) => taken.has(keyOf({ kind, path: candidate })));
      taken.add(keyOf({ kind, path: free }));
      // Before the older one comes to its place.
      changes.unshift({ kind, from: path, to: free });
    }
  }
  return changes;
}

/** ISO times of one length, as the database tells them; at the same time, what is in the normal form is the older. */
const rank = ({ path, createdAt }: { path: string; createdAt: string }) =>
  `${createdAt} ${path === normalPath(path) ? 0 : 1} ${path}`;

const keyOf = ({ kind, path }: Named) => `${kind}/${path}`;

function freePath(path: string, isTaken: (path: string) => boolean): string {
  for (let number = 2; ; number += 1) {
    const end = `-${number}`;
    const candidate = [...path].slice(0, mostCharacters - end.length).join("") + end;
    if (!isTaken(candidate)) return candidate;
  }
}
