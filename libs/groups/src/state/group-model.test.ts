/**
 * Random histories of one group: whatever members, clients and topics do, the rules of groups hold
 * after every step, and a coordinator that loads the log has the same group.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import type { AssignorName, AutoOffsetReset, GroupRecord } from '../log/group-records.js';
import { decideAssignment, pendingPositions, positionRecord } from './assign.js';
import { decideJoin, decideRemoval } from './decide-membership.js';
import {
  decideCommit,
  decideHeartbeat,
  decideMemberCommit,
  decideOverdueRelease,
  decidePoll,
} from './decide-offsets.js';
import {
  decideDeletion,
  decideExpiredCredential,
  decideExpiry,
  decideStaleOffsets,
} from './decide-removal.js';
import type { Decision, DecisionContext, TopicShape } from './decision.js';
import { Group } from './group.js';
import { withCredential } from './member-credential.js';
import type { MemberCaller } from './member-owner.js';

const GROUP = 'g';
const TOPICS = ['left', 'right', 'more'];

/** A member's last answer, with which it goes on. */
interface SeenAnswer {
  readonly generation: number;
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[];
}

class GroupModel {
  readonly log: GroupRecord[] = [];
  readonly topics = new Map<string, TopicShape>([['left', shape('left-0', 3)]]);
  readonly seen = new Map<string, SeenAnswer>();
  group = new Group(GROUP);
  nowMs = 1000;
  #ids = 0;
  /** The last owner of each partition, and the last generation in which it was. */
  readonly #lastOwners = new Map<string, { memberId: string; generation: number }>();
  #generation = 0;

  get context(): DecisionContext {
    return {
      nowMs: this.nowMs,
      topics: {
        topic: (name) => this.topics.get(name),
        matching: (pattern) => [...this.topics.keys()].filter((name) => pattern === `${name[0]}.*`),
      },
      limits: {
        groupsFree: 1,
        groupsMax: 1,
        membersMax: 4,
        memberTopicsMax: 10,
        stateBytesFree: 1e9,
        groupStateBytesMax: 1e9,
        redriveWaitingMax: 100,
      },
    };
  }

  /** Decides a request and what follows from it, as a coordinator does in one round. */
  run(decide: (group: Group) => Decision): ProtocolError | undefined {
    this.nowMs += 1;
    const committed = this.#offsets();
    let refusal: ProtocolError | undefined;
    try {
      this.#write(decide(this.group));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      refusal = error;
    }
    this.assign(false);
    if (refusal !== undefined) expect(this.#offsets()).toEqual(committed);
    return refusal;
  }

  assign(isRetargeted: boolean): void {
    this.#write(decideAssignment(this.group, { isRetargeted }, this.context));
    this.#check();
  }

  /** Commits positions that an assignment waits for. */
  resolve(count: number): void {
    const pending = pendingPositions(this.group, this.context).slice(0, count);
    this.run(() =>
      pending.map((target) => positionRecord(GROUP, { ...target, offset: 5 }, this.nowMs)),
    );
  }

  newId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  changeTopics(): void {
    const isStale = (topic: string, topicId: string): boolean =>
      this.topics.get(topic)?.id !== topicId;
    this.#write(decideStaleOffsets(this.group, isStale));
    this.assign(true);
  }

  #write(records: Decision): void {
    for (const record of records) {
      this.log.push(record);
      this.group.apply(record);
    }
  }

