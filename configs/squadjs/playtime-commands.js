import BasePlugin from "./base-plugin.js";
import PlaytimeServiceAPI from "./playtime-service-api.js";

const squad = 393380;
const topDays = 30;
const topPlayers = 5;
const mostMatches = 5;
/** A player who asks again sooner gets no second answer. */
const pauseMs = 10_000;

/** A plug-in of SquadJS: !playtime and !top in the chat. Needs playtime-service-api.js beside it. */
export default class PlaytimeCommands extends BasePlugin {
  static get description() {
    return (
      "The <code>PlaytimeCommands</code> plugin tells players their playing time, as Playtime-Service knows it: " +
      "<code>!playtime</code> their own, <code>!playtime part-of-a-name</code> another player's (admins only), " +
      "<code>!top</code> who played most in the last 30 days."
    );
  }

  static get defaultEnabled() {
    return false;
  }

  static get optionsSpecification() {
    return {
      playtime_service_api_url: {
        required: true,
        description: "The address of a script connection of Playtime-Service.",
        default: "",
        example: "https://playtime.example.com/get-playtime/squadjs/",
      },
      playtime_service_api_secret_key: {
        required: true,
        description:
          "The secret of that connection, or <code>env:NAME</code> to read it from the environment variable <code>NAME</code>.",
        default: "",
        example: "env:SQUADJS_PLAYTIME_SECRET",
      },
      language: {
        required: false,
        description: "The language of the answers: <code>en</code> or <code>ru</code>.",
        default: "en",
      },
      playtime_commands: {
        required: false,
        description: "Chat commands that tell a player's time, without the exclamation mark.",
        default: ["playtime"],
      },
      top_commands: {
        required: false,
        description: "Chat commands that tell who played most. An empty list switches them off.",
        default: ["top"],
      },
      admin_permission: {
        required: false,
        description: "Admins with this permission may ask for other players' time.",
        default: "canseeadminchat",
      },
    };
  }

  constructor(server, options, connectors) {
    super(server, options, connectors);
    const { playtime_service_api_url: url, playtime_service_api_secret_key: secret } = this.options;
    this.api = new PlaytimeServiceAPI(url, secret, squad);
    this.texts = texts[this.options.language] ?? texts.en;
    this.listeners = [];
    /** When each player may ask again. */
    this.pauses = new Map();
  }

  async mount() {
    this.listen(this.options.playtime_commands, (data) => this.tellPlaytime(data));
    this.listen(this.options.top_commands, () => this.topWords());
  }

  async unmount() {
    for (const [event, listener] of this.listeners) this.server.removeListener(event, listener);
    this.listeners = [];
  }

  /** `words` gives the answer to one command. Nothing is thrown: an error in a listener would stop SquadJS. */
  listen(commands, words) {
    for (const command of commands ?? []) {
      const event = `CHAT_COMMAND:${command.replace(/^!/, "").toLowerCase()}`;
      const listener = async (data) => {
        try {
          const asker = data.eosID ?? data.player?.eosID ?? data.steamID ?? data.player?.steamID;
          if (asker === undefined || this.isTooSoon(asker)) return;
          await this.server.rcon.warn(asker, await this.wordsOf(words, data));
        } catch (error) {
          this.verbose(1, `Could not answer a chat command: ${error.message}`);
        }
      };
      this.server.on(event, listener);
      this.listeners.push([event, listener]);
    }
  }

  async wordsOf(words, data) {
    try {
      return await words(data);
    } catch (error) {
      this.verbose(1, error.message);
      return this.texts.away;
    }
  }

  isTooSoon(asker) {
    const nowMs = performance.now();
    for (const [other, untilMs] of this.pauses) if (untilMs <= nowMs) this.pauses.delete(other);
    if (this.pauses.has(asker)) return true;
    this.pauses.set(asker, nowMs + pauseMs);
    return false;
  }

  async tellPlaytime(data) {
    const part = (data.message ?? "").trim();
    if (part === "") {
      const steamID = data.player?.steamID ?? data.steamID;
      return `${this.texts.own}\n${await this.timesOf(steamID)}`;
    }
    if (!this.isAdmin(data)) return this.texts.adminsOnly;
    const found = this.playersNamed(part);
    if (found.length === 0) return this.texts.nobody(part);
    const [first] = found;
    if (found.length === 1) return `${nameOf(first)}\n${await this.timesOf(first.steamID)}`;
    return this.manyWords(found);
  }

  async timesOf(steamID) {
    const { steamPlaytime, bmPlaytime, steamStatus, recent } = await this.api.requestRecentPlaytime(steamID);
    const { steam, battlemetrics, lastDays, notKnown, statuses } = this.texts;
    return [
      `${steam}: ${steamPlaytime === null ? (statuses[steamStatus] ?? notKnown) : this.hours(steamPlaytime)}`,
      `${battlemetrics}: ${bmPlaytime === null ? notKnown : this.hours(bmPlaytime)}`,
      ...Object.entries(recent ?? {}).map(([days, seconds]) => `${lastDays(days)}: ${this.hours(seconds)}`),
    ].join("\n");
  }

