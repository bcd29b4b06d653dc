/** Values of lines of a fetch, found in the text without parsing the records. */

/** The values of the first lines of some text. */
export interface PlainValues {
  /** The values, each with the separator behind it. */
  readonly bytes: Buffer;
  /** Offset of the last of these records. */
  readonly lastOffset: number;
  /** Position behind the last of these lines, bytes. */
  readonly endByte: number;
}

const BEFORE_VALUE = ',"value":"';
/**
 * The text behind a value. Quotes within a string are escaped, so that this text can only follow
 * the value of the record.
 */
const BEHIND_VALUE = '","headers":[';

/**
 * Reads lines until one of them is not a record whose value is text. Returns undefined if the first
 * line is not. Lines end with a line feed.
 * @param separator follows each value
 */
export function plainValuesOf(lines: Buffer, separator: string): PlainValues | undefined {
  // One character for each byte: positions in the text are those of the bytes.
  const text = lines.toString('latin1');
  let values = '';
  let lastAt = -1;
  let lineAt = 0;
  for (let at = lineAt; lineAt < text.length; at = lineAt) {
    const feed = text.indexOf('\n', at);
    const before = text.indexOf(BEFORE_VALUE, at);
    const valueAt = before + BEFORE_VALUE.length;
    const end = before < 0 ? -1 : text.indexOf(BEHIND_VALUE, valueAt);
    if (end < 0 || end > feed) break;
    const value = text.slice(valueAt, end);
    values += (value.includes('\\') ? unescaped(value) : value) + separator;
    lastAt = lineAt;
    lineAt = feed + 1;
  }
  if (lastAt < 0) return undefined;
  const { offset } = JSON.parse(lines.toString('utf8', lastAt, lineAt)) as { offset: number };
  return { bytes: Buffer.from(values, 'latin1'), lastOffset: offset, endByte: lineAt };
}

/** Decodes the escapes of a string of JSON whose characters are bytes of UTF-8. */
function unescaped(content: string): string {
  const json = Buffer.from(`"${content}"`, 'latin1').toString('utf8');
  return Buffer.from(JSON.parse(json) as string).toString('latin1');
}