  #offsets(): unknown {
    return [...this.group.offsets.entries()];
  }

  #check(): void {
    const { group } = this;
    expect(shown(replay(this.log))).toEqual(shown(group));
    expect(shown(replay(compacted(this.log)))).toEqual(shown(group));
    for (const memberId of group.credentials.keys()) {
      expect(group.members.get(memberId), 'a credential of nobody').toBeDefined();
      expect(group.members.get(memberId)?.brokerEpoch, 'a connected one').toBeUndefined();
    }
    const owners = new Map<string, string>();
    for (const [memberId, assignment] of group.assignments) {
      expect(group.members.has(memberId)).toBe(true);
      for (const { topic, topicId, partition } of assignment.ownedPartitions()) {
        const key = `${topicId} ${partition}`;
        expect(owners.has(key), `two owners of ${key}`).toBe(false);
        owners.set(key, memberId);
        expect(group.offsets.has(topic, topicId, partition), `no position of ${key}`).toBe(true);
        const since = assignment.ownedSince(topic, partition) ?? -1;
        const last = this.#lastOwners.get(key);
        if (last !== undefined && last.memberId !== memberId) {
          expect(since, 'an owner of a generation of another').toBeGreaterThan(last.generation);
        }
        this.#lastOwners.set(key, { memberId, generation: group.generation });
      }
    }
    if (group.generation === 0) this.#lastOwners.clear();
    else expect(group.generation).toBeGreaterThanOrEqual(this.#generation);
    this.#generation = group.generation;
    expect(group.state).not.toBe('Assigning');
    if (group.state === 'Stable') this.#checkStable(owners);
  }

  /** A stable group reads every partition that it is subscribed to. */
  #checkStable(owners: ReadonlyMap<string, string>): void {
    for (const { topics } of this.group.members.values()) {
      for (const name of topics) {
        const topic = this.topics.get(name);
        for (let partition = 0; partition < (topic?.partitionCount ?? 0); partition += 1) {
          expect(owners.has(`${topic?.id} ${partition}`)).toBe(true);
        }
      }
    }
  }
}

type Step = (model: GroupModel) => void;

const memberId = fc.nat({ max: 5 }).map((at) => `m${at}`);

/** Nobody, or one principal whose credential expires soon or never. The time is 1000 at first. */
const anyCaller: fc.Arbitrary<MemberCaller> = fc.option(
  fc
    .option(fc.integer({ min: 990, max: 1060 }))
    .map((expiresAtMs) => ({ principal: 'key:a', groups: [], isSuperUser: false, expiresAtMs })),
  { nil: undefined },
);

function anyStep(): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: 4, arbitrary: anyJoin() },
    { weight: 4, arbitrary: anyPoll() },
    {
      weight: 2,
      arbitrary: fc.nat({ max: 4 }).map(
        (count): Step =>
          (model) =>
            model.resolve(count),
      ),
    },
    {
      weight: 1,
      arbitrary: memberId.map(
        (id): Step =>
          (model) =>
            void model.run((group) => decideRemoval(group, id, model.context)),
      ),
    },
    {
      weight: 1,
      arbitrary: memberId.map(
        (id): Step =>
          (model) =>
            void model.run((group) => decideOverdueRelease(group, id)),
      ),
    },
    { weight: 2, arbitrary: anyMemberCommit() },
    { weight: 1, arbitrary: anyHeartbeat() },
    { weight: 1, arbitrary: memberId.map(credentialExpires) },
    { weight: 2, arbitrary: anyTopicChange() },
    {
      weight: 1,
      arbitrary: fc.constant<Step>((model) => void model.run((group) => decideDeletion(group))),
    },
    {
      weight: 1,
      arbitrary: fc.nat({ max: 30 }).map(
        (ageMs): Step =>
          (model) =>
            void model.run((group) => decideExpiry(group, model.nowMs - ageMs)),
      ),
    },
    { weight: 1, arbitrary: fc.nat({ max: 9 }).map(commitFromOutside) },
  );
}

