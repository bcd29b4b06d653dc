import { expect, it } from 'vitest';
import { oneBatch, stamped } from '../../libs/replication/src/testing/batches.js';
import { coveredPosition, isElsewhere, placeIn } from './bit-flips.js';

const DAMAGED = 2;

it.each([
  { replicas: [1, 2], isr: [2, 1], to: undefined, elsewhere: true },
  { replicas: [1, 2], isr: [2], to: undefined, elsewhere: false },
  { replicas: [2], isr: [2], to: undefined, elsewhere: false },
  { replicas: [1, 2], isr: [1, 2], to: [2], elsewhere: false },
  { replicas: [1, 2], isr: [1, 2], to: [0, 2], elsewhere: true },
])('replicas $replicas in sync $isr that move to $to: another one stays: $elsewhere', (one) => {
  const { replicas, isr, to, elsewhere } = one;
  const move = to === undefined ? {} : { reassignment: { from: replicas, to, version: 1 } };
  expect(isElsewhere({ replicas, isr, ...move }, DAMAGED)).toBe(elsewhere);
});

it('names the batch whose bit flips, or the damage before it', () => {
  const log = Buffer.concat([7, 8, 9].map((offset) => stamped(oneBatch('a'), offset, 0)));
  const batchBytes = log.length / 3;
  expect(placeIn(log, 0)).toBe('byte 0 of the batch at position 0');
  expect(placeIn(log, batchBytes + 20)).toBe(`byte 20 of the batch at position ${batchBytes}`);
  log.writeUInt8(0x7f, 0);
  expect(placeIn(log, 20)).toBe('byte 20 of the batch at position 0');
  log.writeUInt8(log.readUInt8(2 * batchBytes - 1) ^ 1, 2 * batchBytes - 1);
  const damaged = `in or after the damage that begins at ${batchBytes}`;
  expect(placeIn(log, batchBytes + 20)).toBe(damaged);
  expect(placeIn(log, 2 * batchBytes + 20)).toBe(damaged);
});

/** Position of the leader epoch in a batch, and of a field that the checksum covers. */
const EPOCH_AT = 12;
const ATTRIBUTES_AT = 22;

it('spares the leader epochs of a file, also behind a batch that is damaged already', () => {
  const batches = [0, 1, 2].map((offset) => stamped(oneBatch(String(offset)), offset, 0));
  const sizeBytes = batches[0]?.length ?? 0;
  const log = Buffer.concat(batches);
  const isSpared = (start: number): boolean =>
    [0, 1, 2, 3].every((byte) => coveredPosition(log, start + EPOCH_AT + byte) === start + 16);
  expect([0, 1, 2].every((batch) => isSpared(batch * sizeBytes))).toBe(true);
  expect(coveredPosition(log, ATTRIBUTES_AT)).toBe(ATTRIBUTES_AT);
  log.writeUInt8(log.readUInt8(ATTRIBUTES_AT) ^ 1, ATTRIBUTES_AT);
  expect(coveredPosition(log, ATTRIBUTES_AT)).toBeUndefined();
  log.writeUInt8(0x7f, 0);
  expect(coveredPosition(log, ATTRIBUTES_AT)).toBeUndefined();
  expect([1, 2].every((batch) => isSpared(batch * sizeBytes))).toBe(true);
});
