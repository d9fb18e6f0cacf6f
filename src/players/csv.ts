import { Malformed } from "../parse.ts";

export type CsvRow = {
  /** Of the file, where the row begins. */
  line: number;
  cells: string[];
};

const recordCharactersMost = 64 * 1024;

/**
 * The rows of a table as spreadsheets write it: commas, semicolons or tabs (whichever stands first in the first row) between
 * cells, which may be in quotes; any end of line; with or without a byte order mark. Empty lines are left out. In batches, as the
 * bytes come. Throws Malformed for a quote that is never closed.
 */
export async function* readCsv(chunks: AsyncIterable<Buffer>): AsyncGenerator<CsvRow[]> {
  const decoder = new TextDecoder();
  const reader = rowReader();
  for await (const chunk of chunks) yield reader.read(decoder.decode(chunk, { stream: true }));
  yield reader.read(decoder.decode());
  yield reader.end();
}

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
  let rows: CsvRow[] = [];

  function endRow(): void {
    cells.push(cell);
    if (cells.length > 1 || cell.trim() !== "") rows.push({ line: begunAtLine, cells });
    cells = [];
    cell = "";
    length = 0;
    begunAtLine = line;
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
    } else if (character === "\n") endRow();
    else if (character !== "\r") cell += character;
  }

  return {
    read: (text: string): CsvRow[] => {
      rows = [];
      for (const character of text) {
        if (character === "\n") line += 1;
        length += 1;
        if (length > recordCharactersMost) throw new Malformed(`the row of line ${begunAtLine}`, endless);
        take(character);
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