function anyJoin(): fc.Arbitrary<Step> {
  return fc
    .record({
      memberId,
      instanceId: fc.option(fc.constantFrom('i0', 'i1'), { freq: 2 }),
      topics: fc.subarray(TOPICS),
      patterns: fc.subarray(['l.*', 'm.*'], { maxLength: 1 }),
      assignor: fc.constantFrom<AssignorName>('sticky', 'range', 'roundrobin'),
      autoOffsetReset: fc.constantFrom<AutoOffsetReset>('latest', 'earliest', 'none'),
      autoCommit: fc.boolean(),
      connection: fc.option(fc.constant({ brokerEpoch: 7 })),
      caller: anyCaller,
    })
    .map(
      ({ connection, ...join }): Step =>
        (model) => {
          const command = {
            ...join,
            ...connection,
            kind: 'join',
            clientId: null,
            mode: 'stream',
            sessionTimeoutMs: null,
            maxPollIntervalMs: 1,
          } as const;
          const refusal = model.run((group) => decideJoin(group, command, model.context));
          if (refusal === undefined) expect(model.group.members.has(join.memberId)).toBe(true);
          // The join whose answer was lost is sent again.
          const before = model.log.length;
          if (refusal === undefined)
            model.run((group) => decideJoin(group, command, model.context));
          expect(model.log).toHaveLength(before);
        },
    );
}

/** A member whose credential has expired leaves, and no other one. */
function credentialExpires(id: string): Step {
  return (model) => {
    const expiresAtMs = model.group.credentials.get(id) ?? Number.POSITIVE_INFINITY;
    const wasMember = model.group.members.has(id);
    model.run((group) => decideExpiredCredential(group, id, model.context));
    expect(model.group.members.has(id)).toBe(wasMember && expiresAtMs > model.nowMs);
  };
}

function anyPoll(): fc.Arbitrary<Step> {
  return fc.record({ memberId, isFirst: fc.boolean(), read: fc.nat({ max: 3 }) }).map(
    ({ memberId: id, isFirst, read }): Step =>
      (model) => {
        const seen = isFirst ? undefined : model.seen.get(id);
        const positions = (seen?.partitions ?? []).map((one) => {
          const offset = model.group.offsets.get(one.topic, one.partition)?.offset ?? 0;
          return { ...one, offset: offset + read };
        });
        const acknowledged = seen === undefined ? null : { generation: seen.generation, positions };
        const before = new Map(
          Array.from(model.group.offsets.entries(), ({ topic, partition, value }) => [
            `${topic} ${partition}`,
            value.offset,
          ]),
        );
        const owned = (one: { topic: string; partition: number }) =>
          model.group.assignmentOf(id).ownedSince(one.topic, one.partition);
        const wasOwned = new Map(
          positions.map((one) => [`${one.topic} ${one.partition}`, owned(one)]),
        );
        const refusal = model.run((group) =>
          decidePoll(group, { memberId: id, acknowledged }, model.context),
        );
        for (const { topic, partition, value } of model.group.offsets.entries()) {
          const key = `${topic} ${partition}`;
          const since = wasOwned.get(key);
          const offset = before.get(key);
          if (offset === undefined || offset === value.offset) continue;
          expect(value.offset, 'a poll moves an offset back').toBeGreaterThan(offset);
          expect(since !== undefined && since <= (seen?.generation ?? -1), 'a zombie commits').toBe(
            true,
          );
        }
        if (refusal === undefined) remember(model, id);
      },
  );
}

function anyHeartbeat(): fc.Arbitrary<Step> {
  return fc.tuple(memberId, fc.boolean(), anyCaller).map(
    ([id, isAcknowledged, caller]): Step =>
      (model) => {
        const { generation } = model.seen.get(id) ?? { generation: 0 };
        const released = isAcknowledged ? generation : null;
        const heartbeat = { memberId: id, generation: released, caller };
        const refusal = model.run((group) =>
          withCredential(group, heartbeat, decideHeartbeat(group, heartbeat)),
        );
        if (refusal === undefined) remember(model, id);
      },
  );
}

