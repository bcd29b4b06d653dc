import type { Admin } from '#client';
import { memberText } from '../json-spans.js';
import type { Field, PrintedRecord } from './template.js';

/** A record in the JSON of a fetch. */
export type RecordJson = Awaited<ReturnType<Admin['fetch']>>['records'][number];

/** A record of a stream of lines. Its fields are decoded when they are asked for. */
export class StreamedRecord implements PrintedRecord {
  #parsed: RecordJson | undefined;
  readonly #lines: Lines;
  readonly #line: number;

  /**
   * @param json undefined: it is parsed when a field is asked for
   * @param line index of its line among those that arrived with it
   */
  constructor(json: RecordJson | undefined, lines: Lines, line: number) {
    this.#parsed = json;
    this.#lines = lines;
    this.#line = line;
  }

  /** Returns the record of a line without its line break. */
  static ofLine(line: string): StreamedRecord {
    return new StreamedRecord(undefined, new Lines(line), 0);
  }

  get #json(): RecordJson {
    this.#parsed ??= JSON.parse(this.text) as RecordJson;
    return this.#parsed;
  }

  /** The record as the gateway answered it. */
  get text(): string {
    return this.#lines.at(this.#line);
  }

  get topic(): string {
    return this.#json.topic;
  }

  get partition(): number {
    return this.#json.partition;
  }

  get offset(): number {
    return this.#json.offset;
  }

  get timestamp(): number {
    return this.#json.timestamp;
  }

  get key(): Field {
    return this.#field('key');
  }

  get value(): Field {
    return this.#field('value');
  }

  get headers(): PrintedRecord['headers'] {
    return this.#json.headers.map(({ key, value, valueBase64 }) => {
      return { key, value: fieldOf(value, valueBase64) };
    });
  }

  /** A value of JSON is its text in the line: parsed numbers may have lost digits. */
  #field(name: 'key' | 'value'): Field {
    const value = this.#json[name] ?? null;
    const isText = typeof value === 'string' || value === null;
    if (isText) return fieldOf(value, this.#json[`${name}Base64`]);
    return memberText(this.text, name) ?? null;
  }
}

/** Lines that arrived together, each of which is JSON. They are parsed as one document. */
export class Lines {
  readonly #text: string;
  #lines: readonly string[] | undefined;

  /** @param text whole lines, with their line breaks */
  constructor(text: string) {
    const end = text.endsWith('\n') ? -1 : undefined;
    // Lines may be empty.
    const hasEmpty = text.startsWith('\n') || text.includes('\n\n');
    this.#text = hasEmpty ? text.split('\n').filter(Boolean).join('\n') : text.slice(0, end);
  }

  /** The parsed lines. */
  json(): unknown[] {
    return JSON.parse(`[${this.#text.replaceAll('\n', ',')}]`) as unknown[];
  }

  /** Returns the text of a line, counted from 0. */
  at(index: number): string {
    this.#lines ??= this.#text.split('\n');
    return this.#lines[index] ?? '';
  }
}

function fieldOf(text: string | null | undefined, base64: string | undefined): Field {
  return base64 === undefined ? (text ?? null) : Buffer.from(base64, 'base64');
}
