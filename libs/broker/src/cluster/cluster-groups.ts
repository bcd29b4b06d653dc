/**
 * Committed offsets in a cluster. The coordinator of a group keeps them: the leader of the group's
 * partition of the offsets topic. The broker that the client talks to asks the leaders of the
 * partitions being read for the offsets that a commit is checked against, and for the lag of a
 * group.
 *
 * Overlap: calls may overlap. Commits of one group are ordered by its coordinator's offset store.
 */
import {
  assertGroupName,
  type GroupCoordinators,
  partitionForGroup,
  type TopicDirectory,
} from '#groups';
import {
  CONSUMER_OFFSETS_TOPIC,
  ProtocolError,
  type TopicPartition,
  topicPartitionName,
} from '#protocol';
import type { Peers, ReplicaManager } from '#replication';
import type { Clock } from '#runtime';
import type { CommittedOffset, OffsetToCommit } from '../broker.js';
import type { GroupOffsets } from '../log-broker.js';
import type { Requester } from '../requester.js';
import type { LeaderCall, LeaderCalls } from './leader-calls.js';
import type { LeaderStatuses } from './leader-statuses.js';

/** A call to the coordinator of a group, which is this broker or another one. */
type CoordinatorCall<T> = Pick<LeaderCall<T>, 'there'> & { readonly here: () => Promise<T> };

interface ClusterGroupsOptions {
  readonly offsets: GroupCoordinators;
  readonly topics: TopicDirectory;
  readonly replicas: ReplicaManager;
  readonly leaders: LeaderCalls;
  readonly statuses: LeaderStatuses;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly leaderWaitMs: number;
  /** See `assertCommitsAtLeaders`. */
  readonly assertCommits: (offsets: readonly OffsetToCommit[]) => Promise<void>;
}

export class ClusterGroups implements GroupOffsets {
  readonly #options: ClusterGroupsOptions;

  constructor(options: ClusterGroupsOptions) {
    this.#options = options;
  }

  async commit(
    group: string,
    offsets: readonly OffsetToCommit[],
    requester?: Requester,
  ): Promise<void> {
    const { topics, assertCommits, offsets: keptOffsets, peers } = this.#options;
    assertGroupName(group);
    await assertCommits(offsets);
    if (offsets.length === 0) return;
    await topics.ensureOffsetsTopic();
    await this.#atCoordinator(group, {
      here: () => keptOffsets.commit(group, offsets),
      there: async (brokerId, timeoutMs) => {
        const message = { body: { group, offsets, caller: requester }, blobs: [] };
        await peers.call(brokerId, 'commit-offsets', message, { timeoutMs });
      },
    });
  }

  async committed(
    group: string,
    topic?: string,
    requester?: Requester,
  ): Promise<CommittedOffset[]> {
    const { topics, statuses, offsets: keptOffsets, peers } = this.#options;
    assertGroupName(group);
    if (topics.topic(CONSUMER_OFFSETS_TOPIC) === undefined) {
      return keptOffsets.committed(group, topic);
    }
    const committed = await this.#atCoordinator(group, {
      here: () => keptOffsets.committed(group, topic),
      there: async (brokerId, timeoutMs) => {
        const message = { body: { group, topic, caller: requester }, blobs: [] };
        const answer = await peers.call(brokerId, 'committed-offsets', message, { timeoutMs });
        return (answer.body as { readonly offsets: CommittedOffset[] }).offsets;
      },
    });
    const statusOf = await statuses.of(committed);
    return committed.map((offset) =>
      withLag(offset, statusOf.get(topicPartitionName(offset))?.highWatermark),
    );
  }

  async #atCoordinator<T>(group: string, call: CoordinatorCall<T>): Promise<T> {
    const { leaders, replicas, clock, leaderWaitMs } = this.#options;
    const target = this.#partitionOf(group);
    const deadlineMs = clock.monotonicMs() + leaderWaitMs;
    const here = async (): Promise<T> => {
      replicas.table.leaderOrThrow(target);
      return call.here();
    };
    try {
      return await leaders.call(target, { here, there: call.there }, { deadlineMs });
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'LEADER_NOT_AVAILABLE') throw error;
      throw new ProtocolError(
        'COORDINATOR_NOT_AVAILABLE',
        'The partition that keeps the offsets of this group has no leader at present.',
        { cause: error, outcome: error.outcome, retryAfterMs: error.retryAfterMs },
      );
    }
  }

  #partitionOf(group: string): TopicPartition {
    const count = this.#options.topics.topic(CONSUMER_OFFSETS_TOPIC)?.partitionCount ?? 1;
    return { topic: CONSUMER_OFFSETS_TOPIC, partition: partitionForGroup(group, count) };
  }
}

function withLag(committed: CommittedOffset, highWatermark: number | undefined): CommittedOffset {
  const { offset } = committed;
  if (highWatermark === undefined) return { ...committed, highWatermark: null, lag: null };
  const lag = offset === null ? null : Math.max(0, highWatermark - offset);
  return { ...committed, highWatermark, lag };
}
