import { expect, test } from 'vitest';
import { recordOfText, withRecordTexts } from './record-texts.js';

const PLACE = '"topic":"t","partition":2,"offset":7,"timestamp":1';

/** The message of some records, as the gateway writes it. */
function message(...records: readonly string[]): string {
  const head = '{"event":"records","data":{"subscription":"a","topic":"t","partition":2,';
  return `${head}"records":[${records.join(',')}],"highWatermark":9,"leaderEpoch":0}}`;
}

test('each record of a message carries its text', () => {
  const number = `{${PLACE},"key":12345678901234567890,"value":{"n":\n1.0},"headers":[]}`;
  const text = `{${PLACE},"key":null,"value":"],\\"}","headers":[{"key":"h","value":"x"}]}`;
  const bytes = `{${PLACE},"keyBase64":"/w==","value":null,"headers":[]}`;
  const changed = JSON.parse(withRecordTexts(message(number, text, bytes)));
  const place = { topic: 't', partition: 2, offset: 7, timestamp: 1 };
  expect(changed).toEqual({
    event: 'records',
    data: {
      subscription: 'a',
      topic: 't',
      partition: 2,
      records: [
        { ...place, value: number.replace('\n', ' ') },
        { ...place, value: text },
        { ...place, value: bytes },
      ],
      highWatermark: 9,
      leaderEpoch: 0,
    },
  });
  expect(recordOfText(changed.data.records[0].value)).toMatchObject({
    key: '12345678901234567890',
    value: '{"n": 1.0}',
  });
});

test('a record whose place stands elsewhere is understood', () => {
  const behind = '{"value":"x","timestamp":1,"offset":7,"partition":2,"topic":"a\\"b"}';
  const later = `{${PLACE},"deliveryCount":2,"value":1}`;
  const changed = JSON.parse(withRecordTexts(message(behind, later)));
  const place = { topic: 'a"b', partition: 2, offset: 7, timestamp: 1 };
  expect(changed.data.records).toEqual([
    { ...place, value: behind },
    { ...place, topic: 't', value: later },
  ]);
});

test('a message without records, and any other message, stays as it is', () => {
  expect(withRecordTexts(message())).toBe(message());
  const other = '{"event":"assigned","data":{"records":[{"value":1}]}}';
  expect(withRecordTexts(other)).toBe(other);
});
