import { describe, expect, it } from 'vitest';
import {
  murmur2,
  partitionForKey,
  RoundRobinPartitioner,
  StickyPartitioner,
} from './partitioner.js';

const VECTORS: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
  ['0', 971027396],
  ['1', -1993445489],
  ['128', -326012175],
  ['2187', -1508407203],
  ['16384', -325739742],
  ['78125', -1654490814],
  ['279936', 1462227128],
  ['823543', -2014198330],
  ['2097152', 607668903],
  ['4782969', -1182699775],
  ['10000000', -1830336757],
  ['19487171', -1603849305],
  ['35831808', -857013643],
  ['62748517', -1167431028],
  ['105413504', -381294639],
  ['170859375', -1658323481],
  ['100:48069', 1009543857],
  ['', 275646681],
  ['a', -1563381124],
  ['ab', 316155434],
  ['ключ', 2122343024],
  ['日本語', 1431860170],
];

const utf8 = new TextEncoder();

describe('murmur2', () => {
  it.each(VECTORS)("hashes %j as Kafka's clients do", (text, hash) => {
    expect(murmur2(utf8.encode(text))).toBe(hash);
  });

  it('hashes a span of a larger buffer like the span alone', () => {
    const bytes = utf8.encode('..foobar..');
    expect(murmur2(bytes, 2, 8)).toBe(-790332482);
  });
});

describe('partitionForKey', () => {
  it("maps keys to the partitions of Kafka's default partitioner", () => {
    expect(partitionForKey(utf8.encode('foobar'), 12)).toBe(6);
    expect(partitionForKey(utf8.encode('abc'), 3)).toBe(0);
    expect(partitionForKey(utf8.encode('-abc-'), 3, 1, 4)).toBe(0);
  });
});

describe('StickyPartitioner', () => {
  it('stays on a partition for a batch size of bytes, then takes another', () => {
    const sticky = new StickyPartitioner(100, scripted([2, 0]));
    expect([40, 40, 40, 40].map((bytes) => sticky.next(3, bytes))).toEqual([2, 2, 2, 0]);
  });

  it('sends a record larger than a batch to one partition and then takes another', () => {
    const sticky = new StickyPartitioner(100, scripted([1, 2]));
    expect([1000, 1].map((bytes) => sticky.next(3, bytes))).toEqual([1, 2]);
  });

  it('draws no random number when there is only one partition', () => {
    const sticky = new StickyPartitioner(1, scripted([]));
    expect([10, 10].map((bytes) => sticky.next(1, bytes))).toEqual([0, 0]);
  });
});

describe('RoundRobinPartitioner', () => {
  it('takes all partitions in turns, also after the topic has grown', () => {
    const roundRobin = new RoundRobinPartitioner(scripted([1]));
    expect([3, 3, 3].map((count) => roundRobin.next(count))).toEqual([1, 2, 0]);
    expect([4, 4, 4, 4].map((count) => roundRobin.next(count))).toEqual([1, 2, 3, 0]);
  });
});

function scripted(numbers: readonly number[]): { below(bound: number): number } {
  const left = [...numbers];
  return {
    below: () => {
      const number = left.shift();
      if (number === undefined) throw new Error('no random number was expected here');
      return number;
    },
  };
}
