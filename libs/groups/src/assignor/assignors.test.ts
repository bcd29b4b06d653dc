import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AssignorName } from '../log/group-records.js';
import {
  type AssignedMember,
  type AssignedPartition,
  type Assignment,
  type AssignorInput,
  chosenAssignor,
} from './assignor.js';
import { ASSIGNORS } from './assignors.js';

const NAMES: readonly AssignorName[] = ['range', 'roundrobin', 'sticky'];
const NO_OWNER = (): undefined => undefined;

describe.each(NAMES)('the %s assignor', (name) => {
  it('gives every partition of a subscribed topic to exactly one subscribed member', () => {
    fc.assert(
      fc.property(anyInput(), (input) => {
        const owners = ownersOf(ASSIGNORS[name](input));
        const subscribed = new Set(input.members.flatMap(({ topics }) => [...topics]));
        const expected = input.topics
          .filter((topic) => subscribed.has(topic.name))
          .flatMap((topic) =>
            Array.from({ length: topic.partitionCount }, (_, at) => `${topic.name} ${at}`),
          );
        expect([...owners.keys()].toSorted()).toEqual(expected.toSorted());
        for (const [partition, owner] of owners) {
          const member = input.members.find(({ memberId }) => memberId === owner);
          expect(member?.topics.has(partition.split(' ')[0] ?? '')).toBe(true);
        }
      }),
    );
  });
});

describe('range', () => {
  it('gives equal partitions of equally large topics to the same member', () => {
    const input = inputOf(['a', 'b'], { left: 3, right: 3 });
    expect(shown(ASSIGNORS.range(input))).toEqual({
      a: { left: [0, 1], right: [0, 1] },
      b: { left: [2], right: [2] },
    });
  });
});

describe('roundrobin', () => {
  it('deals the partitions of all topics in turn', () => {
    const input = inputOf(['a', 'b'], { left: 3, right: 3 });
    expect(shown(ASSIGNORS.roundrobin(input))).toEqual({
      a: { left: [0, 2], right: [1] },
      b: { left: [1], right: [0, 2] },
    });
  });
});

describe('sticky', () => {
  it('is even: loads of equally subscribed members differ by at most one', () => {
    fc.assert(
      fc.property(equalInput(), (input) => {
        const loads = loadsOf(ASSIGNORS.sticky(input));
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('moves the fewest partitions that an even assignment of equal members needs', () => {
    fc.assert(
      fc.property(equalInput(), (input) => {
        const owners = ownersOf(ASSIGNORS.sticky(input));
        const kept = new Map(input.members.map(({ memberId }) => [memberId, 0]));
        let moved = 0;
        for (const [partition, owner] of owners) {
          const previous = input.previousOwner(partitionOf(partition));
          const isKept = previous !== undefined && kept.has(previous);
          if (isKept) kept.set(previous, (kept.get(previous) ?? 0) + 1);
          if (isKept && previous !== owner) moved += 1;
        }
        expect(moved).toBe(leastMoves([...kept.values()], owners.size));
      }),
    );
  });

  it('leaves no partition with a member that has two more than another subscribed one', () => {
    fc.assert(
      fc.property(anyInput(), (input) => {
        const assignment = ASSIGNORS.sticky(input);
        const load = (memberId: string): number =>
          [...(assignment.get(memberId)?.values() ?? [])].reduce(
            (sum, { length }) => sum + length,
            0,
          );
        for (const [partition, owner] of ownersOf(assignment)) {
          const { topic } = partitionOf(partition);
          for (const { memberId, topics } of input.members) {
            if (topics.has(topic)) expect(load(owner) - load(memberId)).toBeLessThan(2);
          }
        }
      }),
    );
  });

  it('moves nothing when it is repeated', () => {
    fc.assert(
      fc.property(anyInput(), (input) => {
        const first = ownersOf(ASSIGNORS.sticky(input));
        const previousOwner = ({ topic, partition }: AssignedPartition): string | undefined =>
          first.get(`${topic} ${partition}`);
        expect(ownersOf(ASSIGNORS.sticky({ ...input, previousOwner }))).toEqual(first);
      }),
    );
  });
});

it('the assignor that most members ask for is used', () => {
  expect(chosenAssignor([])).toBe('sticky');
  expect(chosenAssignor(['range', 'roundrobin', 'range'])).toBe('range');
  expect(chosenAssignor(['range', 'sticky'])).toBe('sticky');
});

/** Moves that an even division needs when members hold `kept` of `total` partitions. */
function leastMoves(kept: number[], total: number): number {
  const floor = Math.floor(total / kept.length);
  let larger = total % kept.length;
  let moves = 0;
  for (const held of kept.toSorted((a, b) => b - a)) {
    const room = floor + (larger > 0 ? 1 : 0);
    if (larger > 0) larger -= 1;
    moves += Math.max(0, held - room);
  }
  return moves;
}

function inputOf(memberIds: readonly string[], counts: Readonly<Record<string, number>>) {
  const topics = Object.entries(counts).map(([name, partitionCount]) => ({ name, partitionCount }));
  const names = new Set(Object.keys(counts));
  const members = memberIds.map((memberId) => ({ memberId, instanceId: null, topics: names }));
  return { members, topics, previousOwner: NO_OWNER };
}

function anyInput(): fc.Arbitrary<AssignorInput> {
  const topics = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 5 });
  return topics.chain((counts) => {
    const names = counts.map((_, at) => `t${at}`);
    const members = fc.array(fc.subarray(names), { minLength: 1, maxLength: 6 });
    const owners = fc.array(fc.nat({ max: 8 }), { minLength: 40, maxLength: 40 });
    return fc.tuple(members, owners).map(([subscriptions, owned]) => ({
      topics: counts.map((partitionCount, at) => ({ name: `t${at}`, partitionCount })),
      members: subscriptions.map(
        (subscribed, at): AssignedMember => ({
          memberId: `m${at}`,
          instanceId: null,
          topics: new Set(subscribed),
        }),
      ),
      previousOwner: ({ topic, partition }: AssignedPartition): string | undefined => {
        const owner = owned[Number(topic.slice(1)) * 8 + partition] ?? 0;
        return owner === 8 ? undefined : `m${owner}`;
      },
    }));
  });
}

function equalInput(): fc.Arbitrary<AssignorInput> {
  return anyInput().map((input) => {
    const topics = new Set(input.topics.map(({ name }) => name));
    return { ...input, members: input.members.map((member) => ({ ...member, topics })) };
  });
}

/** Member by "topic partition". */
function ownersOf(assignment: Assignment): Map<string, string> {
  const owners = new Map<string, string>();
  for (const [memberId, topics] of assignment) {
    for (const [topic, partitions] of topics) {
      for (const partition of partitions) {
        expect(owners.has(`${topic} ${partition}`)).toBe(false);
        owners.set(`${topic} ${partition}`, memberId);
      }
    }
  }
  return owners;
}

function loadsOf(assignment: Assignment): number[] {
  return Array.from(assignment.values(), (topics) =>
    [...topics.values()].reduce((sum, { length }) => sum + length, 0),
  );
}

function partitionOf(text: string): AssignedPartition {
  const [topic = '', partition] = text.split(' ');
  return { topic, partition: Number(partition) };
}

function shown(assignment: Assignment): Record<string, Record<string, readonly number[]>> {
  return Object.fromEntries(
    Array.from(assignment, ([memberId, topics]) => [memberId, Object.fromEntries(topics)]),
  );
}
