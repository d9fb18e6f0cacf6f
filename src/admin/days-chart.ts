import { type Day, daysBefore } from "../calendar.ts";
import { type Html, html } from "../html.ts";
import { number, type Reader } from "./reader.ts";

/** So many days are drawn, a whole number of weeks and one of the sums. */
const drawnDays = 91;
const width = 480;
const height = 80;

/** How long a player played on the last days, `today` in; those without time may be missing. */
export type PlayedDays = { today: Day; played: readonly { day: Day; seconds: number }[] };

export const firstDrawn = (today: Day) => daysBefore(today, drawnDays - 1);

/** A bar a day, the sums of 7, 30 and 90 days, and the weeks as a table, which can be read without seeing the bars. */
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
  const step = width / drawnDays;
  const bars = days.map(({ day, seconds }, index) => {
    const size = seconds === 0 ? 0 : Math.max(2, (seconds / most) * height);
    const bar =
      size > 0 &&
      html`<rect class="accepted" x="${fixed(index * step + 0.5)}" y="${fixed(height - size)}" width="${fixed(step - 1)}" height="${fixed(size)}"/>`;
    return html`<g><title>${day}: ${hoursText(reader, seconds)}</title><rect x="${fixed(index * step)}" y="0" width="${fixed(step)}" height="${height}" class="touch"/>${bar}</g>`;
  });
  const weeks = Array.from({ length: drawnDays / 7 }, (_, index) => days.slice(index * 7, index * 7 + 7)).reverse();
  return html`<h3>${words.playedDays}</h3><p>${sums}</p><figure class="chart">
<svg viewBox="0 0 ${width} ${height + 1}" role="img" aria-label="${sums}" preserveAspectRatio="none">
<line x1="0" x2="${width}" y1="${height + 0.5}" y2="${height + 0.5}" class="axis"/>${bars}</svg>
<div class="axis-words"><span>${days[0]?.day ?? ""}</span><span>${words.mostOfDay(hoursText(reader, most))}</span><span>${today}</span></div>
</figure>
<details><summary>${words.byWeek}</summary><table><thead><tr><th>${words.week}</th><th class="number">${words.played}</th></tr></thead>
<tbody>${weeks.map((week) => html`<tr><td>${week[0]?.day ?? ""} – ${week.at(-1)?.day ?? ""}</td><td class="number">${hoursText(reader, sumOf(week))}</td></tr>`)}</tbody></table></details>`;
}

const sumOf = (days: readonly { seconds: number }[]) => days.reduce((sum, { seconds }) => sum + seconds, 0);
const hoursText = (reader: Reader, seconds: number) =>
  `${number(reader, seconds / 3_600, 1)} ${reader.texts.common.hours}`;
const fixed = (value: number) => String(Math.round(value * 10) / 10);
