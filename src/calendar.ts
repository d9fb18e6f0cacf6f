import { readlinkSync } from "node:fs";
import { Malformed, type Parser, text } from "./parse.ts";

/**
 * The zone of most servers. It is told without `Intl`, whose first use costs 7 MB of memory (Node's language and zone
 * data).
 */
const utc = "UTC";

/** A day of the calendar, as `2026-01-02`. Days of this form are in the order of their texts. */
export type Day = string;

/**
 * An IANA name such as `Europe/Moscow`. Offsets are refused though Node may know them: they miss summer time, and Node 20
 * does not know them.
 */
export const timeZone: Parser<string> = (value, place) => {
  const name = text(value, place).trim();
  if (name !== "" && (!/^[a-z]/i.test(name) || !isKnown(name)))
    throw new Malformed(place, "the name of a time zone, such as Europe/Moscow or UTC, or nothing for the machine's");
  return name;
};

function isKnown(name: string): boolean {
  if (name === utc) return true;
  try {
    return calendarOf(name) !== undefined;
  } catch {
    return false;
  }
}

/** `TZ`: of the environment of this process. Undefined where Node does not know what the machine is set to. */
export function machineTimeZone(TZ: string | undefined): string | undefined {
  if ((TZ ?? linkedTimeZone()) === utc) return utc;
  const name: string | undefined = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return name !== undefined && name !== "Etc/Unknown" && /^[a-z]/i.test(name) && isKnown(name) ? name : undefined;
}

/** What most Linux machines are set to (man 5 localtime), without the region of `Etc/UTC`. */
function linkedTimeZone(): string | undefined {
  try {
    return /\/zoneinfo\/(?:Etc\/)?(.+)$/.exec(readlinkSync("/etc/localtime"))?.[1];
  } catch {
    return undefined;
  }
}

/** Tells the day on which a time falls in a zone. Throws RangeError for a name that is none. */
export function dayIn(zone: string): (time: Date) => Day {
  if (zone === utc) return (time) => time.toISOString().slice(0, 10);
  const calendar = calendarOf(zone);
  let minute = Number.NaN;
  let day = "";
  return (time) => {
    // A calendar takes 2 µs. Deliveries of one minute are of one day, since no zone begins its days within a minute.
    const asked = Math.floor(time.getTime() / 60_000);
    if (asked !== minute) {
      const parts = Object.fromEntries(calendar.formatToParts(time).map(({ type, value }) => [type, value]));
      day = `${parts["year"]?.padStart(4, "0")}-${parts["month"]}-${parts["day"]}`;
      minute = asked;
    }
    return day;
  };
}

function calendarOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
}

/** A day that is in the calendar. */
export const day: Parser<Day> = (value, place) => {
  const given = typeof value === "string" && /^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$/.test(value) ? value : "";
  const ms = Date.parse(`${given}T00:00:00Z`);
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(given))
    throw new Malformed(place, "a day, such as 2026-01-02");
  return given;
};

/** So many days before a day. */
export function daysBefore(day: Day, count: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) - count * 86_400_000).toISOString().slice(0, 10);
}
