import { elementsAt, memberStart, membersAt } from '../json-spans.js';
import { StreamedRecord } from './streamed-record.js';

const RECORDS_MESSAGE = '{"event":"records",';
const PLACE = ['topic', 'partition', 'offset', 'timestamp'];
/** The place in front of the other members, as gateways write it: nothing else need be read. */
const PLACE_FIRST =
  /^\{("topic":"[^"\\]*","partition":\d+,"offset":\d+,"timestamp":\d+),"(?:key|value|headers)/;
/** White space of JSON that would end a line. */
const LINE_BREAKS = /[\n\r]/g;

/**
 * Changes a message of records: the value of each record becomes the text of the whole record. The
 * client library parses messages, and what it has parsed no longer has all digits of a number.
 * Other messages stay as they are.
 */
export function withRecordTexts(message: string): string {
  if (!message.startsWith(RECORDS_MESSAGE)) return message;
  const data = memberStart(message, 'data');
  const start = data && memberStart(message, 'records', data);
  if (start === undefined) return message;
  const records = elementsAt(message, start);
  const last = records.at(-1);
  if (last === undefined) return message;
  const texts = records.map((record) => withText(message.slice(record.start, record.end)));
  return `${message.slice(0, start)}[${texts.join(',')}${message.slice(last.end)}`;
}

/**
 * Returns the record whose text is a value of a message of `withRecordTexts`. It is parsed when one
 * of its fields is asked for.
 */
export function recordOfText(value: unknown): StreamedRecord {
  return StreamedRecord.ofLine(String(value));
}

function withText(record: string): string {
  const text = JSON.stringify(record.replace(LINE_BREAKS, ' '));
  return `{${placeOf(record)},"value":${text}}`;
}

/** The members of a record by which the client library knows its place. */
function placeOf(record: string): string {
  const [, place] = PLACE_FIRST.exec(record) ?? [];
  if (place !== undefined) return place;
  const members = membersAt(record);
  return PLACE.map((name) => {
    const { start, end } = members.get(name) ?? { start: 0, end: 0 };
    return `"${name}":${record.slice(start, end)}`;
  }).join(',');
}