  async manyWords(found) {
    const shown = found.slice(0, mostMatches);
    const entries = await this.api.requestPlaytimesBySteamIDs(shown.map(({ steamID }) => steamID));
    const lines = shown.map((player) => {
      const { steamPlaytime, bmPlaytime } = entries.find(({ steamID }) => steamID === player.steamID) ?? {};
      const seconds = Math.max(steamPlaytime ?? 0, bmPlaytime ?? 0);
      return `${nameOf(player)}: ${seconds > 0 ? this.hours(seconds) : this.texts.notKnown}`;
    });
    const more = found.length - shown.length;
    return [...lines, ...(more > 0 ? [this.texts.more(more)] : [])].join("\n");
  }

  async topWords() {
    const list = await this.topList();
    if (list === undefined) return this.texts.noTop;
    if (list.players.length === 0) return this.texts.emptyTop;
    const lines = list.players.map(({ steamID, name, seconds }, index) => {
      const here = this.server.players.find((player) => player.steamID === steamID);
      return `${index + 1}. ${plain(name ?? here?.name ?? steamID)}: ${this.hours(seconds)}`;
    });
    return [this.texts.top(list.days), ...lines].join("\n");
  }

  /** Undefined where the service has no such list. */
  async topList(days = topDays) {
    try {
      return { days, players: await this.api.requestTopPlaytimes({ days, limit: topPlayers }) };
    } catch (error) {
      if (error.status === 404 && error.code !== "unknown-path") return undefined;
      // Fewer days than these are kept: all that there are.
      if (error.status === 400)
        return { players: await this.api.requestTopPlaytimes({ days: null, limit: topPlayers }) };
      throw error;
    }
  }

  isAdmin({ chat, eosID, steamID, player }) {
    if (chat === "ChatAdmin") return true;
    const ids = [eosID ?? player?.eosID, steamID ?? player?.steamID].filter((id) => id);
    return ids.some((id) => {
      const permissions = this.server.getAdminPermsByAnyID?.(id) ?? this.server.getAdminPermsBySteamID?.(id);
      return permissions !== undefined && this.options.admin_permission in permissions;
    });
  }

  /** Whoever is named exactly so, else all who have it in their name. */
  playersNamed(part) {
    const wanted = comparable(part);
    const found = this.server.players.filter(({ name }) => comparable(name).includes(wanted));
    const exact = found.filter(({ name }) => comparable(name) === wanted);
    return exact.length > 0 ? exact : found;
  }

  hours(seconds) {
    const { locale, h } = this.texts;
    const hours = seconds / 3_600;
    return `${hours.toLocaleString(locale, { maximumFractionDigits: hours < 10 ? 1 : 0 })} ${h}`;
  }
}

const comparable = (name) =>
  String(name ?? "")
    .normalize("NFC")
    .toLowerCase();

/** A name is a stranger's text. */
const plain = (text) =>
  String(text)
    .replace(/\p{Cc}/gu, " ")
    .slice(0, 40);
const nameOf = ({ name }) => plain(name ?? "?");

const texts = {
  en: {
    locale: "en",
    h: "h",
    own: "Your time in Squad",
    steam: "Steam",
    battlemetrics: "By BattleMetrics",
    lastDays: (days) => `Last ${days} days`,
    notKnown: "not known yet",
    statuses: { private: "profile is private", hidden: "hours are hidden", "not-owned": "game not owned" },
    adminsOnly: "Only admins can ask for other players' time.",
    nobody: (part) => `Nobody here has "${plain(part)}" in the name.`,
    more: (count) => `… and ${count} more`,
    top: (days) => (days === undefined ? "Most time lately" : `Most time in the last ${days} days`),
    noTop: "There is no top list on this server.",
    emptyTop: "The top list is empty: not known yet.",
    away: "The times cannot be read right now. Try again in a minute.",
  },
  ru: {
    locale: "ru",
    h: "ч",
    own: "Ваше время в Squad",
    steam: "Steam",
    battlemetrics: "По данным BattleMetrics",
    lastDays: (days) => `За ${days} ${days === "1" ? "день" : "дней"}`,
    notKnown: "пока неизвестно",
    statuses: { private: "профиль закрыт", hidden: "часы скрыты", "not-owned": "игры нет в профиле" },
    adminsOnly: "Чужое время могут узнать только админы.",
    nobody: (part) => `На сервере нет игрока с «${plain(part)}» в имени.`,
    more: (count) => `… и ещё ${count}`,
    top: (days) => (days === undefined ? "Больше всех играли в последнее время" : `Больше всех играли за ${days} дней`),
    noTop: "На этом сервере нет списка лучших.",
    emptyTop: "Список лучших пока пуст.",
    away: "Сейчас время узнать не получилось. Попробуйте через минуту.",
  },
};
