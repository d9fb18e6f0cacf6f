import { type Html, html } from "../html.ts";
import { histogramHours } from "../players/statistics.ts";
import type { Ended } from "../watch/read.ts";
import { number, type Reader } from "./reader.ts";

const width = 480;
const height = 120;

/** How requests ended, hour by hour, stacked. */
export function hoursChart(reader: Reader, hours: readonly Ended[]): Html {
  const { overview } = reader.texts;
  const most = Math.max(0, ...hours.map(({ accepted, ignored, refused }) => accepted + ignored + refused));
  const sum = (of: keyof Ended) => hours.reduce((total, hour) => total + hour[of], 0);
  const step = width / hours.length;
  const bars = hours.map((hour, index) => {
    let top = height;
    const parts = (["accepted", "ignored", "refused"] as const).map((of) => {
      // Even the smallest number must be visible.
      const size = hour[of] === 0 ? 0 : Math.max(2, (hour[of] / most) * height);
      top -= size;
      return size > 0 && rectangle(of, index * step + 1.5, top, step - 3, size);
    });
    const hoursBack = hours.length - 1 - index;
    return html`<g><title>${overview.hour(hoursBack)}: ${endedWords(reader, hour)}</title><rect x="${fixed(index * step)}" y="0" width="${fixed(step)}" height="${height}" class="touch"/>${parts}</g>`;
  });
  return html`<figure class="chart">
<svg viewBox="0 0 ${width} ${height + 1}" role="img" aria-label="${endedWords(reader, { accepted: sum("accepted"), ignored: sum("ignored"), refused: sum("refused") })}" preserveAspectRatio="none">
<line x1="0" x2="${width}" y1="${height + 0.5}" y2="${height + 0.5}" class="axis"/>${bars}</svg>
<div class="axis-words"><span>${overview.hour(hours.length - 1)}</span><span>${most > 0 && overview.most(most)}</span><span>${overview.hour(0)}</span></div>
</figure>`;
}

export function endedWords({ texts, ...reader }: Reader, { accepted, ignored, refused }: Ended): string {
  const { overview } = texts;
  const words = (count: number) => number({ texts, ...reader }, count);
  const parts = [`${overview.accepted} ${words(accepted)}`, `${overview.refused} ${words(refused)}`];
  // Queries are never ignored.
  if (ignored > 0) parts.splice(1, 0, `${overview.ignored} ${words(ignored)}`);
  return parts.join(", ");
}

/** How many players have how many hours, by Steam and by BattleMetrics. */
export function histogram(reader: Reader, steam: readonly number[], battlemetrics: readonly number[]): Html {
  const { overview } = reader.texts;
  const most = Math.max(1, ...steam, ...battlemetrics);
  const step = width / histogramHours.length;
  const name = (index: number) => {
    const next = histogramHours[index + 1];
    const from = number(reader, histogramHours[index] ?? 0);
    return next === undefined ? `${from}+` : `${from}–${number(reader, next)}`;
  };
  const bars = histogramHours.map((_, index) => {
    const counts = { steam: steam[index] ?? 0, battlemetrics: battlemetrics[index] ?? 0 };
    const size = (count: number) => (count === 0 ? 0 : Math.max(2, (count / most) * height));
    const half = (step - 12) / 2;
    return html`<g><title>${name(index)} ${reader.texts.common.hours}: Steam ${number(reader, counts.steam)}, ${reader.texts.players.battlemetrics} ${number(reader, counts.battlemetrics)}</title><rect x="${fixed(index * step)}" y="0" width="${fixed(step)}" height="${height}" class="touch"/>
${rectangle("steam", index * step + 5, height - size(counts.steam), half, size(counts.steam))}
${rectangle("accepted", index * step + 7 + half, height - size(counts.battlemetrics), half, size(counts.battlemetrics))}</g>`;
  });
  return html`<figure class="chart">
<svg viewBox="0 0 ${width} ${height + 1}" role="img" aria-label="${overview.histogram}: ${histogramHours.map((_, index) => `${name(index)} ${reader.texts.common.hours}: ${steam[index] ?? 0}/${battlemetrics[index] ?? 0}`).join(", ")}" preserveAspectRatio="none">
<line x1="0" x2="${width}" y1="${height + 0.5}" y2="${height + 0.5}" class="axis"/>${bars}</svg>
<div class="axis-words bars">${histogramHours.map((from, index) => html`<span>${number(reader, from)}${index === histogramHours.length - 1 && "+"}</span>`)}</div>
</figure>`;
}

function rectangle(of: string, x: number, y: number, w: number, h: number): Html {
  return html`<rect class="${of}" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(w)}" height="${fixed(h)}"/>`;
}

const fixed = (value: number) => String(Math.round(value * 10) / 10);

/** The legend: a word for each colour. */
export function legend(entries: readonly (readonly [colour: string, word: string])[]): Html {
  return html`<ul class="legend">${entries.map(([colour, word]) => html`<li><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="${colour}" width="10" height="10"/></svg>${word}</li>`)}</ul>`;
}
