/*
 * Asks Playtime-Service for players' times. For SquadJS: put this file into squad-server/plugins/. It needs no package, and Node 18 or
 * newer. Plug-ins that were written for the library of the same name work with it unchanged.
 *
 * To try it without a game server:  node playtime-service-api.js --try <steamId>
 */
import { createHash, createHmac } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const TIME_IS_UNKNOWN = null;

/** A call ends after that time at the latest: a service that hangs must not hang a game server. */
const deadlineMs = 12_000;
/** When to try again after a network error or a status of 500 and above. */
const pausesMs = [300, 1_000, 2_500];
/** For so long an answer is given again without asking. */
const freshMs = 30_000;
/** For so long an answer stands in when the service fails. */
const knownMs = 24 * 3_600_000;
const mostKnown = 10_000;
/** The service takes no more in one query. */
const mostIds = 120;
const mostAnswerBytes = 4 * 1024 * 1024;
const quietMs = 60_000;

/** Started by a person, to try it, and not loaded by SquadJS. */
const isProgram = isStarted();

function isStarted() {
  try {
    return realpathSync(process.argv[1] ?? "") === realpathSync(fileURLToPath(import.meta.url));
  } catch {
    return false;
  }
}

export default class PlaytimeServiceAPI {
  // SquadJS takes every file of its folder for a plug-in: these keep `npm run build-config` and `build-readme` working.
  static description =
    "Asks Playtime-Service for players' times, for other plug-ins. Not a plug-in itself: leave it switched off.";
  static defaultEnabled = false;
  static optionsSpecification = {};

  #shared;
  #secretKey;

  /**
   * @param {string} fullApiUrl the address of a script connection, such as https://playtime.example.com/get-playtime/squadjs/
   * @param {string} secretKey its secret, or env:NAME to read it from the environment variable NAME
   * @param {number} gameID Steam's number of the game: 393380 for Squad
   */
  constructor(fullApiUrl, secretKey, gameID) {
    if (typeof fullApiUrl === "object" && fullApiUrl !== null && !(fullApiUrl instanceof URL))
      throw new Error('PlaytimeServiceAPI is no plug-in of its own: set "enabled": false for it in config.json.');
    this.fullApiURL = fullApiUrl;
    this.gameID = gameID;
    this.#secretKey = secretKey;
    this.#shared = sharedBy(fullApiUrl, secretKey, gameID);
  }

