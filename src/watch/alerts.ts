import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../database/connect.ts";
import type { Log } from "../log.ts";
import { type AlertSettings, type Channel, channelsOf, send } from "./alert-channels.ts";
import { alertStoreIn } from "./alert-store.ts";
import { alertWords } from "./alert-texts.ts";
import type { Condition } from "./condition.ts";

export type AlertsDeps = {
  /** The settings in force at this moment. */
  settings: () => AlertSettings;
  language: string;
  /** Below each message; empty: no link. */
  panelUrl: () => string;
  database: { aside: Pick<Database, "run">; answers: Database["answers"] };
  /** What is the case now, the database left out. May throw: it is asked again. */
  conditions: () => Promise<Condition[]>;
  log: Log;
  times?: Partial<typeof usualTimes>;
};

/** In milliseconds. */
const usualTimes = { look: 5_000, databaseAway: 5 * 60_000 };

/** Pauses after a try that failed; after the last one a message is given up, a day after it was made. */
const pausesSeconds = [15, 60, 300, 900, 3_600];
const giveUpMs = 24 * 3_600_000;
const tidyMs = 3_600_000;
const stopMs = 500;

/** These are read from what all services share: each of them may end one at once. The others each service sees for itself. */
const shared: readonly Condition["cause"][] = ["late", "refusing"];

/**
 * Tells the operator what goes wrong and when it is over, by the channels that are set up. What is to be told is stored and
 * claimed in the database, so that a restart loses nothing and two services do not tell it twice; only that the database is
 * away each process tells by itself. Nothing waits for a channel.
 */
export function createAlerts(deps: AlertsDeps): { stop: () => Promise<void> } {
  const { settings, database, log } = deps;
  const times = { ...usualTimes, ...deps.times };
  const words = alertWords(deps.language);
  const store = alertStoreIn(database.aside);
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let awaySinceMs: number | undefined;
  let isAwayTold = false;
  let tidiedAtMs = performance.now();
  const underWay = new Set<Promise<void>>();

  const timer = setTimeout(() => {
    running = look()
      .catch((error) => log.debug("the alerts could not be looked after", { error }))
      .finally(() => {
        if (!stopped) timer.refresh();
      });
  }, times.look).unref();

  async function look(): Promise<void> {
    const channels = channelsOf(settings());
    if (channels.length === 0) return;
    if (!(await followDatabase(channels))) return;
    const found = await deps.conditions();
    await store.began(
      found.map((condition) => ({ ...condition, text: withLink(words.began(condition)) })),
      channels,
    );
    await endWhatIsOver(found, channels);
    // A channel that does not answer must not hold up the others, nor the next look.
    for (const { id, channel, cause, connection, text, at, isOver, tries } of await store.due()) {
      const sending = handOn(channel, id, { code: cause, connection, text, at, isOver }, tries)
        .catch((error) => log.debug("what became of an alert could not be noted", { error }))
        .finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
    if (performance.now() - tidiedAtMs < tidyMs) return;
    tidiedAtMs = performance.now();
    await store.tidy();
  }

  async function endWhatIsOver(found: Condition[], channels: Channel[]): Promise<void> {
    const isFound = new Set(found.map(({ cause, connection }) => `${cause} ${connection}`));
    for (const { cause, connection, isUnseen } of await store.open()) {
      if (isFound.has(`${cause} ${connection}`)) continue;
      if (isUnseen || shared.includes(cause))
        await store.over(cause, connection, withLink(words.over(cause, connection)), channels);
    }
  }

  async function handOn(
    channel: Channel,
    id: string,
    message: Parameters<typeof send>[1],
    tries: number,
  ): Promise<void> {
    const outcome = await send(channel, message, settings());
    if (outcome.isSent) {
      await store.sent(id);
      return log.info("an alert was sent", { channel, code: message.code, connection: message.connection });
    }
    const isOld = Date.now() - Date.parse(message.at) > giveUpMs;
    const pause = outcome.retrySeconds ?? pausesSeconds[Math.min(tries, pausesSeconds.length) - 1] ?? 15;
    await store.failed(id, outcome.problem, isOld ? null : pause);
    log.warn("an alert could not be sent", { channel, code: message.code, reason: outcome.problem });
  }

  /** Whether it is there. By a clock that nobody sets, and without the database, of course. */
  async function followDatabase(channels: Channel[]): Promise<boolean> {
    if (await database.answers()) {
      awaySinceMs = undefined;
      if (isAwayTold) await tellDirectly(channels, "database-away", true, words.over("database-away", ""));
      isAwayTold = false;
      return true;
    }
    awaySinceMs ??= performance.now();
    if (!isAwayTold && performance.now() - awaySinceMs >= times.databaseAway) {
      isAwayTold = true;
      const text = words.began({ cause: "database-away", connection: "" });
      await tellDirectly(channels, "database-away", false, text);
    }
    return false;
  }

  async function tellDirectly(channels: Channel[], code: string, isOver: boolean, text: string): Promise<void> {
    const message = { code, connection: "", text: withLink(text), at: new Date().toISOString(), isOver };
    const outcomes = await Promise.all(
      channels.map(async (channel) => ({ channel, outcome: await send(channel, message, settings()) })),
    );
    for (const { channel, outcome } of outcomes)
      if (outcome.isSent) log.info("an alert was sent", { channel, code });
      else log.warn("an alert could not be sent", { channel, code, reason: outcome.problem });
  }

  const withLink = (text: string) => (deps.panelUrl() === "" ? text : `${text}\n${deps.panelUrl()}`);

  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      const ended = running.then(() => Promise.all(underWay));
      await Promise.race([ended, sleep(stopMs, undefined, { ref: false })]);
    },
  };
}
