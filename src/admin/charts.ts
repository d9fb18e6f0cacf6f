import type { Kind } from "../connections/connections.ts";
import { type Html, html } from "../html.ts";
import { histogramHours } from "../players/statistics.ts";
import type { HourlyCount } from "../watch/read.ts";
import { type Ended, hoursOfBar, type Range, ranges, spansOf, sumOf as sumOfSpans } from "../watch/spans.ts";
import { number, type Reader } from "./reader.ts";

const width = 480;
const height = 120;

/** What a colour stands for, everywhere. */
export type Colour = "accepted" | "ignored" | "refused" | "steam" | "battlemetrics";

export type Bar = {
  /** What it stands for, in words, in UTC where it is a time. */
  name: string;
  /** When it begins, where it stands for a time or a day; a script says it as the browser's people do. */
  at?: string;
  /** Its values, in words. */
  text: string;
  /** Beside one another, and of each column the parts from the bottom up. */
  columns: readonly (readonly { colour: Colour; value: number }[])[];
  /** It is not over yet. */
  isRunning?: boolean;
};

export type Chart = {
  /** Of this chart on its page. */
  id: string;
  bars: readonly Bar[];
  /** Says all of it in a sentence. */
  label: string;
  /** Under the bars, from the left to the right, with the same distance. */
  under: readonly (Html | string)[];
  /** How many hours a bar stands for; undefined: its `at` is a day. */
  hours?: number;
  /** Of the values, behind a number of the axis. */
  unit?: string;
  /** Above the names and values of the table. */
  heads: readonly [name: string, value: string];
};

/** Bars over an axis with values. Each is named by touch and keyboard with a script, and in a table without. */
export function barChart(reader: Reader, { id, bars, label, under, hours, unit, heads }: Chart): Html {
  const { charts: words } = reader.texts;
  const highest = Math.max(...bars.flatMap(({ columns }) => columns.map(sumOf)));
  if (!(highest > 0)) return html`<p class="empty">${words.noData}</p>`;
  const top = roundedUp(highest);
  const step = width / bars.length;
  const drawn = bars.map((bar, index) => {
    const left = index * step;
    const gap = Math.min(step / 6, 4);
    const wide = (step - gap) / bar.columns.length;
    const parts = bar.columns.map((column, place) => {
      let y = height;
      return column.map(({ colour, value }) => {
        // Even the smallest number must be visible.
        const size = value === 0 ? 0 : Math.max(2, (value / top) * height);
        y -= size;
        return (
          size > 0 &&
          html`<rect class="${colour}" x="${fixed(left + gap / 2 + place * wide)}" y="${fixed(y)}" width="${fixed(wide)}" height="${fixed(size)}"/>`
        );
      });
    });
    return html`<g${bar.at !== undefined && html` data-at="${bar.at}"`}${bar.isRunning && html` class="running"`}><title>${bar.name}: ${bar.text}${bar.isRunning && ` (${words.running})`}</title><rect x="${fixed(left)}" y="0" width="${fixed(step)}" height="${height}" class="touch"/>${parts}</g>`;
  });
  const scale = [top, top / 2, 0].map(
    (value) => html`<span>${number(reader, value, 2)}${value > 0 && unit && ` ${unit}`}</span>`,
  );
  return html`<figure class="chart">
<div class="plot"><div class="scale" aria-hidden="true">${scale}</div>
<svg viewBox="0 0 ${width} ${height + 1}" role="img" aria-label="${label}" preserveAspectRatio="none"${hours !== undefined && html` data-hours="${hours}"`}>
<line x1="0" x2="${width}" y1="0.5" y2="0.5" class="axis"/><line x1="0" x2="${width}" y1="${height / 2}" y2="${height / 2}" class="axis"/><line x1="0" x2="${width}" y1="${height + 0.5}" y2="${height + 0.5}" class="axis"/>${drawn}</svg>
<div class="under${under.length === bars.length && " each"}" aria-hidden="true">${under.map((one) => html`<span>${one}</span>`)}</div></div>
<details id="values-${id}"><summary>${words.values}</summary><table><thead><tr><th>${heads[0]}</th><th>${heads[1]}</th></tr></thead>
<tbody>${bars.map(({ name, at, text, isRunning }) => html`<tr><td>${at === undefined ? name : html`<time datetime="${at}" class="part"${hours !== undefined && html` data-hours="${hours}"`}>${name}</time>`}${isRunning && ` (${words.running})`}</td><td>${text}</td></tr>`)}</tbody></table></details>
</figure>`;
}

export type Requests = { kind: Kind; counts: readonly HourlyCount[]; range: Range };

