import { type Html, html } from "../html.ts";
import type { Texts } from "./texts/en.ts";
import { reasonRu } from "./texts/reasons-ru.ts";
import { type Language, languages, texts } from "./texts/texts.ts";

/** Who looks at a page: the language, and the moment from which "5 minutes ago" counts. */
export type Reader = { language: Language; texts: Texts; now: Date };

/** The chosen language, else the first of the browser's languages that we have, else the config's. */
export function languageOf(chosen: string | undefined, acceptLanguage: string | undefined, fallback: string): Language {
  const wanted = (acceptLanguage ?? "")
    .slice(0, 1_000)
    .split(",")
    .map((part) => {
      const [name = "", quality = ""] = part.split(";");
      return { name: name.trim(), weight: Number(/^\s*q=([0-9.]+)\s*$/.exec(quality)?.[1] ?? 1) };
    });
  const names = wanted
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ name }) => name);
  for (const name of [chosen ?? "", ...names, fallback]) {
    const found = languages.find((language) => name.toLowerCase().split(/[-_]/)[0] === language);
    if (found) return found;
  }
  return "en";
}

export function readerOf(language: Language, now: Date): Reader {
  return { language, texts: texts[language], now };
}

/** What people call a game; others than Squad by their number. */
export const gameName = (gameId: number) => (gameId === 393_380 ? "Squad" : String(gameId));

/** A reason as it was kept, which is in English. */
export const reasonWords = ({ language }: Reader, kept: string) => (language === "ru" ? reasonRu(kept) : kept);

/** The same as a heading. */
export function gameTitle({ texts }: Reader, gameId: number): string {
  const name = gameName(gameId);
  return name === String(gameId) ? texts.players.gameTitle(gameId) : name;
}

export function number({ language }: Reader, value: number, digits = 0): string {
  const key = `${language} ${digits}`;
  const format = formats.get(key) ?? new Intl.NumberFormat(language, { maximumFractionDigits: digits });
  formats.set(key, format);
  return format.format(value);
}

/** Kept, since making one takes longer than formatting a hundred numbers with it. */
const formats = new Map<string, Intl.NumberFormat>();

/** A playtime in hours; the exact seconds show on hover. */
export function hours(reader: Reader, seconds: number | null): Html {
  if (seconds === null) return html`<span class="quiet">${reader.texts.common.unknown}</span>`;
  const digits = seconds < 360_000 ? 1 : 0;
  return html`<span title="${number(reader, seconds)} ${reader.texts.common.s}">${number(reader, seconds / 3_600, digits)} ${reader.texts.common.hours}</span>`;
}

/** How long ago a time was, in words; the exact time shows on hover. `at` is ISO 8601 text. */
export function ago(reader: Reader, at: string | null): Html {
  const { common } = reader.texts;
  if (at === null) return html`<span class="quiet">${common.never}</span>`;
  const seconds = Math.max(0, Math.round((reader.now.getTime() - Date.parse(at)) / 1_000));
  const [count, unit] =
    seconds < 60
      ? [seconds, common.s]
      : seconds < 3_600
        ? [seconds / 60, common.min]
        : seconds < 172_800
          ? [seconds / 3_600, common.hours]
          : [seconds / 86_400, common.d];
  const words = `${number(reader, Math.floor(count))} ${unit}`;
  return html`<time datetime="${at}" title="${utc(at)}">${common.ago(words)}</time>`;
}

/** A moment, to the second and in UTC; a script shows it in the browser's own zone. */
export function moment(reader: Reader, at: string | null): Html {
  if (at === null) return html`<span class="quiet">${reader.texts.common.never}</span>`;
  return html`<time datetime="${at}" class="moment">${utc(at)}</time>`;
}

const utc = (at: string) => `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;

export function bytes(reader: Reader, value: number): string {
  const { units } = reader.texts.common;
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, value)) / 10));
  return `${number(reader, value / 1_024 ** power, power > 2 ? 1 : 0)} ${units[power]}`;
}