  /**
   * One entry for each different Steam ID, in the order asked. Players without a Steam ID (null, undefined, an EOS id) are left out.
   * When the service fails, what it said within the last 24 hours stands in; rejects only when nothing is known of any of them.
   *
   * @param {Array<string | null | undefined>} steamIDs
   * @param {boolean} isNeedUpdate whether Steam is to be asked again
   * @returns {Promise<ReturnedPlaytime[]>}
   */
  async requestPlaytimesBySteamIDs(steamIDs, isNeedUpdate = false) {
    const ids = steamIdsOf(steamIDs);
    if (ids.length === 0) return [];
    const { answers, error } = await this.#ask(ids, Boolean(isNeedUpdate));
    const entries = ids.map((id) => answers.get(id) ?? this.#shared.knownEntry(id) ?? new ReturnedPlaytime(id));
    const isAnythingKnown = entries.some(
      ({ steamPlaytime, bmPlaytime }) => steamPlaytime !== null || bmPlaytime !== null,
    );
    if (error && !isAnythingKnown) throw error;
    return entries;
  }

  /** @returns {Promise<ReturnedPlaytime>} with nulls for a player without a Steam ID */
  async requestPlaytimeBySteamID(steamID, isNeedUpdate = false) {
    const [entry] = await this.requestPlaytimesBySteamIDs([steamID], isNeedUpdate);
    return entry ?? new ReturnedPlaytime(steamID ?? null);
  }

  /** The larger of both times, in seconds; null when neither is known, or both are 0. */
  async getPlayerMaxSecondsPlaytime(steamID, isNeedUpdate = false) {
    return largestOf(await this.requestPlaytimeBySteamID(steamID, isNeedUpdate)) || TIME_IS_UNKNOWN;
  }

  /** The sum of all players' larger times, in seconds; an unknown time counts as 0. */
  async getPlayersTotalSecondsPlaytime(steamIDs, isNeedUpdate = false) {
    const entries = await this.requestPlaytimesBySteamIDs(steamIDs, isNeedUpdate);
    return entries.reduce((sum, entry) => sum + largestOf(entry), 0);
  }

  /**
   * One player with the seconds of the last days: { steamID, steamPlaytime, bmPlaytime, steamStatus, recent, lastSeen }. `recent` is
   * { "7": seconds, "30": seconds }, or null when nothing was told yet, or by a service that keeps no days.
   */
  async requestRecentPlaytime(steamID, days = [7, 30]) {
    const [id] = steamIdsOf([steamID]);
    if (id === undefined) return { ...new ReturnedPlaytime(steamID ?? null), recent: null, lastSeen: null };
    const asked = { steam_ids: [id], game_id: this.gameID };
    const untilMs = performance.now() + deadlineMs;
    const recentOf = async (fields) => {
      const [one] = listIn(await this.#post(this.fullApiURL, { ...asked, ...fields }, untilMs), this.fullApiURL);
      return { ...this.#remember(id, one), recent: one?.recent ?? null, lastSeen: one?.last_seen ?? null };
    };
    try {
      return await this.#once(`recent ${days} ${id}`, () =>
        // A service that keeps fewer days refuses the question for more: its times are worth having all the same.
        recentOf({ days }).catch((error) => (error.status === 400 ? recentOf({}) : Promise.reject(error))),
      );
    } catch (error) {
      const entry = this.#shared.knownEntry(id);
      if (!entry) throw error;
      return { ...entry, recent: null, lastSeen: null };
    }
  }

  /**
   * Who played most in the last days: [{ steamID, seconds, lastSeen, name }], `name` null where it is not known. With `days` null it
   * is the service that chooses. Rejects with the status 404 where the service has no such list.
   */
  async requestTopPlaytimes({ days = 30, limit = 10, exclude = [] } = {}) {
    const address = String(this.fullApiURL).replace("/get-playtime/", "/top-playtime/");
    const body = { game_id: this.gameID, days: days ?? undefined, limit, exclude: steamIdsOf(exclude) };
    const list = await this.#once(`top ${JSON.stringify(body)}`, async () =>
      listIn(await this.#post(address, body), address),
    );
    return list.map(({ steam_id, seconds, last_seen, name }) => ({
      steamID: steam_id,
      seconds,
      lastSeen: last_seen ?? null,
      name: name ?? null,
    }));
  }

  /** What is fresh is not asked, what is being asked is waited for, the rest is asked in parts. */
  async #ask(ids, isNeedUpdate) {
    const { asking } = this.#shared;
    const answers = new Map();
    const waits = new Set();
    const toAsk = [];
    for (const id of ids) {
      const fresh = isNeedUpdate ? undefined : this.#shared.freshEntry(id);
      // A question that asks Steam again answers an ordinary one too.
      const underWay = asking.get(`update ${id}`) ?? (isNeedUpdate ? undefined : asking.get(id));
      if (fresh) answers.set(id, fresh);
      else if (underWay) waits.add(underWay);
      else toAsk.push(id);
    }
    for (let from = 0; from < toAsk.length; from += mostIds) {
      const part = toAsk.slice(from, from + mostIds);
      const names = part.map((id) => (isNeedUpdate ? `update ${id}` : id));
      const answered = this.#askPart(part, isNeedUpdate).finally(() => {
        for (const name of names) asking.delete(name);
      });
      for (const name of names) asking.set(name, answered);
      waits.add(answered);
    }
    let error;
    for (const { value, reason } of await Promise.allSettled(waits)) {
      error ??= reason;
      for (const [id, entry] of value ?? []) answers.set(id, entry);
    }
    if (error) this.#shared.complain(error);
    return { answers, error };
  }

  async #askPart(ids, isNeedUpdate) {
    const body = { steam_ids: ids, game_id: this.gameID, is_need_update: isNeedUpdate };
    const list = listIn(await this.#post(this.fullApiURL, body), this.fullApiURL);
    const answered = new Map(list.map((one) => [one?.steam_id, one]));
    return new Map(ids.map((id) => [id, this.#remember(id, answered.get(id))]));
  }

  /** "unavailable" is no answer of Steam: it replaces no time that is known. */
  #remember(id, one) {
    const isUnavailable = one?.steam_status === "unavailable";
    const before = isUnavailable ? this.#shared.knownEntry(id) : undefined;
    const entry = new ReturnedPlaytime(
      id,
      one?.steam_playtime ?? before?.steamPlaytime ?? null,
      one?.bm_playtime ?? before?.bmPlaytime ?? null,
      one?.steam_status ?? null,
    );
    this.#shared.remember(id, entry, isUnavailable);
    return entry;
  }

  /** The same question once at a time, and its answer again while it is fresh. */
  #once(name, ask) {
    const { asking, lists } = this.#shared;
    const fresh = lists.get(name);
    if (fresh && performance.now() - fresh.atMs < freshMs) return Promise.resolve(fresh.answer);
    const underWay = asking.get(name);
    if (underWay) return underWay;
    const answered = ask()
      .then((answer) => {
        lists.delete(name);
        lists.set(name, { answer, atMs: performance.now() });
        if (lists.size > mostIds) lists.delete(lists.keys().next().value);
        return answer;
      })
      .catch((error) => {
        this.#shared.complain(error);
        throw error;
      })
      .finally(() => asking.delete(name));
    asking.set(name, answered);
    return answered;
  }

  async #post(address, body, untilMs = performance.now() + deadlineMs) {
    const text = JSON.stringify(body);
    const signature = createHmac("sha256", secretOf(this.#secretKey)).update(text).digest("hex");
    const url = urlOf(address);
    for (const pauseMs of [...pausesMs, Number.POSITIVE_INFINITY]) {
      try {
        return await send(url, text, signature, untilMs);
      } catch (error) {
        // At about that time, so that the plug-ins of several servers do not all come back at once.
        const waitMs = pauseMs * (0.9 + Math.random() / 5);
        if (!error.isPassing || performance.now() + waitMs >= untilMs) throw error;
        await sleep(waitMs);
      }
    }
  }
}

/** What is known of one player: seconds, or null. */
class ReturnedPlaytime {
  constructor(steamID, steamPlaytime = null, bmPlaytime = null, steamStatus = null) {
    this.steamID = steamID;
    this.steamPlaytime = steamPlaytime;
    this.bmPlaytime = bmPlaytime;
    /** Why the Steam time is what it is: ok, private, hidden, not-owned, unavailable or unchecked. */
    this.steamStatus = steamStatus;
  }
}

const largestOf = ({ steamPlaytime, bmPlaytime }) => Math.max(steamPlaytime ?? 0, bmPlaytime ?? 0);

/** `status` and `code` are those of the service's answer; `isPassing`: trying again may help. */
class PlaytimeServiceError extends Error {
  name = "PlaytimeServiceError";

  constructor(address, words, { status, code, isPassing = false } = {}) {
    super(`Playtime-Service at ${address}: ${words}`);
    this.status = status;
    this.code = code;
    this.isPassing = isPassing;
  }
}

/** All plug-ins of one SquadJS load this file once, and so share what stands here. */
const shares = new Map();

function sharedBy(address, secretKey, gameID) {
  const name = createHash("sha256")
    .update(JSON.stringify([address, secretKey, gameID]))
    .digest("hex");
  const found = shares.get(name) ?? createShared();
  shares.set(name, found);
  return found;
}

function createShared() {
  /** By Steam ID, the one that was told last at the end. */
  const known = new Map();
  let complainedAtMs = Number.NEGATIVE_INFINITY;

  const knownFor = (id, ms) => {
    const found = known.get(id);
    if (!found) return undefined;
    const ageMs = performance.now() - found.atMs;
    if (ageMs >= knownMs) known.delete(id);
    return ageMs < ms ? found : undefined;
  };

  return {
    /** Questions under way, by what they ask. */
    asking: new Map(),
    lists: new Map(),
    freshEntry: (id) => {
      const found = knownFor(id, freshMs);
      return found?.isFailure ? undefined : found?.entry;
    },
    knownEntry: (id) => knownFor(id, knownMs)?.entry,
    remember: (id, entry, isFailure) => {
      known.delete(id);
      known.set(id, { entry, isFailure, atMs: performance.now() });
      if (known.size > mostKnown) known.delete(known.keys().next().value);
    },
    /** At most one line a minute, however many calls fail. */
    complain: ({ message }) => {
      if (isProgram || performance.now() - complainedAtMs < quietMs) return;
      complainedAtMs = performance.now();
      console.error(`[PlaytimeServiceAPI] ${message}`);
    },
  };
}

/** The different Steam IDs among them. Throws TypeError for what must be a mistake of the plug-in. */
function steamIdsOf(given) {
  if (typeof given === "string" || typeof given?.[Symbol.iterator] !== "function")
    throw new TypeError("The Steam IDs must be a list.");
  const ids = new Set();
  for (const one of given) {
    if (typeof one === "number" && one !== 0)
      throw new TypeError(
        `Steam IDs must be text, such as "76561198012345678". As the number ${one} the last digits are lost already.`,
      );
    const id = String(one ?? "").trim();
    if (/^76[0-9]{14,16}$/.test(id)) ids.add(id);
  }
  return [...ids];
}

function secretOf(secretKey) {
  const name = /^env:(.*)$/s.exec(String(secretKey))?.[1]?.trim();
  const secret = name === undefined ? secretKey : process.env[name]?.trim();
  if (typeof secret === "string" && secret !== "") return secret;
  throw new Error(
    name === undefined
      ? "Playtime-Service: the secret is missing. It stands in the options of the plug-in."
      : `Playtime-Service: the environment variable ${name}, which holds the secret, is not set where SquadJS runs.`,
  );
}

function urlOf(address) {
  try {
    const url = new URL(address);
    if (["http:", "https:"].includes(url.protocol)) return url;
  } catch {
    // Said below.
  }
  throw new Error(
    `Playtime-Service: the address must begin with http:// or https:// and end with /get-playtime/<path>/, found ${JSON.stringify(address)}.`,
  );
}

/** One POST. Resolves with what the JSON of a 200 holds; rejects with a PlaytimeServiceError. */
function send(url, text, signature, untilMs) {
  // Without a user and a password that may stand in it.
  const address = url.origin + url.pathname;
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? requestHttps : requestHttp)(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
        "x-signature": signature,
        "user-agent": "playtime-service-api.js",
      },
    });
    const fail = (words, more) => {
      clearTimeout(timer);
      reject(new PlaytimeServiceError(address, words, more));
      request.destroy();
    };
    const timer = setTimeout(
      () => fail(`no answer within ${deadlineMs / 1_000} seconds.`),
      Math.max(1, untilMs - performance.now()),
    );
    request.on("error", (error) => fail(reasonOf(error), { isPassing: true }));
    request.on("response", (response) => {
      const chunks = [];
      let bytes = 0;
      response.on("data", (chunk) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > mostAnswerBytes) fail("something else answers there: the answer is far too long.");
      });
      response.on("error", (error) => fail(reasonOf(error), { isPassing: true }));
      response.on("end", () => {
        clearTimeout(timer);
        const answer = jsonOf(Buffer.concat(chunks).toString("utf8"));
        const status = response.statusCode ?? 0;
        if (status === 200 && answer !== undefined) return resolve(answer);
        fail(refusalOf(status, answer, response.headers.location), {
          status,
          code: answer?.code,
          isPassing: status >= 500,
        });
      });
    });
    request.end(text);
  });
}

