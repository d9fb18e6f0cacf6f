const freshMs = 60_000;

/** What takes a while to read, at most once a minute: those who ask in between share an answer. A failure is not kept. */
export function onceAMinute<T>(now: () => Date, read: () => Promise<T>): () => Promise<T> {
  let kept: { atMs: number; answer: Promise<T> } | undefined;
  return () => {
    const nowMs = now().getTime();
    if (kept && nowMs - kept.atMs < freshMs) return kept.answer;
    const made = { atMs: nowMs, answer: read() };
    kept = made;
    made.answer.catch(() => {
      if (kept === made) kept = undefined;
    });
    return made.answer;
  };
}
