/**
 * Calls to the coordinators of groups, at this broker or at others over the private listener.
 *
 * A call may be repeated when the coordinator moves, so all of them are safe to repeat: a join has
 * its member id before it is sent.
 *
 * Overlap: calls may overlap; requests of one group are ordered by its coordinator.
 */
import type { CoordinationStore } from '#coordination';
import {
  assertGroupName,
  type GroupCalls,
  type GroupCoordinators,
  type GroupListing,
  partitionForGroup,
  type TopicDirectory,
} from '#groups';
import { CONSUMER_OFFSETS_TOPIC, ProtocolError, type TopicPartition } from '#protocol';
import type { PeerMethod, Peers, ReplicaManager } from '#replication';
import type { Clock } from '#runtime';
import type { Requester } from '../requester.js';
import { assertAllSupportGroups } from './group-support.js';
import type { LeaderCalls } from './leader-calls.js';

export interface CoordinatorCallsOptions {
  readonly store: Pick<CoordinationStore, 'state'>;
  readonly coordinators: GroupCoordinators;
  readonly topics: TopicDirectory;
  readonly replicas: ReplicaManager;
  readonly leaders: LeaderCalls;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly brokerId: number;
  readonly leaderWaitMs: number;
  /** Requester of the calls; undefined while authentication is off. */
  readonly requester?: Requester;
}

/** The peer method of each call. */
export const GROUP_METHODS = {
  join: 'group-join',
  heartbeat: 'group-heartbeat',
  poll: 'group-poll',
  waitingView: 'group-waiting-view',
  queuePoll: 'queue-poll',
  queueDelivery: 'queue-delivery',
  acknowledge: 'queue-acks',
  queueRecords: 'queue-records',
  purgeQueue: 'queue-purge',
  resetQueue: 'queue-reset',
  cancelRecord: 'queue-cancel',
  redrive: 'queue-redrive',
  redriveProgress: 'queue-redrive-progress',
  queueFloors: 'queue-floors',
  commitAsMember: 'group-member-commit',
  leave: 'group-leave',
  describe: 'group-describe',
  delete: 'group-delete',
  configs: 'group-configs',
  alterConfigs: 'group-alter-configs',
} as const satisfies Record<keyof GroupCalls, PeerMethod>;

type GroupRequest<M extends keyof GroupCalls> = Parameters<GroupCalls[M]>[0];
type GroupAnswer<M extends keyof GroupCalls> = Awaited<ReturnType<GroupCalls[M]>>;

export class CoordinatorCalls {
  readonly #options: CoordinatorCallsOptions;

  constructor(options: CoordinatorCallsOptions) {
    this.#options = options;
  }

  /** The calls of another requester. */
  as(requester: Requester): CoordinatorCalls {
    return new CoordinatorCalls({ ...this.#options, requester });
  }

  /**
   * Calls the coordinator of a group.
   * @throws ProtocolError as the coordinator; COORDINATOR_NOT_AVAILABLE when there is none in time,
   *   or a broker of an earlier version might be the coordinator
   */
  async call<M extends keyof GroupCalls>(
    method: M,
    asked: GroupRequest<M>,
  ): Promise<GroupAnswer<M>> {
    const { requester, coordinators, leaders, peers, clock, leaderWaitMs, topics } = this.#options;
    const request = requester === undefined ? asked : { caller: requester, ...asked };
    assertGroupName(request.group);
    assertAllSupportGroups(this.#options.store.state);
    const here = (): Promise<GroupAnswer<M>> => {
      const callHere = coordinators[method] as (asked: GroupRequest<M>) => Promise<GroupAnswer<M>>;
      return callHere.call(coordinators, request);
    };
    // Without the topic there are no groups: every coordinator answers the same.
    if (topics.topic(CONSUMER_OFFSETS_TOPIC) === undefined) return here();
    const target = this.partitionOf(request.group);
    const deadlineMs = clock.monotonicMs() + leaderWaitMs;
    const there = async (brokerId: number, timeoutMs: number): Promise<GroupAnswer<M>> => {
      const message = { body: request, blobs: [] };
      const answer = await peers.call(brokerId, GROUP_METHODS[method], message, { timeoutMs });
      return (answer.body as { readonly answer: GroupAnswer<M> }).answer;
    };
    const hereAsLeader = async (): Promise<GroupAnswer<M>> => {
      this.assertCoordinatesHere(request.group);
      return here();
    };
    try {
      return await leaders.call(target, { here: hereAsLeader, there }, { deadlineMs });
    } catch (error) {
      throw asCoordinatorError(error);
    }
  }

  /** Id of the broker that coordinates a group; null when none does. */
  coordinatorOf(group: string): number | null {
    const { leaders, topics } = this.#options;
    if (topics.topic(CONSUMER_OFFSETS_TOPIC) === undefined) return null;
    return leaders.leaderOf(this.partitionOf(group));
  }

  /**
   * @throws NotLeaderError when another broker coordinates the group; ProtocolError
   *   COORDINATOR_NOT_AVAILABLE when a broker of an earlier version might
   */
  assertCoordinatesHere(group: string): void {
    assertAllSupportGroups(this.#options.store.state);
    this.#options.replicas.table.leaderOrThrow(this.partitionOf(group));
  }

  /**
   * Groups of all coordinators after a name, by name, each broker's first ones.
   * @throws ProtocolError COORDINATOR_NOT_AVAILABLE when a coordinator is missing
   */
  async list(after: string, limit: number): Promise<GroupListing[]> {
    const { coordinators, leaders, peers, brokerId, leaderWaitMs, topics } = this.#options;
    assertAllSupportGroups(this.#options.store.state);
    const count = topics.topic(CONSUMER_OFFSETS_TOPIC)?.partitionCount ?? 0;
    const brokers = new Set<number>();
    for (let partition = 0; partition < count; partition += 1) {
      const leader = leaders.leaderOf({ topic: CONSUMER_OFFSETS_TOPIC, partition });
      if (leader === null) throw notAvailable(undefined);
      brokers.add(leader);
    }
    const lists = await Promise.all(
      Array.from(brokers, async (broker) => {
        if (broker === brokerId) return coordinators.list(after, limit);
        const message = { body: { after, limit }, blobs: [] };
        try {
          const answer = await peers.call(broker, 'group-list', message, {
            timeoutMs: leaderWaitMs,
          });
          return (answer.body as { readonly groups: readonly GroupListing[] }).groups;
        } catch (error) {
          throw notAvailable(error);
        }
      }),
    );
    return lists
      .flat()
      .toSorted((one, other) => (one.group < other.group ? -1 : 1))
      .slice(0, limit);
  }

  /** The partition that keeps a group, whose leader is its coordinator. */
  partitionOf(group: string): TopicPartition {
    const count = this.#options.topics.topic(CONSUMER_OFFSETS_TOPIC)?.partitionCount ?? 1;
    return { topic: CONSUMER_OFFSETS_TOPIC, partition: partitionForGroup(group, count) };
  }
}

function asCoordinatorError(error: unknown): unknown {
  if (!(error instanceof ProtocolError) || error.code !== 'LEADER_NOT_AVAILABLE') return error;
  return notAvailable(error);
}

function notAvailable(cause: unknown): ProtocolError {
  const { outcome, retryAfterMs } =
    cause instanceof ProtocolError
      ? cause
      : { outcome: 'failed' as const, retryAfterMs: undefined };
  return new ProtocolError(
    'COORDINATOR_NOT_AVAILABLE',
    'The partition that keeps the state of this group has no leader at present.',
    { cause, outcome, retryAfterMs },
  );
}
