import { isSteamId, type SteamId } from "./parse.ts";

export type IdList = {
  /** Each once, in the order of the text. */
  steamIds: SteamId[];
  /** Lines that hold something, but no Steam ID. */
  unread: { line: number; text: string }[];
};

/**
 * Finds the Steam IDs in a text as people keep it, such as a list of staff or a server's `Admins.cfg`: one or more a line, as
 * 7656…, STEAM_0:1:…, [U:1:…] or the address of a profile, with anything around. What stands behind `#` or `//` is a comment.
 */
export function idsIn(text: string): IdList {
  const steamIds = new Set<SteamId>();
  const unread: IdList["unread"] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    // An address has its slashes behind a colon.
    const said = line.replace(/(^|[^:])\/\/.*$|#.*$/, "$1").trim();
    const found = [...said.matchAll(anyForm)].map(({ groups = {} }) => idOf(groups)).filter((id) => id !== undefined);
    for (const id of found) steamIds.add(id);
    if (said !== "" && found.length === 0) unread.push({ line: index + 1, text: said.slice(0, mostShown) });
  }
  return { steamIds: [...steamIds], unread };
}

const mostShown = 60;

/** https://developer.valvesoftware.com/wiki/SteamID */
const anyForm =
  /(?<!\w)(?:(?<full>76[0-9]{14,16})|STEAM_[0-5]:(?<low>[01]):(?<high>[0-9]{1,10})|\[?U:1:(?<account>[0-9]{1,10})\]?)(?!\w)/gi;

/** The first account of all. */
const firstId = 76561197960265728n;
const mostAccounts = 2n ** 32n;

function idOf({ full, low, high, account }: Record<string, string | undefined>): SteamId | undefined {
  if (isSteamId(full)) return full;
  const number = account !== undefined ? BigInt(account) : BigInt(high ?? 0) * 2n + BigInt(low ?? 0);
  const id = String(firstId + number);
  return number > 0n && number < mostAccounts && isSteamId(id) ? id : undefined;
}
