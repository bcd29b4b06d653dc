import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { silentLogger } from '#runtime';
import { FakeDisk } from '#runtime/testing';
import { ProducerMemory } from './producer-memory.js';
import { ProducerStateManager, type ProducerStateOptions } from './producer-state.js';
import type { SequencedBatch } from './sequenced-batch.js';

const DIRECTORY = '/data/orders-0';
const SEQUENCE_MAX = 2 ** 31 - 1;

let disk: FakeDisk;

beforeEach(async () => {
  disk = new FakeDisk();
  await disk.makeDirectory(DIRECTORY);
  await disk.syncDirectory('/data');
});

function managerWith(options: Partial<ProducerStateOptions> = {}): ProducerStateManager {
  return new ProducerStateManager({
    fileSystem: disk,
    directory: DIRECTORY,
    logger: silentLogger,
    batchesRememberedMax: 512,
    producerIdExpirationMs: 1000,
    memory: new ProducerMemory({
      brokerBytes: Number.MAX_SAFE_INTEGER,
      partitionBytes: Number.MAX_SAFE_INTEGER,
      protectedMs: 0,
    }),
    ...options,
  });
}

function batch(
  baseSequence: number,
  count = 1,
  producer: { id?: number; epoch?: number } = {},
): SequencedBatch {
  return {
    baseOffset: 0,
    lastOffset: count - 1,
    maxTimestamp: 1_700_000_000_000 + baseSequence,
    producerId: producer.id ?? 7,
    producerEpoch: producer.epoch ?? 0,
    baseSequence,
    isControl: false,
  };
}

/** Checks and appends, as a log does. */
function accept(
  manager: ProducerStateManager,
  candidate: SequencedBatch,
  baseOffset: number,
  nowMs = 0,
): void {
  expect(manager.checkSequence(candidate)).toBeUndefined();
  manager.append(candidate, baseOffset, nowMs);
  manager.commit();
}

function refusal(manager: ProducerStateManager, candidate: SequencedBatch): [string, string] {
  try {
    manager.checkSequence(candidate);
  } catch (error) {
    if (error instanceof ProtocolError) return [error.code, error.outcome];
    throw error;
  }
  return ['none', 'none'];
}

describe('sequences', () => {
  it('takes any sequence of an unknown producer, then only the next one', () => {
    const manager = managerWith();
    accept(manager, batch(1000, 5), 0);
    expect(refusal(manager, batch(1006))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'failed']);
    accept(manager, batch(1005), 5);
  });

  it('answers a retry with the offsets of the first append', () => {
    const manager = managerWith();
    accept(manager, batch(0, 3), 10);
    accept(manager, batch(3, 2), 20);
    const duplicate = manager.checkSequence(batch(0, 3));
    expect(duplicate).toEqual({ baseOffset: 10, lastOffset: 12, maxTimestamp: 1_700_000_000_000 });
  });

  it('wraps from 2147483647 to 0', () => {
    const manager = managerWith();
    accept(manager, batch(SEQUENCE_MAX - 1, 2), 0);
    expect(refusal(manager, batch(1))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'failed']);
    accept(manager, batch(0, 2), 2);
    expect(manager.checkSequence(batch(SEQUENCE_MAX - 1, 2))?.baseOffset).toBe(0);
  });

  it('wraps inside a batch', () => {
    const manager = managerWith();
    accept(manager, batch(SEQUENCE_MAX, 3), 0);
    accept(manager, batch(2), 3);
    expect(manager.checkSequence(batch(SEQUENCE_MAX, 3))?.lastOffset).toBe(2);
  });

  it('refuses an older producer epoch, and lets a newer one begin at 0 only', () => {
    const manager = managerWith();
    accept(manager, batch(0, 1, { epoch: 3 }), 0);
    expect(refusal(manager, batch(1, 1, { epoch: 2 }))).toEqual([
      'INVALID_PRODUCER_EPOCH',
      'failed',
    ]);
    expect(refusal(manager, batch(1, 1, { epoch: 4 }))).toEqual([
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      'failed',
    ]);
    accept(manager, batch(0, 1, { epoch: 4 }), 1);
    expect(refusal(manager, batch(1, 1, { epoch: 3 }))).toEqual([
      'INVALID_PRODUCER_EPOCH',
      'failed',
    ]);
  });

  it('says that a sequence was applied once its offsets are no longer remembered', () => {
    const manager = managerWith({ batchesRememberedMax: 2 });
    for (let sequence = 0; sequence < 4; sequence += 1) accept(manager, batch(sequence), sequence);
    expect(manager.checkSequence(batch(2))?.baseOffset).toBe(2);
    expect(refusal(manager, batch(1))).toEqual(['DUPLICATE_SEQUENCE_NUMBER', 'applied']);
  });

  it('never calls a sequence applied that came before the first one it knows', () => {
    const manager = managerWith();
    accept(manager, batch(1), 0);
    expect(refusal(manager, batch(0))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'unknown']);
  });

  it('refuses a batch of another size over remembered sequences', () => {
    const manager = managerWith();
    accept(manager, batch(0, 10), 0);
    expect(refusal(manager, batch(1, 5))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'failed']);
    expect(refusal(manager, batch(1, 10))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'failed']);
  });

  it('ignores batches without a producer id', () => {
    const manager = managerWith();
    const plain = { ...batch(-1), producerId: -1, producerEpoch: -1 };
    accept(manager, plain, 0);
    accept(manager, plain, 1);
    expect(manager.producerCount).toBe(0);
  });
});

