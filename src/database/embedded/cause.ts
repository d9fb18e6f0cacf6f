/**
 * Finds the lines of Postgres or initdb that say why it failed: the newest of the gravest kind, with its details. Later lines,
 * such as "removing contents of data directory", do not replace it.
 */
export function createCause(): { read: (line: string) => void; words: () => string } {
  let cause: string[] = [];
  let gravity = 0;
  let isOpen = false;

  return {
    read: (line) => {
      const text = line.replace(serverPrefix, "");
      if (text.endsWith("database system is ready to accept connections")) {
        [cause, gravity] = [[], 0];
        return;
      }
      if (isOpen && /^(DETAIL|HINT|initdb: (detail|hint)):/.test(text)) {
        cause.push(text);
        return;
      }
      const found = gravityOf(text);
      isOpen = found > 0 && found >= gravity;
      if (isOpen) [cause, gravity] = [[text], found];
    },
    words: () => {
      const words = cause.map((line) => line.replace(/^(initdb: )?\w+: +/, "").replace(/\.$/, "")).join("; ");
      return words === "" ? "" : `${words}${adviceFor(words)}`;
    },
  };
}

/** A time and a process id, where initdb runs the server; often behind the step that initdb had just begun to tell. */
const serverPrefix = /^(?:[a-z -]+ \.\.\. )?\d{4}-\d\d-\d\d [\d:.]+ \S+ \[\d+\] /;

function gravityOf(line: string): number {
  // What stops Postgres when a failure comes in the middle of a commit: that failure is the cause.
  if (/^PANIC: +cannot abort transaction/.test(line)) return 1;
  if (line.startsWith("PANIC: ")) return 3;
  if (isAlarming(line)) return 2;
  return /^(LOG: +could not |child process was terminated by )/.test(line) ? 1 : 0;
}

/** Leaves out what concerns only a client: it was cut off, or came while the database starts or stops. */
export function isAlarming(line: string): boolean {
  return (
    /^(FATAL|PANIC|initdb: error): /.test(line) &&
    !/ (the database system is|terminating|connection to client lost)\b/.test(line)
  );
}

/** The disk is full, or has no room for another file. */
export const isFullDisk = (words: string) => /no space left on device|disk quota exceeded/i.test(words);

function adviceFor(words: string): string {
  if (isFullDisk(words)) return ". The disk is full, or can hold no more files: make room there (df -h, df -i)";
  if (/has invalid permissions/.test(words))
    return ". The file system does not keep who may read a file, as those of Windows do not: choose a data folder on another one";
  return "";
}
