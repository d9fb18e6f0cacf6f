import { type Day, daysBefore } from "../calendar.ts";
import { type Html, html } from "../html.ts";
import type { PlayedDay } from "../players/days.ts";
import { number, type Reader } from "./reader.ts";

/** So many days are drawn, a whole number of weeks and one of the sums. */
const drawnDays = 91;
/** On the overview. */
export const overviewDays = 30;
const width = 480;
const height = 80;

/** How long a player played on each of the last days, `today` included; days without time may be missing. */
export type PlayedDays = { today: Day; played: readonly { day: Day; seconds: number }[] };

export const firstDrawn = (today: Day) => daysBefore(today, drawnDays - 1);

/** How many players were active, and how long all played, on each of the last 30 days; and the same as a table. */
export function everybodysDays(reader: Reader, { today, played }: { today: Day; played: readonly PlayedDay[] }): Html {
  const { overview: words, players: columns } = reader.texts;
  const byDay = new Map(played.map((one) => [one.day, one]));
  const days = Array.from({ length: overviewDays }, (_, index) => {
    const day = daysBefore(today, overviewDays - 1 - index);
    return byDay.get(day) ?? { day, players: 0, seconds: 0 };
  });
  if (days.every(({ players }) => players === 0))
    return html`<section class="card"><h2>${words.activePlayers}</h2><p class="empty">${words.noDays}</p></section>`;
  const chart = (title: string, values: { day: Day; value: number }[], textOf: (value: number) => string) => {
    const average = values.reduce((sum, { value }) => sum + value, 0) / values.length;
    const said = words.onAverage(textOf(average));
    return html`<section class="card"><h2>${title}</h2><p class="quiet">${said}</p>${bars(
      values.map(({ day, value }) => ({ day, value, text: textOf(value) })),
      { label: `${title}: ${said}`, most: columns.mostOfDay(textOf(Math.max(...values.map(({ value }) => value)))) },
    )}</section>`;
  };
  const playersText = (players: number) => number(reader, players, players < 10 ? 1 : 0);
  return html`<div class="pair">
${chart(
  words.activePlayers,
  days.map(({ day, players }) => ({ day, value: players })),
  playersText,
)}
${chart(
  words.hoursPlayed,
  days.map(({ day, seconds }) => ({ day, value: seconds })),
  (seconds) => hoursText(reader, seconds),
)}
</div>
<details class="card"><summary>${columns.playedDays}</summary><table><thead><tr><th>${words.day}</th><th class="number">${words.activePlayers}</th><th class="number">${columns.played}</th></tr></thead>
<tbody>${[...days].reverse().map(({ day, players, seconds }) => html`<tr><td>${day}</td><td class="number">${number(reader, players)}</td><td class="number">${hoursText(reader, seconds)}</td></tr>`)}</tbody></table></details>`;
}

/** One bar per day, the sums of 7, 30 and 90 days, and the weeks as a table for readers who cannot see the bars. */
export function daysChart(reader: Reader, { today, played }: PlayedDays): Html {
  const { players: words } = reader.texts;
  const byDay = new Map(played.map(({ day, seconds }) => [day, seconds]));
  const days = Array.from({ length: drawnDays }, (_, index) => {
    const day = daysBefore(today, drawnDays - 1 - index);
    return { day, seconds: byDay.get(day) ?? 0 };
  });
  const most = Math.max(...days.map(({ seconds }) => seconds));
  if (most === 0) return html`<p class="hint">${words.noDays}</p>`;
  const last = (count: number) => days.slice(-count).reduce((sum, { seconds }) => sum + seconds, 0);
  const sums = [7, 30, 90].map((count) => `${words.lastDays(count)}: ${hoursText(reader, last(count))}`).join(", ");
  const weeks = Array.from({ length: drawnDays / 7 }, (_, index) => days.slice(index * 7, index * 7 + 7)).reverse();
  return html`<h3>${words.playedDays}</h3><p>${sums}</p>${bars(
    days.map(({ day, seconds }) => ({ day, value: seconds, text: hoursText(reader, seconds) })),
    { label: sums, most: words.mostOfDay(hoursText(reader, most)) },
  )}
<details><summary>${words.byWeek}</summary><table><thead><tr><th>${words.week}</th><th class="number">${words.played}</th></tr></thead>
<tbody>${weeks.map((week) => html`<tr><td>${week[0]?.day ?? ""} – ${week.at(-1)?.day ?? ""}</td><td class="number">${hoursText(reader, sumOf(week))}</td></tr>`)}</tbody></table></details>`;
}

/** A bar a day, as high as its value; `label` tells them in words, `most` stands under them. */
function bars(
  days: readonly { day: Day; value: number; text: string }[],
  { label, most }: { label: string; most: string },
): Html {
  const highest = Math.max(...days.map(({ value }) => value));
  const step = width / days.length;
  const drawn = days.map(({ day, value, text }, index) => {
    const size = value === 0 ? 0 : Math.max(2, (value / highest) * height);
    const bar =
      size > 0 &&
      html`<rect class="accepted" x="${fixed(index * step + 0.5)}" y="${fixed(height - size)}" width="${fixed(step - 1)}" height="${fixed(size)}"/>`;
    return html`<g><title>${day}: ${text}</title><rect x="${fixed(index * step)}" y="0" width="${fixed(step)}" height="${height}" class="touch"/>${bar}</g>`;
  });
  return html`<figure class="chart">
<svg viewBox="0 0 ${width} ${height + 1}" role="img" aria-label="${label}" preserveAspectRatio="none">
<line x1="0" x2="${width}" y1="${height + 0.5}" y2="${height + 0.5}" class="axis"/>${drawn}</svg>
<div class="axis-words"><span>${days[0]?.day ?? ""}</span><span>${most}</span><span>${days.at(-1)?.day ?? ""}</span></div>
</figure>`;
}

const sumOf = (days: readonly { seconds: number }[]) => days.reduce((sum, { seconds }) => sum + seconds, 0);
const hoursText = (reader: Reader, seconds: number) =>
  `${number(reader, seconds / 3_600, 1)} ${reader.texts.common.hours}`;
const fixed = (value: number) => String(Math.round(value * 10) / 10);
