import { type Day, daysBefore } from "../calendar.ts";
import { type Html, html } from "../html.ts";
import type { PlayedDay } from "../players/days.ts";
import { type Bar, barChart } from "./charts.ts";
import { number, type Reader } from "./reader.ts";

const drawnDays = 90;
/** On the overview. */
export const overviewDays = 30;

/** How long a player played on each of the last days, `today` included; days without time may be missing. */
export type PlayedDays = { today: Day; played: readonly { day: Day; seconds: number }[] };

export const firstDrawn = (today: Day) => daysBefore(today, drawnDays - 1);

/** How many players were active, and how long all played, on each of the last 30 days. */
export function everybodysDays(reader: Reader, { today, played }: { today: Day; played: readonly PlayedDay[] }): Html {
  const { overview: words, players: columns } = reader.texts;
  const byDay = new Map(played.map((one) => [one.day, one]));
  const days = lastDays(today, overviewDays).map((day) => byDay.get(day) ?? { day, players: 0, seconds: 0 });
  if (days.every(({ players }) => players === 0))
    return html`<section class="card"><h2>${words.activePlayers}</h2><p class="empty">${words.noDays}</p></section>`;
  const card = (title: string, values: Values, more: Omit<Words, "label">) => {
    const average = values.reduce((sum, { value }) => sum + value, 0) / values.length;
    const said = words.onAverage(more.textOf(average));
    const label = `${title}: ${said}`;
    return html`<section class="card"><h2>${title}</h2><p class="quiet">${said}</p>${chart(reader, values, { ...more, label })}</section>`;
  };
  const textOf = (value: number) => number(reader, value, value < 10 ? 1 : 0);
  const ofHours = { unit: reader.texts.common.hours, textOf: (value: number) => hoursText(reader, value) };
  const players = days.map((one) => ({ day: one.day, value: one.players }));
  return html`<div class="pair">
${card(words.activePlayers, players, { id: "active", head: words.activePlayers, textOf })}
${card(words.hoursPlayed, inHours(days), { id: "played", head: columns.played, ...ofHours })}
</div>`;
}

/** One bar per day, the sums of 7, 30 and 90 days, and those of the weeks. `id`: of the chart on its page. */
export function daysChart(reader: Reader, { today, played }: PlayedDays, id: string): Html {
  const { players: words } = reader.texts;
  const byDay = new Map(played.map(({ day, seconds }) => [day, seconds]));
  const days = lastDays(today, drawnDays).map((day) => ({ day, seconds: byDay.get(day) ?? 0 }));
  if (days.every(({ seconds }) => seconds === 0)) return html`<p class="hint">${words.noDays}</p>`;
  const hoursOf = (some: readonly { seconds: number }[]) =>
    hoursText(reader, some.reduce((sum, { seconds }) => sum + seconds, 0) / 3_600);
  const sums = [7, 30, 90].map((count) => `${words.lastDays(count)}: ${hoursOf(days.slice(-count))}`).join(", ");
  const weeks = Array.from({ length: Math.floor(drawnDays / 7) }, (_, back) =>
    days.slice(drawnDays - 7 * (back + 1), drawnDays - 7 * back),
  );
  const textOf = (value: number) => hoursText(reader, value);
  return html`<h3>${words.playedDays}</h3><p>${sums}</p>${chart(reader, inHours(days), { id, label: sums, head: words.played, unit: reader.texts.common.hours, textOf })}
<details id="weeks-${id}"><summary>${words.byWeek}</summary><table><thead><tr><th>${words.week}</th><th class="number">${words.played}</th></tr></thead>
<tbody>${weeks.map((week) => html`<tr><td>${dayTime(week[0]?.day ?? "")} – ${dayTime(week.at(-1)?.day ?? "")}</td><td class="number">${hoursOf(week)}</td></tr>`)}</tbody></table></details>`;
}

type Values = readonly { day: Day; value: number }[];
type Words = { id: string; label: string; head: string; unit?: string; textOf: (value: number) => string };

function chart(reader: Reader, values: Values, { textOf, head, ...more }: Words): Html {
  const { charts: words } = reader.texts;
  const bars = values.map(
    ({ day, value }, index): Bar => ({
      name: day,
      at: day,
      text: textOf(value),
      columns: [[{ colour: "battlemetrics", value }]],
      isRunning: index === values.length - 1,
    }),
  );
  const thirds = [0, 1, 2].map((third) => dayTime(values[Math.round((third * values.length) / 3)]?.day ?? ""));
  return barChart(reader, {
    ...more,
    bars,
    under: [...thirds, words.today],
    heads: [words.day, head],
  });
}

/** A script shows it as the browser's people write days. */
const dayTime = (day: Day) => html`<time datetime="${day}" class="day">${day}</time>`;
const lastDays = (today: Day, count: number): Day[] =>
  Array.from({ length: count }, (_, index) => daysBefore(today, count - 1 - index));
const inHours = (days: readonly { day: Day; seconds: number }[]): Values =>
  days.map(({ day, seconds }) => ({ day, value: seconds / 3_600 }));
const hoursText = (reader: Reader, hours: number) => `${number(reader, hours, 1)} ${reader.texts.common.hours}`;
