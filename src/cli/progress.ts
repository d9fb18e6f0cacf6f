const cells = 24;
const pauseMs = 100;

/**
 * A bar on the terminal: `[######      ]  25 %  2,500 of 10,000 players`. Call it with how much is done, as often as you
 * like; the last call, with all of it, ends the line. Without a terminal it does nothing.
 */
export function progressBar(
  draw: ((text: string) => void) | undefined,
  what: string,
  nowMs: () => number = () => performance.now(),
) {
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  return (done: number, total: number): void => {
    if (!draw || (done < total && nowMs() - drawnAtMs < pauseMs)) return;
    drawnAtMs = nowMs();
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const bar = "#".repeat(Math.floor(share * cells)).padEnd(cells);
    const percent = String(Math.floor(share * 100)).padStart(3);
    const counts = `${done.toLocaleString("en")} of ${total.toLocaleString("en")} ${what}`;
    draw(`\r[${bar}] ${percent} %  ${counts}${done >= total ? "\n" : ""}`);
  };
}
