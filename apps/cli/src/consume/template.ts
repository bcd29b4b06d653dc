import { InvalidArgumentError } from 'commander';

/** A key or a value: UTF-8 as text, or bytes. */
export type Field = string | Uint8Array | null;

/** A record that is printed. */
export interface PrintedRecord {
  /** The record as the gateway answered it; undefined unless JSON was asked for. */
  readonly text?: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Field;
  readonly value: Field;
  readonly headers: readonly { readonly key: string; readonly value: Field }[];
}

/** Collects what is printed of several records: text becomes bytes once for all of it. */
export class PrintedBytes {
  readonly #parts: Uint8Array[] = [];
  #text = '';

  add(field: Field): void {
    if (typeof field === 'string') {
      this.#text += field;
    } else if (field !== null) {
      this.#endText();
      this.#parts.push(field);
    }
  }

  /** Returns all that was added. */
  bytes(): Buffer {
    this.#endText();
    return Buffer.concat(this.#parts);
  }

  #endText(): void {
    if (this.#text === '') return;
    this.#parts.push(Buffer.from(this.#text));
    this.#text = '';
  }
}

/** Prints a record. */
export type RecordFormat = (record: PrintedRecord, printed: PrintedBytes) => void;

const FIELDS: Readonly<Record<string, RecordFormat>> = {
  t: ({ topic }, printed) => printed.add(topic),
  p: ({ partition }, printed) => printed.add(String(partition)),
  o: ({ offset }, printed) => printed.add(String(offset)),
  k: ({ key }, printed) => printed.add(key),
  v: ({ value }, printed) => printed.add(value),
  h: ({ headers }, printed) =>
    printed.add(headers.map(({ key, value }) => `${key}=${textOf(value)}`).join(',')),
  T: ({ timestamp }, printed) => printed.add(new Date(timestamp).toISOString()),
  '%': (_, printed) => printed.add('%'),
};

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\', 0: '\0' };

/** A value and a line break. */
export const valueFormat: RecordFormat = ({ value }, printed) => {
  printed.add(value);
  printed.add('\n');
};

/** A value, byte for byte. */
export const rawFormat: RecordFormat = ({ value }, printed) => printed.add(value);

/**
 * Compiles a template: `%t` topic, `%p` partition, `%o` offset, `%k` key, `%v` value, `%h` headers,
 * `%T` time, `%%` a percent sign, `\n` and `\t`; a line break follows each record.
 * @throws InvalidArgumentError for another letter after %
 */
export function templateFormat(template: string): RecordFormat {
  const parts: RecordFormat[] = [];
  const text = template.replace(/\\([nt0\\])/g, (_, letter: string) => ESCAPES[letter] ?? '');
  for (const part of text.split(/(%[\s\S]?)/)) {
    if (part === '') continue;
    if (!part.startsWith('%')) {
      parts.push((_, printed) => printed.add(part));
      continue;
    }
    const field = FIELDS[part.slice(1)];
    if (field === undefined) {
      const known = Object.keys(FIELDS).map((letter) => `%${letter}`);
      throw new InvalidArgumentError(`"${part}" is not a field; there are ${known.join(', ')}.`);
    }
    parts.push(field);
  }
  return (record, printed) => {
    for (const part of parts) part(record, printed);
    printed.add('\n');
  };
}

/** Returns a key or a value as text; bytes that are not UTF-8 become replacement characters. */
export function textOf(field: Field): string {
  if (field === null) return '';
  return typeof field === 'string' ? field : Buffer.from(field).toString('utf8');
}
