import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { silentLogger } from '#runtime';
import { FakeDisk } from '#runtime/testing';
import { ProducerMemory, type ProducerMemoryLimits } from './producer-memory.js';
import { ProducerStateManager } from './producer-state.js';
import type { SequencedBatch } from './sequenced-batch.js';

const KIB = 1024;
const DIRECTORY = '/data/orders-0';
/** Batches that each producer may have whatever the memory. */
const GUARANTEED = 5;
const LIMITS: ProducerMemoryLimits = {
  brokerBytes: 64 * KIB,
  partitionBytes: 16 * KIB,
  protectedMs: 1000,
};

function partitionOf(memory: ProducerMemory, disk = new FakeDisk()): ProducerStateManager {
  return new ProducerStateManager({
    fileSystem: disk,
    directory: DIRECTORY,
    logger: silentLogger,
    batchesRememberedMax: 512,
    producerIdExpirationMs: 86_400_000,
    memory,
  });
}

function batch(id: number, baseSequence = 0): SequencedBatch {
  return {
    baseOffset: 0,
    lastOffset: 0,
    maxTimestamp: 1,
    producerId: id,
    producerEpoch: 0,
    baseSequence,
    isControl: false,
  };
}

/** Produces a batch as a leader does; returns the code of its refusal, if any. */
function produce(
  partition: ProducerStateManager,
  candidate: SequencedBatch,
  nowMs = 0,
): string | undefined {
  try {
    if (partition.checkSequence(candidate) !== undefined) return 'duplicate';
    partition.assertRoomFor(candidate, nowMs);
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  partition.append(candidate, candidate.baseSequence, nowMs);
  partition.commit();
  return undefined;
}

/** Takes in new producers, ids from `firstId` on, until one is refused. */
function fill(partition: ProducerStateManager, firstId: number, nowMs = 0): number {
  let id = firstId;
  while (produce(partition, batch(id), nowMs) === undefined) id += 1;
  return id - firstId;
}

describe('a partition whose producers use up its memory', () => {
  it('refuses new producers, retriably, and takes batches of known ones', () => {
    const memory = new ProducerMemory(LIMITS);
    const partition = partitionOf(memory);
    const taken = fill(partition, 1);
    expect(taken).toBeGreaterThan(10);
    expect(partition.usedBytes).toBeLessThanOrEqual(LIMITS.partitionBytes);
    expect(() => partition.assertRoomFor(batch(999), 0)).toThrow(
      expect.objectContaining({ code: 'THROTTLING_QUOTA_EXCEEDED', outcome: 'failed' }),
    );
    for (let sequence = 1; sequence < 100; sequence += 1) {
      expect(produce(partition, batch(1, sequence))).toBeUndefined();
    }
    expect(partition.usedBytes).toBeLessThanOrEqual(LIMITS.partitionBytes);
    expect(memory.status).toMatchObject({ producers: taken, evictedTotal: 0 });
    expect(memory.status.refusedTotal).toBeGreaterThan(0);
  });

  it('answers a retry of each of the last five batches of every producer with its offsets', () => {
    const partition = partitionOf(new ProducerMemory(LIMITS));
    const taken = fill(partition, 1);
    for (let id = 1; id <= taken; id += 1) {
      for (let sequence = 1; sequence < 12; sequence += 1) produce(partition, batch(id, sequence));
      for (let sequence = 12 - GUARANTEED; sequence < 12; sequence += 1) {
        expect(partition.checkSequence(batch(id, sequence))?.baseOffset).toBe(sequence);
      }
    }
  });

  it('forgets batches of busy producers before it refuses anyone', () => {
    const partition = partitionOf(new ProducerMemory(LIMITS));
    for (let sequence = 0; sequence < 140; sequence += 1) produce(partition, batch(1, sequence));
    expect(fill(partition, 2)).toBeGreaterThan(10);
    expect(partition.checkSequence(batch(1, 139))?.baseOffset).toBe(139);
    expect(produce(partition, batch(1, 20))).toBe('DUPLICATE_SEQUENCE_NUMBER');
    expect(produce(partition, batch(1, 140))).toBeUndefined();
  });

  it('evicts producers that are silent beyond the protected time, the oldest first', () => {
    const memory = new ProducerMemory(LIMITS);
    const partition = partitionOf(memory);
    const taken = fill(partition, 1);
    expect(produce(partition, batch(2, 1), LIMITS.protectedMs - 1)).toBeUndefined();
    expect(produce(partition, batch(999), LIMITS.protectedMs - 1)).toBe(
      'THROTTLING_QUOTA_EXCEEDED',
    );
    expect(produce(partition, batch(999), LIMITS.protectedMs)).toBeUndefined();
    expect(memory.status.evictedTotal).toBeGreaterThan(0);
    expect(memory.status.evictedTotal).toBeLessThan(taken / 2);
    // Not known any more: as after its expiration, any sequence is taken.
    expect(partition.checkSequence(batch(1))).toBeUndefined();
    expect(partition.checkSequence(batch(2, 1))).toBeDefined();
    expect(partition.checkSequence(batch(taken))).toBeDefined();
  });

  it('evicts those that appended least recently when it follows, or reads its log', async () => {
    const memory = new ProducerMemory(LIMITS);
    const disk = new FakeDisk();
    await disk.makeDirectory(DIRECTORY);
    const partition = partitionOf(memory, disk);
    for (let id = 1; id <= 1000; id += 1) {
      partition.append(batch(id), id, 0);
      partition.commit();
      expect(partition.usedBytes).toBeLessThanOrEqual(LIMITS.partitionBytes);
    }
    expect(partition.checkSequence(batch(1000))).toBeDefined();
    expect(partition.checkSequence(batch(1))).toBeUndefined();
    await partition.takeSnapshot(1001);
    const lower = new ProducerMemory({ ...LIMITS, partitionBytes: 4 * KIB });
    const reloaded = partitionOf(lower, disk);
    await reloaded.reload(0, 1001, 0);
    expect(reloaded.usedBytes).toBeLessThanOrEqual(4 * KIB);
    expect(reloaded.checkSequence(batch(1000))).toBeDefined();
  });
});

describe('a broker whose producers use up its memory', () => {
  it('refuses new producers in every partition', () => {
    const memory = new ProducerMemory(LIMITS);
    const partitions = Array.from({ length: 8 }, () => partitionOf(memory));
    for (const partition of partitions) fill(partition, 1);
    expect(memory.usedBytes).toBeLessThanOrEqual(LIMITS.brokerBytes);
    expect(produce(partitions[7] as ProducerStateManager, batch(5000))).toBe(
      'THROTTLING_QUOTA_EXCEEDED',
    );
  });

  it('takes the room from silent producers of other partitions', () => {
    const memory = new ProducerMemory(LIMITS);
    const partitions = Array.from({ length: 4 }, () => partitionOf(memory));
    for (const partition of partitions) fill(partition, 1);
    const another = partitionOf(memory);
    expect(produce(another, batch(1), LIMITS.protectedMs)).toBeUndefined();
    expect(memory.usedBytes).toBeLessThanOrEqual(LIMITS.brokerBytes);
  });

  it('looks for room at most once a second while there is none', () => {
    const memory = new ProducerMemory(LIMITS);
    const partitions = Array.from({ length: 8 }, () => partitionOf(memory));
    for (const partition of partitions) fill(partition, 1);
    let searches = 0;
    memory.add({ trim: () => (searches += 1), evictIdle: () => undefined });
    for (let id = 0; id < 100; id += 1) produce(partitionOf(memory), batch(5000 + id), 2);
    expect(searches).toBeLessThanOrEqual(1);
  });

  it('has the memory of a partition back that is closed', () => {
    const memory = new ProducerMemory(LIMITS);
    const partition = partitionOf(memory);
    fill(partition, 1);
    partition.close();
    expect(memory.status).toMatchObject({ producers: 0, usedBytes: 0 });
  });
});

it('the count matches the known producers after appends, undos and evictions', () => {
  const step = fc.record({
    id: fc.integer({ min: 1, max: 40 }),
    epoch: fc.integer({ min: 0, max: 1 }),
    sequences: fc.integer({ min: 1, max: 12 }),
    isUndone: fc.boolean(),
    elapsedMs: fc.integer({ min: 0, max: 400 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const memory = new ProducerMemory({ ...LIMITS, partitionBytes: 12 * KIB });
      const partition = partitionOf(memory);
      let nowMs = 0;
      for (const { id, epoch, sequences, isUndone, elapsedMs } of steps) {
        nowMs += elapsedMs;
        for (let count = 0; count < sequences; count += 1) {
          const known = partition.snapshot().find(({ producerId }) => producerId === id);
          const next = known?.epoch === epoch ? known.lastSequence + 1 : 0;
          const candidate = { ...batch(id, next), producerEpoch: epoch };
          try {
            if (partition.checkSequence(candidate) !== undefined) continue;
            partition.assertRoomFor(candidate, nowMs);
          } catch {
            continue;
          }
          partition.append(candidate, next, nowMs);
        }
        if (isUndone) partition.undoTo();
        else partition.commit();
        const counted = partition.snapshot().map(({ batches }) => bytesOf(batches.length));
        expect(partition.usedBytes).toBe(counted.reduce((sum, bytes) => sum + bytes, 0));
        expect(memory.usedBytes).toBe(partition.usedBytes);
        expect(memory.status.producers).toBe(partition.producerCount);
        expect(partition.usedBytes).toBeLessThanOrEqual(12 * KIB);
      }
    }),
  );
});

/** Bytes that a producer counts with, found out from what one and two of them count. */
function bytesOf(batches: number): number {
  const partition = partitionOf(new ProducerMemory(LIMITS));
  for (let sequence = 0; sequence < batches; sequence += 1) produce(partition, batch(1, sequence));
  return partition.usedBytes;
}
