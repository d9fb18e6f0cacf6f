import { Malformed } from "../parse.ts";

export type CsvRow = {
  /** Of the file, where the row begins. */
  line: number;
  cells: string[];
};

const recordCharactersMost = 64 * 1024;

/**
 * The rows of a table as spreadsheets and shells write it: commas, semicolons or tabs (whichever stands first in the first
 * row, or what a first line `sep=;` says) between cells, which may be in quotes; lines that end in LF, CR LF or CR; UTF-8 or
 * UTF-16. Left out: rows whose cells are all empty, and the lines that npm writes before a program's output. In batches, as
 * the bytes come. Throws Malformed for a quote that is never closed, and for a file that is no text.
 */
export async function* readCsv(chunks: AsyncIterable<Buffer>): AsyncGenerator<CsvRow[]> {
  const reader = rowReader();
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let start: Buffer = Buffer.alloc(0);
  let hasBegun = false;
  for await (const chunk of chunks) {
    start = start.length === 0 ? chunk : Buffer.concat([start, chunk]);
    if (!decoder && start.length < 2) continue;
    decoder ??= new TextDecoder(encodingOf(start));
    if (!hasBegun && isPacked(start)) throw new Malformed("the file", packed);
    hasBegun = true;
    yield reader.read(decoder.decode(start, { stream: true }));
    start = Buffer.alloc(0);
  }
  decoder ??= new TextDecoder();
  yield reader.read(decoder.decode(start));
  yield reader.end();
}

/** By the byte order mark, or by the zero beside the first letter: PowerShell 5.1 and "Unicode text" of Excel are UTF-16. */
function encodingOf([first = 0, second = 0]: Buffer): string {
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return "utf-16be";
  return "utf-8";
}

/** Workbooks of Excel and LibreOffice are ZIP files; the old ones of Excel and what gzip makes begin otherwise. */
const isPacked = ([first = 0, second = 0]: Buffer) =>
  ["504b", "1f8b", "d0cf"].includes(Buffer.of(first, second).toString("hex"));

const packed =
  "a table as text: this is a spreadsheet's own file (save it as CSV there) or a compressed one (unpack it first)";

function rowReader() {
  let separator = "";
  let line = 1;
  let cells: string[] = [];
  let cell = "";
  let begunAtLine = 1;
  let length = 0;
  let isQuoted = false;
  /** Behind a quote inside quotes: a second one stands for one, anything else ends them. */
  let isAfterQuote = false;
  let isAfterReturn = false;
  let hasBegun = false;
  let rows: CsvRow[] = [];

  function endRow(): void {
    cells.push(cell);
    if (!hasBegun && isPreamble()) {
      // The row behind it says what stands between cells.
      separator = /^sep=(.)$/is.exec(cells.join(separator))?.[1] ?? "";
    } else if (cells.some((one) => one.trim() !== "")) {
      hasBegun = true;
      rows.push({ line: begunAtLine, cells });
    }
    cells = [];
    cell = "";
    length = 0;
    begunAtLine = line;
  }

  function isPreamble(): boolean {
    const text = cells.join(separator);
    return /^sep=.$/is.test(text) || text.startsWith("> ") || cells.every((one) => one.trim() === "");
  }

  function take(character: string): void {
    if (isQuoted && !isAfterQuote) {
      if (character === '"') isAfterQuote = true;
      else cell += character;
      return;
    }
    if (character === '"' && (isAfterQuote || cell === "")) {
      if (isAfterQuote) cell += character;
      isAfterQuote = false;
      isQuoted = true;
      return;
    }
    isQuoted = false;
    isAfterQuote = false;
    if (separator === "" && /[,;\t]/.test(character)) separator = character;
    if (character === separator) {
      cells.push(cell);
      cell = "";
    } else if (character === "\n" || character === "\r") endRow();
    else cell += character;
  }

  return {
    read: (text: string): CsvRow[] => {
      rows = [];
      for (const character of text) {
        const isSecondOfPair = isAfterReturn && character === "\n";
        isAfterReturn = character === "\r";
        if (isAfterReturn || (character === "\n" && !isSecondOfPair)) line += 1;
        length += 1;
        if (length > recordCharactersMost) throw new Malformed(`the row of line ${begunAtLine}`, endless);
        if (!isSecondOfPair || isQuoted) take(character);
      }
      return rows;
    },
    end: (): CsvRow[] => {
      if (isQuoted && !isAfterQuote) throw new Malformed(`the row of line ${begunAtLine}`, endless);
      rows = [];
      endRow();
      return rows;
    },
  };
}

const endless = 'a row of a table: a quote (") that begins there is never closed';
