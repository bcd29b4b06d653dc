import { UsageError } from '../exit-codes.js';
import { memberText } from '../json-spans.js';
import { type Line, LineError } from './lines.js';

type LineFormat = 'text' | 'json' | 'ndjson';

/** Options that say what record a line is. */
export interface RecordOptions {
  readonly format: LineFormat;
  /** Member of a JSON value that is the key. */
  readonly keyField?: string | undefined;
  /** Text between the key and the value of a line. */
  readonly keySeparator?: string | undefined;
  /** Key of all records. */
  readonly key?: string | undefined;
  readonly partition?: number | undefined;
  readonly header?: readonly { readonly key: string; readonly value: string }[] | undefined;
  /** A line without a value is a tombstone: needs a key of its own. */
  readonly tombstones?: boolean | undefined;
}

/** A record as JSON text that produce accepts, without its partition. */
export interface RecordText {
  readonly json: string;
  /** Bytes of the key, which choose the partition; null: any partition. */
  readonly keyBytes: Uint8Array | null;
  /** The partition that the line names. */
  readonly partition: number | undefined;
}

/** @throws UsageError for options that contradict each other */
export function assertRecordOptions(options: RecordOptions): void {
  const { format, keyField, keySeparator, key, tombstones } = options;
  const keys = [keyField, keySeparator, key].filter((each) => each !== undefined).length;
  if (keys > 1) throw new UsageError('Give one of --key, --key-field and --key-separator.');
  if (keyField !== undefined && format !== 'json') {
    throw new UsageError('--key-field needs --format json: it names a member of the value.');
  }
  if (keySeparator === '') throw new UsageError('--key-separator must not be empty.');
  if (tombstones === true && keySeparator === undefined) {
    throw new UsageError('--tombstones needs --key-separator: a line with a key alone deletes it.');
  }
  const own = keys > 0 || options.header !== undefined;
  if (format === 'ndjson' && own) {
    throw new UsageError(
      'With --format ndjson each line has its own key and headers: leave out --key, --key-field, --key-separator and --header.',
    );
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Turns lines into records. */
export class RecordLines {
  readonly #options: RecordOptions;
  /** Members that all records have, as JSON text. */
  readonly #common: string;
  readonly #keyBytes: Uint8Array | null;

  constructor(options: RecordOptions) {
    this.#options = options;
    const { header, key } = options;
    const members = [
      ...(key === undefined ? [] : [`"key":${JSON.stringify(key)}`]),
      ...(header === undefined ? [] : [`"headers":${JSON.stringify(header)}`]),
    ];
    this.#common = members.map((member) => `,${member}`).join('');
    this.#keyBytes = key === undefined ? null : Buffer.from(key);
  }

  /** @throws LineError */
  read(line: Line): RecordText {
    const { format, keySeparator, partition } = this.#options;
    if (format === 'ndjson') return this.#wholeRecord(line);
    if (keySeparator === undefined) {
      const json = `{${this.#value(line, line.bytes)}${this.#common}`;
      const field = this.#keyOfField(line);
      if (field === undefined) return { json: `${json}}`, keyBytes: this.#keyBytes, partition };
      return { json: `${json},"key":${field.json}}`, keyBytes: field.bytes, partition };
    }
    const at = line.bytes.indexOf(keySeparator);
    const isTombstone = at === -1 && this.#options.tombstones === true;
    if (at === -1 && !isTombstone) {
      throw new LineError(`line ${line.number} has no separator "${keySeparator}"`);
    }
    const keyBytes = isTombstone ? line.bytes : line.bytes.subarray(0, at);
    const rest = line.bytes.subarray(at + Buffer.byteLength(keySeparator));
    const deletes = isTombstone || (rest.length === 0 && this.#options.tombstones === true);
    const value = deletes ? '"value":null' : this.#value(line, rest);
    const key = `"keyBase64":"${keyBytes.toString('base64')}"`;
    return { json: `{${value},${key}${this.#common}}`, keyBytes, partition };
  }

  /** The value as a member: text as its bytes, JSON as it stands. */
  #value(line: Line, bytes: Buffer): string {
    if (this.#options.format === 'text') return `"valueBase64":"${bytes.toString('base64')}"`;
    const text = textOf(line, bytes);
    parse(line, text);
    return `"value":${text}`;
  }

  #keyOfField(line: Line): { readonly json: string; readonly bytes: Buffer } | undefined {
    const { keyField } = this.#options;
    if (keyField === undefined) return undefined;
    const text = textOf(line, line.bytes);
    const value = parse(line, text);
    const key =
      typeof value === 'object' && value !== null && Object.hasOwn(value, keyField)
        ? (value as Record<string, unknown>)[keyField]
        : undefined;
    if (key === undefined) throw new LineError(`line ${line.number} has no member "${keyField}"`);
    return keyOf(key, text, keyField);
  }

  #wholeRecord(line: Line): RecordText {
    const text = textOf(line, line.bytes);
    const record = parse(line, text);
    if (typeof record !== 'object' || record === null || Array.isArray(record)) {
      throw new LineError(
        `line ${line.number} is not a record: it must be an object with a "value"`,
      );
    }
    const { key, keyBase64, partition } = record as Record<string, unknown>;
    const own = typeof partition === 'number' ? partition : this.#options.partition;
    const keyBytes =
      typeof keyBase64 === 'string'
        ? Buffer.from(keyBase64, 'base64')
        : key === undefined || key === null
          ? null
          : keyOf(key, text, 'key').bytes;
    return { json: text, keyBytes, partition: own };
  }
}

/**
 * A key as the gateway stores it: a text as its bytes, other JSON as it stands in the line.
 * @param line JSON of an object with the key as the member of this name
 */
function keyOf(
  key: unknown,
  line: string,
  name: string,
): { readonly json: string; readonly bytes: Buffer } {
  if (typeof key === 'string') return { json: JSON.stringify(key), bytes: Buffer.from(key) };
  const json = memberText(line, name) ?? '';
  return { json, bytes: Buffer.from(json) };
}

function textOf(line: Line, bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new LineError(`line ${line.number} is not UTF-8`, { cause });
  }
}

function parse(line: Line, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LineError(`line ${line.number} is not JSON: ${(cause as Error).message}`, { cause });
  }
}
