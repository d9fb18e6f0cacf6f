import { anySecret, type Connection } from "./connections/connections.ts";
import type { Directory } from "./connections/directory.ts";
import type { Call } from "./http/call.ts";
import { Refusal } from "./http/refusal.ts";
import { parseJson } from "./json.ts";
import { integer, isSteamId, Malformed, object, type SteamId, steamId } from "./parse.ts";
import { isSample } from "./sample-mark.ts";
import { anyMatches, parseScriptSignature, sign } from "./signature.ts";
import { bodyWords, headerWords } from "./signature-words.ts";

export type ScriptDeps = {
  directory: Pick<Directory, "open">;
  now: () => Date;
  hmacEnabled: boolean;
};

/** What a script sent, once its connection and its signature are right: the fields of its body, and the game that counts. */
export async function fieldsOf(call: Call, { directory, now, hmacEnabled }: ScriptDeps) {
  const connection = directory.open("script", call);
  const body = await call.body();
  if (hmacEnabled) {
    verify(connection, call.headers, body, now());
    call.facts.isSigned = true;
  }
  const fields = object(parseJson(body, call.headers["content-encoding"]), "the body");
  if (isSample(fields)) call.facts.isSample = true;
  return {
    fields,
    fixedGameId: connection.fixedGameId,
  };
}

function verify(connection: Connection, headers: Call["headers"], body: Buffer, at: Date): void {
  if (connection.secret === null) throw new Refusal("no-secret");
  const header = headers["x-signature"];
  const signature = typeof header === "string" ? parseScriptSignature(header) : undefined;
  if (!signature) throw new Refusal("no-signature", { detail: headerWords("script", headers) });
  if (!anySecret(connection, at, (secret) => anyMatches([signature], sign(secret, body))))
    throw new Refusal("bad-signature", { detail: bodyWords("script", { body, headers }, [signature]) });
}

const mostIds = 120;
/** A player without a Steam ID, as SquadJS (null), Go and C# (their zero values) write it: must not spoil the call for all others. */
const nobody = new Set<unknown>([null, "", 0, "0"]);

/** Each player once, in the order given; those without a Steam ID are left out. */
export function steamIdsOf(entries: unknown, place: string, least: 0 | 1): SteamId[] {
  if (!Array.isArray(entries) || entries.length < least || entries.length > mostIds)
    throw new Malformed(place, `a list of ${least} to ${mostIds} Steam IDs`);
  const steamIds = new Set<SteamId>();
  for (const [index, entry] of entries.entries())
    if (isSteamId(entry)) steamIds.add(entry);
    else if (!nobody.has(typeof entry === "string" ? entry.trim() : entry))
      steamIds.add(steamId(entry, `${place}[${index}]`));
  return [...steamIds];
}

/** How far back a script may ask while no days are kept: it is answered as before, only without figures. */
const daysWithoutKept = 400;

/** How many days a script may ask for. */
export const mostDays = (keepDays: number) => keepDays || daysWithoutKept;

/** A number of days, today in. */
export const countOfDays = (keepDays: number) => integer({ min: 1, max: mostDays(keepDays) });