function refusalOf(status, answer, location) {
  if (status >= 300 && status < 400)
    return `${status}, it leads on to ${oneLine(location ?? "another address")}. Write that address into the options.`;
  if (typeof answer?.detail === "string") return `${status} ${oneLine(answer.detail)}`;
  return `${status}, but the answer is not one of Playtime-Service. Is the address right?`;
}

const oneLine = (text) => text.replace(/\s+/g, " ").slice(0, 500);

const reasons = {
  ECONNREFUSED: "nothing listens there. Does the service run, and is the port right?",
  ECONNRESET: "the connection was cut.",
  ENOTFOUND: "there is no machine of that name.",
  EAI_AGAIN: "the name of the machine could not be looked up.",
  EHOSTUNREACH: "there is no way to that machine.",
  ETIMEDOUT: "the machine does not answer.",
};

function reasonOf({ code, message }) {
  return reasons[code] === undefined ? oneLine(message || String(code)) : `${reasons[code]} (${code})`;
}

function jsonOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listIn(answer, address) {
  if (Array.isArray(answer)) return answer;
  throw new PlaytimeServiceError(address, "the answer is not a list of players. Is the address right?");
}

const usage = `Usage: node playtime-service-api.js --try <steamId> [config.json]

Asks the service for one player, as the plug-ins of SquadJS do. Address and secret are those of config.json, by default the one of the
SquadJS to which this file belongs, or those of the environment variables ADDRESS and SECRET.`;

