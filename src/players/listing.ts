import { idsIn } from "../id-list.ts";
import { gameId, instant, isSteamId, Malformed, oneOf, type Parser, type SteamId } from "../parse.ts";
import { type Playtime, type SteamStatus, steamStatuses } from "./playtime.ts";

export const knowns = ["known", "unknown"] as const;
export type Known = (typeof knowns)[number];

/** Which players are meant; undefined: whatever it is. */
export type PlayerFilter = {
  /** Digits with which the Steam ID begins. */
  idPrefix?: string | undefined;
  game?: number | undefined;
  steam?: Known | undefined;
  battlemetrics?: Known | undefined;
  status?: SteamStatus | undefined;
};

/** How each filter but that of the ID is read, in the panel and on the command line. */
export const filterParsers = {
  game: gameId,
  steam: oneOf(knowns),
  battlemetrics: oneOf(knowns),
  status: oneOf(steamStatuses),
} satisfies Record<string, Parser<unknown>>;

export const sortColumns = ["id", "created", "steam", "battlemetrics", "updated"] as const;
/** Of these only players with days kept are listed: by the time of the last 7 or 30 days, or by when they were seen. */
export const playedSorts = ["days7", "days30", "seen"] as const;
export const sortedDays = { days7: 7, days30: 30 } as const;

export type PlaytimeSort = { by: (typeof sortColumns)[number]; isDown: boolean };
export type PlayedSort = { by: (typeof playedSorts)[number]; isDown: boolean };
export type Sort = PlaytimeSort | PlayedSort;
export const isPlayed = (sort: Sort): sort is PlayedSort => playedSorts.some((by) => by === sort.by);

/** Behind which row a page begins; the text of `cursorOf`. */
export type Cursor = { key: string; steamId: SteamId; gameId: number };

export type Listing = { filter: PlayerFilter; sort: Sort; after?: Cursor | undefined };

/** A page of players; `next` is undefined on the last one. */
export type PlayersPage = { players: Playtime[]; next: Cursor | undefined };

/** What was typed or pasted into the search: the beginning of a Steam ID, or the name of a profile that Steam must look up. */
export type Search = { idPrefix: string } | { name: string };

/** Takes an ID in any of its forms, its first digits, or the address of a Steam profile, with whatever stands around it. */
export const search: Parser<Search> = (value, place) => {
  const text = String(value).replace(/[\s\p{Cf}"'`«»“”„‘’<>]/gu, "");
  // In the forms of game servers.
  const [listed] = /STEAM_|U:1:/i.test(text) ? idsIn(text).steamIds : [];
  if (listed !== undefined) return { idPrefix: listed };
  const [, kind, part] = /^(?:https?:\/\/)?(?:www\.)?steamcommunity\.com\/(profiles|id)\/([^/?#]+)/i.exec(text) ?? [];
  if (kind?.toLowerCase() === "id" && part !== undefined && /^[\w-]{1,64}$/.test(part)) return { name: part };
  const digits = kind === undefined ? text : (part ?? "");
  const isId = kind === undefined ? /^7(?:6[0-9]{0,16})?$/.test(digits) : isSteamId(digits);
  if (!isId) throw new Malformed(place, "a Steam ID, its first digits, or the address of a Steam profile");
  return { idPrefix: digits };
};

/** Such as `steam-desc`. */
export const sortName = ({ by, isDown }: Sort) => `${by}-${isDown ? "desc" : "asc"}` as const;

export const sort: Parser<Sort> = (value, place) => {
  const [column, direction, ...more] = String(value).split("-");
  if (more.length > 0) throw new Malformed(place, "a column and a direction");
  return {
    by: oneOf([...sortColumns, ...playedSorts])(column, place),
    isDown: oneOf(["asc", "desc"])(direction, place) === "desc",
  };
};

/** A cursor as text for an address. */
export const cursorText = ({ key, steamId, gameId }: Cursor) => `${key}_${steamId}_${gameId}`;

/** Reads `cursorText` of the same sort. */
export function cursor({ by }: Sort): Parser<Cursor> {
  return (value, place) => {
    const [key = "", steamId, game, ...more] = String(value).split("_");
    const isKey =
      by === "id"
        ? key === ""
        : by === "created" || by === "updated" || by === "seen"
          ? isInstant(key)
          : /^(?:-1|[0-9]{1,10})$/.test(key);
    if (!isKey || !isSteamId(steamId) || more.length > 0) throw new Malformed(place, "what a link of this list says");
    return { key, steamId, gameId: gameId(game, place) };
  };
}

function isInstant(text: string): boolean {
  try {
    instant(text, "");
    return true;
  } catch {
    return false;
  }
}
