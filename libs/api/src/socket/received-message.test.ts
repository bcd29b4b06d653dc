import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError, RECORD_STRIDE } from '#protocol';
import { recordSpan } from '#protocol/testing';
import { inSlices } from '#runtime';
import { ReceivedMessage } from './received-message.js';
import { CLIENT_MESSAGES } from './socket-messages.js';

const LIMITS = {
  recordsMax: 100,
  headersPerRecordMax: 10,
  faultyMembersMax: 50,
  nowMs: () => 1_000,
  controlBytesMax: 10_000,
  bodyItemsMax: 100,
  bodyMembersMax: 50,
  bodyValuesMax: 1000,
  bodyDepthMax: 8,
};
const EVENTS = Object.keys(CLIENT_MESSAGES).filter((event) => event !== 'publish');
const NAMES_OF_ALL = new Set(Object.getOwnPropertyNames(Object.prototype));

function messageOf(text: string): ReceivedMessage {
  return new ReceivedMessage(Buffer.from(text), LIMITS);
}

/**
 * Returns an object as JSON, with its members in the given order and white space around everything.
 */
function objectText(members: readonly (readonly [string, string])[], space: string): string {
  const inner = members.map(([name, json]) => `${space}${name}${space}:${space}${json}${space}`);
  return `${space}{${space}${inner.join(',')}}${space}`;
}

/** Returns a name as JSON, plainly or with all of its characters as escapes. */
function nameText(name: string, isEscaped: boolean): string {
  if (!isEscaped) return JSON.stringify(name);
  const escapes = Array.from(
    Buffer.from(name),
    (code) => `\\u${code.toString(16).padStart(4, '0')}`,
  );
  return `"${escapes.join('')}"`;
}

const space = fc.constantFrom('', ' ', '\n', '\t \r\n');
const id = fc.option(
  fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  ),
  { nil: undefined },
);
/** Values without members that every object inherits, because those are refused. */
const plainJson = fc.jsonValue({ maxDepth: 3 }).filter((value) => !hasInheritedName(value));
const data = fc.dictionary(
  fc.string({ maxLength: 10 }).filter((name) => !NAMES_OF_ALL.has(name)),
  plainJson,
  { maxKeys: 5 },
);

function hasInheritedName(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([name, member]) => NAMES_OF_ALL.has(name) || hasInheritedName(member),
  );
}

describe('a control message', () => {
  test('it equals the result of JSON.parse, however it is written', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...EVENTS),
        id,
        fc.option(data, { nil: undefined }),
        fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
        space,
        fc.boolean(),
        (event, givenId, givenData, order, white, isEscaped) => {
          const members = [
            ['event', event],
            ['id', givenId],
            ['data', givenData],
          ] as const;
          const text = objectText(
            order.flatMap((place) => {
              const [name, value] = members[place] ?? ['', undefined];
              return value === undefined
                ? []
                : [[nameText(name, isEscaped), JSON.stringify(value)] as const];
            }),
            white,
          );
          const message = messageOf(text);
          expect(message.read()).toBe(event);
          expect(message.id === undefined ? undefined : JSON.parse(message.id)).toEqual(
            givenId === undefined ? undefined : JSON.parse(JSON.stringify(givenId)),
          );
          expect(message.data()).toEqual(JSON.parse(JSON.stringify(givenData ?? {})));
          expect(message.publish).toBeUndefined();
        },
      ),
    );
  });

  test('any other text is refused, without another effect', () => {
    const texts = fc.oneof(
      fc.string({ maxLength: 50 }),
      fc.json({ maxDepth: 2 }),
      fc
        .nat()
        .map((cut) => '{"event":"ping","id":1,"data":{"a":[1,2,{"b":null}]}}'.slice(0, cut % 53)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(() => messageOf(text).read()).toThrow(ProtocolError);
      }),
    );
  });
});

interface GivenRecord {
  readonly value: unknown;
  readonly key?: string;
  readonly partition?: number;
}

const record: fc.Arbitrary<GivenRecord> = fc.record(
  {
    value: fc.jsonValue({ maxDepth: 2 }).filter((value) => value !== null),
    key: fc.string({ unit: 'grapheme', maxLength: 10 }),
    partition: fc.nat({ max: 5 }),
  },
  { requiredKeys: ['value'] },
);

