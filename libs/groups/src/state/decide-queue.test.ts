import { describe, expect, it } from 'vitest';
import type { GroupRecord } from '../log/group-records.js';
import {
  decideAcks,
  decideAcquire,
  decideOffer,
  decideOpen,
  type PartitionAcquisition,
  type SharePlace,
} from './decide-queue.js';
import { Group } from './group.js';

const NOW_MS = 1_000_000;
const TIMES = { nowMs: NOW_MS, monotonicMs: NOW_MS };
/** Failed deliveries after which a record is delivered alone, by the default limit of 5. */
const SUSPECT_AFTER = 3;

/** A queue group on partitions of one topic, with this many records each. */
class TestQueue {
  readonly places: readonly SharePlace[];
  readonly #group = new Group('g', () => TIMES);

  constructor(...counts: readonly number[]) {
    this.places = counts.map((_, partition) => ({ topic: 't', topicId: 'id', partition }));
    for (const [at, place] of this.places.entries()) {
      this.#apply(decideOpen(this.#group, place, { offset: 0 }));
      const count = counts[at] ?? 0;
      const records = { from: 0, to: count, logStartOffset: 0, ranges: [0, count - 1] };
      this.#apply(decideOffer(this.#group, { ...place, records, due: null }, 'records', TIMES));
    }
  }

  /** Partition and offsets of the records that a member gets. */
  poll(member: string, recordsMax: number, receiveId?: string): [number, number, number][] {
    const command = { member, recordsMax, ...(receiveId === undefined ? {} : { receiveId }) };
    const { records, acquired } = decideAcquire(this.#group, this.places, command, TIMES);
    this.#apply(records);
    return acquired.flatMap(runsOf);
  }

  pause(): void {
    const configs = [{ name: 'sluice.share.paused', value: 'true' }];
    this.#apply([{ kind: 'configs', key: { group: 'g' }, value: { configs } }]);
  }

  nack(member: string, partition: number, offset: number): void {
    this.#ack('nack', member, partition, offset);
  }

  /** Gives a record back as a broker does that could not answer it. */
  giveBack(member: string, partition: number, offset: number): void {
    this.#ack('giveBack', member, partition, offset);
  }

  #ack(type: 'nack' | 'giveBack', member: string, partition: number, offset: number): void {
    const place = this.places[partition] as SharePlace;
    const acks = [{ ...place, offset, type }];
    this.#apply(decideAcks(this.#group, member, acks, TIMES).records);
  }

  #apply(records: readonly GroupRecord[]): void {
    for (const record of records) this.#group.apply(record);
  }
}

function runsOf({ partition, runs }: PartitionAcquisition): [number, number, number][] {
  return runs.map(({ first, last }) => [partition, first, last]);
}

describe('a poll of several partitions', () => {
  it('has one limit for all of them', () => {
    const queue = new TestQueue(3, 3);
    expect(queue.poll('a', 4)).toEqual([
      [0, 0, 2],
      [1, 0, 0],
    ]);
  });

  it('gets a record that may kill its worker alone, whatever other partitions have', () => {
    const queue = new TestQueue(1, 1);
    for (let delivery = 1; delivery <= SUSPECT_AFTER; delivery += 1) {
      expect(queue.poll('a', 1)).toEqual([[0, 0, 0]]);
      queue.nack('a', 0, 0);
    }
    expect(queue.poll('a', 9)).toEqual([[0, 0, 0]]);
    expect(queue.poll('a', 9)).toEqual([[1, 0, 0]]);
  });

  it('does not add a record that may kill its worker to those of other partitions', () => {
    const queue = new TestQueue(1, 1);
    for (let delivery = 1; delivery <= SUSPECT_AFTER; delivery += 1) {
      queue.poll('a', 9);
      queue.nack('a', 1, 0);
      queue.giveBack('a', 0, 0);
    }
    expect(queue.poll('a', 9)).toEqual([[0, 0, 0]]);
    expect(queue.poll('b', 9)).toEqual([[1, 0, 0]]);
  });

  it('that is repeated gets the same records and no others', () => {
    const queue = new TestQueue(2, 2);
    const first = queue.poll('a', 3, 'r');
    expect(first).toEqual([
      [0, 0, 1],
      [1, 0, 0],
    ]);
    expect(queue.poll('a', 3, 'r')).toEqual(first);
    expect(queue.poll('a', 3)).toEqual([[1, 1, 1]]);
  });

  it('gets nothing while the group is paused, also of what was found before', () => {
    const queue = new TestQueue(2);
    queue.pause();
    expect(queue.poll('a', 9)).toEqual([]);
  });
});