function anyMemberCommit(): fc.Arbitrary<Step> {
  return fc
    .record({
      memberId,
      topic: fc.constantFrom(...TOPICS),
      partition: fc.nat({ max: 3 }),
      back: fc.nat({ max: 4 }),
    })
    .map(
      ({ memberId: id, topic, partition, back }): Step =>
        (model) => {
          const generation = model.group.generation - back;
          const topicId = model.topics.get(topic)?.id ?? '';
          const entry = { topic, topicId, partition, offset: 7, leaderEpoch: null, metadata: null };
          const since = model.group.assignmentOf(id).ownedSince(topic, partition);
          const isMember = model.group.members.has(id);
          const refusal = model.run((group) =>
            decideMemberCommit(
              group,
              { memberId: id, generation, offsets: [entry] },
              model.context,
            ),
          );
          const isOwner = isMember && since !== undefined && since <= generation;
          expect(refusal === undefined).toBe(isOwner);
          if (isMember && !isOwner) expect(refusal?.code).toBe('ILLEGAL_GENERATION');
        },
    );
}

function anyTopicChange(): fc.Arbitrary<Step> {
  return fc.tuple(fc.constantFrom(...TOPICS), fc.constantFrom('create', 'grow', 'delete')).map(
    ([topic, change]): Step =>
      (model) => {
        const present = model.topics.get(topic);
        if (change === 'delete') model.topics.delete(topic);
        else if (present === undefined) {
          model.topics.set(topic, shape(`${topic}-${model.newId()}`, 2));
        } else if (present.partitionCount < 6) {
          model.topics.set(topic, shape(present.id, present.partitionCount + 1));
        }
        model.changeTopics();
      },
  );
}

function commitFromOutside(offset: number): Step {
  return (model) => {
    const topicId = model.topics.get('left')?.id;
    if (topicId === undefined) return;
    const entry = {
      topic: 'left',
      topicId,
      partition: 0,
      offset,
      leaderEpoch: null,
      metadata: null,
    };
    const isEmpty = model.group.members.size === 0;
    const refusal = model.run((group) => decideCommit(group, [entry], model.context));
    expect(refusal?.code).toBe(isEmpty ? undefined : 'NON_EMPTY_GROUP');
  };
}

function remember(model: GroupModel, memberIdOfAnswer: string): void {
  const partitions = model.group.assignmentOf(memberIdOfAnswer).assignedPartitions();
  model.seen.set(memberIdOfAnswer, { generation: model.group.generation, partitions });
}

function replay(records: readonly GroupRecord[]): Group {
  const group = new Group(GROUP);
  for (const record of records) group.apply(record);
  return group;
}

/** The newest record of each key, without removed keys, in the order of the log. */
function compacted(records: readonly GroupRecord[]): GroupRecord[] {
  const newest = new Map<string, GroupRecord>();
  for (const record of records) {
    const key = JSON.stringify([record.kind, record.key]);
    newest.delete(key);
    newest.set(key, record);
  }
  return [...newest.values()].filter(({ value }) => value !== null);
}

function shown(group: Group): unknown {
  const sorted = <T>(entries: Iterable<readonly [string, T]>) =>
    [...entries].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    state: group.state,
    head: group.head,
    generation: group.generation,
    members: sorted(group.members),
    credentials: sorted(group.credentials),
    assignments: sorted(Array.from(group.assignments, ([id, { value }]) => [id, value] as const)),
    offsets: sorted(
      Array.from(
        group.offsets.entries(),
        (one) => [`${one.topic} ${one.partition}`, one.value] as const,
      ),
    ),
    topics: sorted(group.knownTopics),
    patterns: [...group.patterns].toSorted(),
    stateBytes: group.stateBytes,
  };
}

describe('a group with any history', () => {
  it('has one owner per partition and generation, with a position, and no zombie commits', () => {
    fc.assert(
      fc.property(fc.array(anyStep(), { minLength: 1, maxLength: 40 }), (steps) => {
        const model = new GroupModel();
        for (const step of steps) step(model);
      }),
      { numRuns: 300 },
    );
  });
});

function shape(id: string, partitionCount: number): TopicShape {
  const leaderEpochs = Array.from({ length: partitionCount }, () => 0);
  return { id, partitionCount, leaderEpochs, isDeletedOnAck: false, queueGroups: [] };
}
