import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { RecordRun } from '#delivery';
import { RecordsFrames } from './records-frames.js';
import { framesIn } from './testing/frames-in.js';

/** Returns a run of records with these values, from offset 10 on. */
function runOf(values: readonly string[]): RecordRun {
  const texts = values.map((value, index) => `{"offset":${10 + index},"value":"${value}"}`);
  let bytes = Buffer.alloc(0);
  const ends: number[] = [];
  for (const text of texts) {
    bytes = Buffer.concat([bytes, Buffer.from(`,${text}`)]);
    ends.push(bytes.length);
  }
  const offsets = texts.map((_, index) => 10 + index);
  const source = { topic: 'orders', partition: 3, highWatermark: 99, leaderEpoch: 7 };
  return RecordRun.of(source, 10, 10 + texts.length, { bytes, offsets, ends });
}

function sent(run: RecordRun, name: string, compresses = false): Buffer[] {
  const buffers: Buffer[] = [];
  new RecordsFrames(name, compresses).send(run, { push: (bytes) => buffers.push(bytes) });
  return buffers;
}

function message(name: string, values: readonly string[]): object {
  return {
    event: 'records',
    data: {
      subscription: name,
      topic: 'orders',
      partition: 3,
      records: values.map((value, index) => ({ offset: 10 + index, value })),
      highWatermark: 99,
      leaderEpoch: 7,
    },
  };
}

const SMALL = ['a', 'zweite ✓'];
const LARGE = Array.from({ length: 100 }, (_, index) => `${index} `.repeat(50));

describe('the frame of a run', () => {
  test.each([
    ['small', SMALL],
    ['large', LARGE],
  ])('the frame encodes the message, %s', (_, values) => {
    for (const name of ['live', 'quote " and ✓', 'x'.repeat(255)]) {
      const frames = framesIn(Buffer.concat(sent(runOf(values), name)));
      expect(frames).toHaveLength(1);
      expect(frames[0]).toMatchObject({ opcode: 1, isCompressed: false });
      expect(JSON.parse(frames[0]?.payload.toString() ?? '')).toEqual(message(name, values));
    }
  });

  test('it is created once for all subscriptions of one name', () => {
    const run = runOf(SMALL);
    const [first] = sent(run, 'live');
    expect(sent(run, 'live')).toEqual([first]);
    expect(sent(run, 'live')[0]).toBe(first);
    expect(sent(run, 'other')[0]).not.toBe(first);
  });

  test('large records are shared with all other subscriptions, whatever the names', () => {
    const run = runOf(LARGE);
    const [, rest] = sent(run, 'live');
    const [, other] = sent(run, 'other');
    expect(other).toBe(rest);
  });

  test.each([
    ['large', LARGE],
    ['just large enough', ['x'.repeat(1100)]],
  ])('it is compressed as one message, %s, whatever the name', (_, values) => {
    const run = runOf(values);
    const buffers = sent(run, 'live', true);
    for (const name of ['live', 'other ✓']) {
      const frames = framesIn(Buffer.concat(sent(run, name, true)));
      expect(frames).toHaveLength(1);
      expect(frames[0]).toMatchObject({ opcode: 1, isCompressed: true });
      const deflated = Buffer.concat([
        frames[0]?.payload ?? Buffer.alloc(0),
        Buffer.from([0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff]),
      ]);
      expect(JSON.parse(inflateRawSync(deflated).toString())).toEqual(message(name, values));
    }
    // The records were compressed once.
    expect(sent(run, 'other', true)[1]).toBe(buffers[1]);
  });

  test('it is not compressed if that does not pay', () => {
    const [frame] = sent(runOf(SMALL), 'live', true);
    expect(framesIn(frame ?? Buffer.alloc(0))[0]?.isCompressed).toBe(false);
  });
});