describe('a failed write', () => {
  it('leaves the state as it was, whatever was appended in between', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ id: fc.nat(2), count: fc.integer({ min: 1, max: 3 }), bump: fc.boolean() }),
        ),
        fc.array(
          fc.record({ id: fc.nat(2), count: fc.integer({ min: 1, max: 3 }), bump: fc.boolean() }),
        ),
        (before, undone) => {
          const manager = managerWith({ batchesRememberedMax: 3 });
          const next = new Map<number, { epoch: number; sequence: number }>();
          let offset = 0;
          const appendAll = (steps: typeof before) => {
            for (const { id, count, bump } of steps) {
              const at = next.get(id) ?? { epoch: 0, sequence: 0 };
              const epoch = at.epoch + (bump ? 1 : 0);
              const sequence = bump ? 0 : at.sequence;
              const candidate = batch(sequence, count, { id, epoch });
              expect(manager.checkSequence(candidate)).toBeUndefined();
              manager.append(candidate, offset, offset);
              offset += count;
              next.set(id, { epoch, sequence: sequence + count });
            }
          };
          appendAll(before);
          manager.commit();
          const stateBefore = stateOf(manager);
          appendAll(undone);
          manager.undoTo();
          expect(stateOf(manager)).toEqual(stateBefore);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('can undo the last of several appends alone', () => {
    const manager = managerWith();
    manager.append(batch(0), 0, 0);
    const { mark } = manager;
    manager.append(batch(1), 1, 0);
    manager.undoTo(mark);
    manager.commit();
    expect(manager.checkSequence(batch(0))?.baseOffset).toBe(0);
    accept(manager, batch(1), 1);
  });
});

describe('bounds', () => {
  it('forgets producers that have been silent for too long', () => {
    const manager = managerWith({ producerIdExpirationMs: 1000 });
    accept(manager, batch(0, 1, { id: 1 }), 0, 0);
    accept(manager, batch(0, 1, { id: 2 }), 1, 500);
    accept(manager, batch(1, 1, { id: 1 }), 2, 600);
    manager.removeExpired(1499);
    expect(manager.producerCount).toBe(2);
    manager.removeExpired(1500);
    expect(manager.producerCount).toBe(1);
    expect(manager.checkSequence(batch(0, 1, { id: 1 }))?.baseOffset).toBe(0);
  });
});