/** How requests of a kind ended: in words, span by span stacked, and what the colours mean. */
export function requestsCard(reader: Reader, { kind, counts, range }: Requests): Html {
  const { charts: words, overview } = reader.texts;
  const title = kind === "battlemetrics" ? overview.deliveries : overview.queries;
  const spans = spansOf(kind, counts, range, reader.now);
  const said = `${words.ranges[range]}: ${endedWords(reader, sumOfSpans(spans))}`;
  // Queries are never ignored.
  const endings = (["accepted", "ignored", "refused"] as const).filter(
    (one) => kind === "battlemetrics" || one !== "ignored",
  );
  const hours = hoursOfBar(range);
  const nameOf = spanNames(reader, hours);
  const bars = spans.map(
    (span, index): Bar => ({
      name: nameOf(span.at),
      at: span.at,
      text: endedWords(reader, span),
      columns: [endings.map((colour) => ({ colour, value: span[colour] }))],
      isRunning: index === spans.length - 1,
    }),
  );
  const quarters = [0, 1, 2, 3].map((quarter) => spans[Math.round((quarter * spans.length) / 4)]?.at ?? "");
  const under = quarters.map((at) =>
    hours === 1
      ? html`<time datetime="${at}" class="hour">${at.slice(11, 16)}</time>`
      : html`<time datetime="${at}" class="day">${at.slice(0, 10)}</time>`,
  );
  const chart = barChart(reader, {
    id: kind,
    bars,
    label: `${title}, ${said}`,
    under: [...under, words.now],
    hours,
    heads: [words.time, words.requests],
  });
  return html`<section class="card"><h2>${title}</h2><p class="quiet">${said}</p>${chart}${legend(endings.map((one) => [one, overview[one]] as const))}</section>`;
}

/** In UTC. */
/** Names spans of so many hours by their beginning. Made once for a chart: the format costs far more than a name. */
function spanNames({ language }: Reader, hours: number): (at: string) => string {
  const format = new Intl.DateTimeFormat(language, {
    timeZone: "UTC",
    hour: "2-digit",
    minute: "2-digit",
    hour12: false,
    ...(hours === 1 ? {} : { day: "numeric", month: "short" }),
  });
  return (at) => `${format.formatRange(Date.parse(at), Date.parse(at) + hours * 3_600_000)} UTC`;
}

/** Links to the same page with other ranges. */
export function rangeLinks(reader: Reader, chosen: Range): Html {
  const { charts: words } = reader.texts;
  return html`<nav class="row choices" aria-label="${words.range}">${ranges.map((range) => html`<a class="button small" href="?range=${range}"${range === chosen && html` aria-current="true"`}>${words.ranges[range]}</a>`)}</nav>`;
}

function endedWords(reader: Reader, { accepted, ignored, refused }: Ended): string {
  const { overview } = reader.texts;
  const parts = [
    `${overview.accepted} ${number(reader, accepted)}`,
    // Queries are never ignored.
    ...(ignored > 0 ? [`${overview.ignored} ${number(reader, ignored)}`] : []),
    `${overview.refused} ${number(reader, refused)}`,
  ];
  return parts.join(", ");
}

/** How many players have how many hours, by Steam and by BattleMetrics. */
export function histogram(reader: Reader, steam: readonly number[], battlemetrics: readonly number[]): Html {
  const { overview, charts: words, common, players } = reader.texts;
  const bars = histogramHours.map((from, index): Bar => {
    const next = histogramHours[index + 1];
    const counts = { steam: steam[index] ?? 0, battlemetrics: battlemetrics[index] ?? 0 };
    return {
      name: `${number(reader, from)}${next === undefined ? "+" : `–${number(reader, next)}`} ${common.hours}`,
      text: `Steam ${number(reader, counts.steam)}, ${players.battlemetrics} ${number(reader, counts.battlemetrics)}`,
      columns: [[{ colour: "steam", value: counts.steam }], [{ colour: "battlemetrics", value: counts.battlemetrics }]],
    };
  });
  const under = histogramHours.map((from, index) =>
    index === histogramHours.length - 1 ? `${number(reader, from)}+ ${common.hours}` : number(reader, from),
  );
  return barChart(reader, {
    id: "histogram",
    bars,
    label: `${overview.histogram}: ${bars.map(({ name, text }) => `${name}: ${text}`).join("; ")}`,
    under,
    heads: [words.hours, words.people],
  });
}

/** The legend: a word for each colour. */
export function legend(entries: readonly (readonly [colour: Colour, word: string])[]): Html {
  return html`<ul class="legend">${entries.map(([colour, word]) => html`<li><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="${colour}" width="10" height="10"/></svg>${word}</li>`)}</ul>`;
}

const sumOf = (column: readonly { value: number }[]) => column.reduce((sum, { value }) => sum + value, 0);
const fixed = (value: number) => String(Math.round(value * 10) / 10);

/** The end of an axis: at least the value, and half of it is a short number too. */
function roundedUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const least = Number.isInteger(value) ? 2 : 0;
  return Math.max(least, (([2, 4, 6, 8, 10].find((one) => one * power >= value) ?? 10) * power * 1_000) / 1_000);
}
