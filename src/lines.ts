import type { Writable } from "node:stream";

/** So much waits for a reader who does not read. */
const mostWaiting = 256 * 1024;

/**
 * Writes lines to a stream that only tells: its reader may go, its disk may be full, and nobody is hurt. Lines that cannot
 * be written are dropped and counted; `missing` makes the line that gives their number as soon as writing works again.
 */
export function lineWriter(to: Writable, missing: (lines: number) => string): (line: string) => void {
  let dropped = 0;
  let waiting = 0;

  /** `lines`: how many are lost when this one is. */
  function send(text: string, lines: number): void {
    if (waiting > mostWaiting) {
      dropped += lines;
      return;
    }
    waiting += text.length;
    // The last line may have reached the disk in part: what follows begins a line of its own.
    to.write(dropped > 0 ? `\n${text}` : text, (error) => {
      waiting -= text.length;
      if (error) dropped += lines;
      else if (dropped > 0) {
        const lost = dropped;
        dropped = 0;
        send(missing(lost), lost);
      }
    });
  }

  neverWait(to);
  // Each write hears of its own error.
  to.on("error", () => {});
  return (line) => send(line, 1);
}

/** Node writes to a terminal in a way that waits: one that was stopped (Ctrl-S) would hold up the whole process. */
function neverWait(to: Writable): void {
  const handle: unknown = "_handle" in to ? to._handle : undefined;
  if (typeof handle !== "object" || handle === null || !("setBlocking" in handle)) return;
  if (typeof handle.setBlocking === "function") handle.setBlocking(false);
}