describe('snapshots', () => {
  it('bring back every remembered batch after a crash', async () => {
    const manager = managerWith({ batchesRememberedMax: 4 });
    for (let sequence = 0; sequence < 6; sequence += 1) accept(manager, batch(sequence), sequence);
    accept(manager, batch(0, 1, { id: 8, epoch: 2 }), 6);
    await manager.takeSnapshot(7);
    const state = stateOf(manager);
    disk.crash();
    const reloaded = managerWith({ batchesRememberedMax: 4 });
    expect(await reloaded.reload(0, 10, 0)).toBe(7);
    expect(stateOf(reloaded)).toEqual(state);
    expect(refusal(reloaded, batch(1))).toEqual(['DUPLICATE_SEQUENCE_NUMBER', 'applied']);
  });

  it('have the bytes that Kafka writes', async () => {
    const manager = managerWith();
    accept(
      manager,
      { ...batch(4, 3, { id: 1001, epoch: 3 }), maxTimestamp: 1_700_000_000_005 },
      40,
    );
    await manager.takeSnapshot(43);
    const bytes = await disk.readFile(`${DIRECTORY}/00000000000000000043.snapshot`);
    expect(bytes.toString('hex')).toBe(
      `0001${bytes.toString('hex', 2, 6)}00000001` +
        '00000000000003e9' +
        '0003' +
        '00000006' +
        '000000000000002a' +
        '00000002' +
        '0000018bcfe56805' +
        'ffffffff' +
        'ffffffffffffffff',
    );
  });

  it('are read without the sidecar, as Kafka leaves them', async () => {
    const manager = managerWith();
    accept(manager, batch(0, 2), 0);
    accept(manager, batch(2, 2), 2);
    await manager.takeSnapshot(4);
    await disk.removeFile(`${DIRECTORY}/00000000000000000004.producers`);
    const reloaded = managerWith();
    expect(await reloaded.reload(0, 4, 0)).toBe(4);
    expect(reloaded.checkSequence(batch(2, 2))?.baseOffset).toBe(2);
    expect(refusal(reloaded, batch(0, 2))).toEqual(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'unknown']);
    accept(reloaded, batch(4), 4);
  });

  it.each(['snapshot', 'producers'])(
    'with a flipped bit in .%s give way to the one before',
    async (suffix) => {
      const manager = managerWith();
      accept(manager, batch(0, 2), 0);
      await manager.takeSnapshot(2);
      accept(manager, batch(2, 2), 2);
      await manager.takeSnapshot(4);
      const path = `${DIRECTORY}/00000000000000000004.${suffix}`;
      const bytes = await disk.readFile(path);
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const damaged = Buffer.from(bytes);
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await manager.takeSnapshot(4);
        const file = await disk.open(path, 'write');
        await file.writev([damaged], 0);
        await file.close();
        const reloaded = managerWith();
        expect(await reloaded.reload(0, 4, 0)).toBe(2);
        expect(reloaded.checkSequence(batch(0, 2))?.baseOffset).toBe(0);
      }
    },
  );

  it('beyond the log end are removed, those before its start are not used', async () => {
    const manager = managerWith();
    for (const offset of [5, 10, 15]) await manager.takeSnapshot(offset);
    const reloaded = managerWith();
    expect(await reloaded.reload(11, 14, 0)).toBe(11);
    expect(reloaded.snapshotOffsets).toEqual([5, 10]);
    await reloaded.removeSnapshotsBefore(6);
    expect(reloaded.snapshotOffsets).toEqual([10]);
    expect((await disk.readDirectory(DIRECTORY)).map((entry) => entry.name)).toEqual([
      '00000000000000000010.snapshot',
    ]);
  });
});

it('keeps the oldest snapshot and the newest seven', async () => {
  const manager = managerWith();
  for (let offset = 1; offset <= 12; offset += 1) await manager.takeSnapshot(offset);
  expect(manager.snapshotOffsets).toEqual([1, 6, 7, 8, 9, 10, 11, 12]);
  expect(await disk.readDirectory(DIRECTORY)).toHaveLength(8);
});

function stateOf(manager: ProducerStateManager): unknown {
  return manager.snapshot().toSorted((a, b) => a.producerId - b.producerId);
}