/** For a person at a terminal. Returns the exit code. */
async function main([flag, steamID, config]) {
  if (flag !== "--try" || steamID === undefined) {
    console.log(usage);
    return flag === "--help" || flag === "-h" ? 0 : 2;
  }
  try {
    const { address, secret } = connectionFor(config);
    console.log(`Asking ${address}`);
    if (steamIdsOf([steamID]).length === 0) throw new Error("A Steam ID has 17 digits and begins with 76.");
    const { steamPlaytime, bmPlaytime, steamStatus } = await new PlaytimeServiceAPI(
      address,
      secret,
      393380,
    ).requestPlaytimeBySteamID(steamID);
    console.log(
      `${steamID}  Steam: ${hours(steamPlaytime)} (${steamStatus ?? "ok"})  by BattleMetrics: ${hours(bmPlaytime)}`,
    );
    return 0;
  } catch (error) {
    console.error(error.message);
    return 1;
  }
}

const hours = (seconds) => (seconds === null ? "not known" : `${(seconds / 3_600).toFixed(1)} h`);

function connectionFor(config) {
  const { ADDRESS, SECRET } = process.env;
  if (config === undefined && ADDRESS && SECRET) return { address: ADDRESS, secret: SECRET };
  const file = config ?? fileURLToPath(new URL("../../config.json", import.meta.url));
  if (!existsSync(file)) throw new Error(`${file} is not there. Name config.json, or set ADDRESS and SECRET.`);
  const { plugins = [] } = jsonOf(readFileSync(file, "utf8")) ?? {};
  const found = plugins.filter(({ playtime_service_api_url }) => playtime_service_api_url);
  const { playtime_service_api_url: address, playtime_service_api_secret_key: secret } =
    found.find(({ enabled }) => enabled) ?? found[0] ?? {};
  if (!address) throw new Error(`No plug-in of ${file} has a playtime_service_api_url.`);
  return { address, secret };
}

if (isProgram) process.exitCode = await main(process.argv.slice(2));
