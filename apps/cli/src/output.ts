import { styleText } from 'node:util';
import Table from 'cli-table3';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export type Cell = string | number | null | undefined;

/** A table without lines between its cells. */
const NO_LINES = Object.fromEntries(
  (
    'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right ' +
    'left left-mid mid mid-mid right right-mid middle'
  )
    .split(' ')
    .map((name) => [name, '']),
);

/**
 * The output of a command: data goes to stdout, everything else to stderr. A terminal gets aligned
 * tables and colours, a pipe gets columns separated by tabs; `--json` gives documents of the API.
 */
export class Output {
  readonly isJson: boolean;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;

  constructor(
    options: { readonly json: boolean },
    streams: { readonly stdout: NodeJS.WriteStream; readonly stderr: NodeJS.WriteStream } = process,
  ) {
    this.isJson = options.json;
    this.#stdout = streams.stdout;
    this.#stderr = streams.stderr;
  }

  get stdout(): NodeJS.WriteStream {
    return this.#stdout;
  }

  get stderr(): NodeJS.WriteStream {
    return this.#stderr;
  }

  /** True if a person watches stderr, so that progress is shown. */
  get showsProgress(): boolean {
    return this.#stderr.isTTY && !this.isJson;
  }

  /** Prints a document of the gateway as it is. */
  document(document: unknown): void {
    this.line(JSON.stringify(document, undefined, this.#stdout.isTTY ? 2 : undefined));
  }

  /** Prints the document for `--json`, else what `show` prints. */
  either(document: unknown, show: () => void): void {
    if (this.isJson) this.document(document);
    else show();
  }

  line(text = ''): void {
    this.#stdout.write(`${text}\n`);
  }

  /** Prints a sentence that is not data. */
  note(text: string): void {
    this.#stderr.write(`${text}\n`);
  }

  /** Prints rows of cells below their names. Numbers are aligned to the right. */
  table(names: readonly string[], rows: readonly (readonly Cell[])[]): void {
    if (!this.#stdout.isTTY) {
      for (const row of [names, ...rows]) this.line(row.map(cellText).join('\t'));
      return;
    }
    const isNumeric = names.map((_, column) =>
      rows.every((row) => typeof row[column] === 'number' || row[column] === null),
    );
    const table = new Table({
      head: names.map((name) => this.style('bold', name)),
      chars: NO_LINES,
      colAligns: isNumeric.map((is) => (is && rows.length > 0 ? 'right' : 'left')),
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
    });
    table.push(...rows.map((row) => row.map(cellText)));
    this.line(table.toString().replace(/ +$/gm, ''));
  }

  /** Colours a text of stdout, if that is a terminal with colours. */
  style(style: Style, text: string): string {
    return hasColours(this.#stdout) ? styleText(style, text) : text;
  }

  /** Colours a text of stderr, if that is a terminal with colours. */
  noteStyle(style: Style, text: string): string {
    return hasColours(this.#stderr) ? styleText(style, text) : text;
  }

  /** Writes data, and waits while the reader of stdout is slower. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#stdout.write(data)) return;
    await new Promise<void>((resolve) => {
      this.#stdout.once('drain', resolve);
    });
  }
}

function cellText(cell: Cell): string {
  return cell === null || cell === undefined ? '-' : String(cell);
}

/** NO_COLOR and TERM are respected by `hasColors`. */
function hasColours(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && stream.hasColors();
}