describe('a message to publish', () => {
  test('it has its records as in the text, whatever the order of the members', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
        fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
        space,
        (records, order, dataOrder, white) => {
          const dataMembers = [
            ['"topic"', '"orders"'],
            ['"records"', JSON.stringify(records)],
            ['"acks"', '"1"'],
          ] as const;
          const dataText = objectText(
            dataOrder.map((place) => dataMembers[place] ?? ['', '']),
            white,
          );
          const members = [
            ['"event"', '"publish"'],
            ['"id"', '7'],
            ['"data"', dataText],
          ] as const;
          const message = messageOf(
            objectText(
              order.map((place) => members[place] ?? ['', '']),
              white,
            ),
          );
          expect(message.read()).toBe('publish');
          expect(message.publish).toMatchObject({ topic: 'orders', acks: '1' });
          const set = message.publish?.records();
          if (set === undefined) throw new Error('there are records');
          expect(set.count).toBe(records.length);
          for (const [index, given] of records.entries()) {
            const value = recordSpan(set, index, 0);
            expect(JSON.parse(Buffer.from(value ?? []).toString())).toEqual(
              JSON.parse(JSON.stringify(given.value)),
            );
            const key = recordSpan(set, index, 2);
            expect(key && Buffer.from(key).toString()).toBe(given.key);
          }
        },
      ),
    );
  });

  test('it may have one partition for all records', () => {
    const message = messageOf(
      '{"event":"publish","data":{"topic":"t","records":[{"value":1},{"value":2,"partition":3}],"partition":3}}',
    );
    message.read();
    const { fields } = message.publish?.records() ?? { fields: [] };
    expect([fields[8], fields[8 + RECORD_STRIDE]]).toEqual([3, 3]);
  });

  test('with a producer it must have all three numbers', () => {
    const message = messageOf(
      '{"event":"publish","data":{"topic":"t","records":[{"value":1}],"producerId":1000,"producerEpoch":0,"producerSequence":7}}',
    );
    message.read();
    expect(message.publish?.producer).toEqual({ producerId: 1000, producerEpoch: 0, sequence: 7 });
  });

  test('all faults are reported together, with the id', () => {
    const members = [
      '"records":[{"value":1},{"val":2}]',
      '"acks":"2"',
      '"more":1',
      '"partition":-1',
      '"timeoutMs":0',
      '"partitioner":"x"',
      '"producerId":1.5',
    ];
    const text = `{"event":"publish","data":{${members.join(',')}},"id":"a","id":"b"}`;
    const message = messageOf(text);
    expect(() => message.read()).toThrow(ProtocolError);
    expect(message.id).toBe('"a"');
    expect(faultsOf(text).toSorted()).toEqual(
      [
        '/data/acks',
        '/data/more',
        '/data/partition',
        '/data/partitioner',
        '/data/producerEpoch',
        '/data/producerId',
        '/data/producerSequence',
        '/data/records/1',
        '/data/records/1/val',
        '/data/timeoutMs',
        '/data/topic',
        '/id',
      ].toSorted(),
    );
  });

  test('a control message with too many bytes of data is refused with the bound', () => {
    const message = messageOf(`{"event":"seek","data":{"more":"${'x'.repeat(10_001)}"}}`);
    expect(message.read()).toBe('seek');
    expect(() => message.data()).toThrow(
      expect.objectContaining({ code: 'REQUEST_TOO_LARGE', bound: expect.any(String) }),
    );
  });

  test.each([
    '{"event":"ping" "id":1}',
    '{"event":"ping","data":{"a":1}',
    '{"event":"publish","data":{"records":[{"value":1}}',
    '[1]',
    '',
  ])('malformed text is refused alike at once and in slices: %s', async (text) => {
    const atOnce = errorOf(() => messageOf(text).read());
    expect(atOnce).toBeInstanceOf(ProtocolError);
    await expect(inSlices(messageOf(text).readInSlices())).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: (atOnce as ProtocolError).message,
    });
  });

  test.each(['{event:"ping"}', '{"event":"ping",1:2}', '{"event":"publish","data":{1:2}}'])(
    'a member whose name is not a string is refused: %s',
    (text) => {
      expect(errorOf(() => messageOf(text).read())).toMatchObject({
        code: 'INVALID_REQUEST',
        message: expect.stringContaining('expected a member name'),
      });
    },
  );

  test('a message without data is refused', () => {
    expect(faultsOf('{"event":"publish"}')).toEqual(['/data']);
    expect(faultsOf('{"data":1,"event":"publish"}')).toEqual(['/data']);
  });
});

function errorOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return error;
  }
}

function faultsOf(text: string): string[] {
  try {
    messageOf(text).read();
  } catch (error) {
    if (error instanceof ProtocolError) return error.faults.map(({ pointer }) => pointer);
    throw error;
  }
  return [];
}
