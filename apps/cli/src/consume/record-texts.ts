import { elementsAt, membersAt } from '../json-spans.js';
import { StreamedRecord } from './streamed-record.js';

const RECORDS_MESSAGE = '{"event":"records",';
/** Members of a record by which the client library knows its place. */
const PLACE = ['topic', 'partition', 'offset', 'timestamp'];
/** White space of JSON that would end a line. */
const LINE_BREAKS = /[\n\r]/g;

/**
 * Changes a message of records: the value of each record becomes the text of the whole record. The
 * client library parses messages, and what it has parsed no longer has all digits of a number.
 * Other messages stay as they are.
 */
export function withRecordTexts(message: string): string {
  if (!message.startsWith(RECORDS_MESSAGE)) return message;
  const records = membersAt(message, membersAt(message).get('data')?.start).get('records');
  if (records === undefined) return message;
  const texts = elementsAt(message, records.start).map(({ start, end }) =>
    withText(message.slice(start, end)),
  );
  return `${message.slice(0, records.start)}[${texts.join(',')}]${message.slice(records.end)}`;
}

/** Returns the record whose text is a value of a message of `withRecordTexts`. */
export function recordOfText(value: unknown): StreamedRecord {
  return StreamedRecord.ofLine(String(value));
}

function withText(record: string): string {
  const members = membersAt(record);
  const place = PLACE.map((name) => {
    const { start, end } = members.get(name) ?? { start: 0, end: 0 };
    return `"${name}":${record.slice(start, end)}`;
  });
  return `{${place.join(',')},"value":${JSON.stringify(record.replace(LINE_BREAKS, ' '))}}`;
}
