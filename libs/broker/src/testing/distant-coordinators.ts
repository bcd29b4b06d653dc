import type { ClusterState } from '#coordination';
import type { TopicDirectory } from '#groups';
import { CONSUMER_OFFSETS_TOPIC } from '#protocol';
import type { PeerMessage, PeerMethod } from '#replication';
import { FakeClock, FakeScheduler, SeededRandom } from '#runtime/testing';
import { CoordinatorCalls, type CoordinatorCallsOptions } from '../cluster/coordinator-calls.js';
import { LeaderCalls } from '../cluster/leader-calls.js';

/** Id of the broker whose calls a test makes. */
const HERE = 1;
/** Time that a call waits for a coordinator, in ms. */
const LEADER_WAIT_MS = 1000;

interface DistantCoordinatorsOptions {
  /** Leader of each partition of the offsets topic; null: it has none. */
  readonly leaders: readonly (number | null)[];
  /** Number of partitions of each further topic. */
  readonly partitionCounts?: Readonly<Record<string, number>>;
  /** Answers a call of this broker to another one with a body. */
  readonly answer: (brokerId: number, method: PeerMethod, body: unknown) => Promise<object>;
}

/** The calls of a broker that coordinates no group itself: other brokers do. */
export class DistantCoordinators {
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly calls: CoordinatorCalls;
  readonly topics: TopicDirectory;
  readonly peers: CoordinatorCallsOptions['peers'];
  readonly brokerId = HERE;

  constructor({ leaders, partitionCounts = {}, answer }: DistantCoordinatorsOptions) {
    const { clock, scheduler, brokerId } = this;
    const counts = new Map(Object.entries(partitionCounts));
    counts.set(CONSUMER_OFFSETS_TOPIC, leaders.length);
    this.topics = {
      topic: (name) => viewOf(name, counts.get(name)),
      names: () => counts.keys(),
      ensureOffsetsTopic: () => Promise.resolve(),
    };
    this.peers = {
      call: async (id, method, { body }): Promise<PeerMessage> => ({
        body: await answer(id, method, body),
        blobs: [],
      }),
    };
    const store = { state: stateWith(leaders), onChange: () => () => undefined };
    const random = new SeededRandom(1);
    this.calls = new CoordinatorCalls({
      store,
      brokerId,
      clock,
      topics: this.topics,
      peers: this.peers,
      leaders: new LeaderCalls({ store, brokerId, clock, scheduler, random }),
      leaderWaitMs: LEADER_WAIT_MS,
      // This broker leads no partition, so nothing is asked of its own parts.
      ...({} as Pick<CoordinatorCallsOptions, 'coordinators' | 'replicas'>),
    });
  }
}

function viewOf(name: string, partitionCount: number | undefined) {
  if (partitionCount === undefined) return undefined;
  const shape = { id: `${name}-id`, partitionCount, isDeletedOnAck: false, queueGroups: [] };
  return { ...shape, leaderEpochs: [], ledPartition: () => undefined };
}

function stateWith(leaders: readonly (number | null)[]): ClusterState {
  const partitions = leaders.map((leader) => ({
    replicas: [2, 3],
    leader,
    leaderEpoch: 0,
    electionId: 'e',
    isr: [2, 3],
    partitionEpoch: 0,
    isNew: false,
  }));
  const topic = { name: CONSUMER_OFFSETS_TOPIC, id: 'id', version: 0, configs: {}, partitions };
  return {
    version: 1,
    changeId: 'c',
    controller: null,
    brokers: new Map(),
    topics: new Map([[CONSUMER_OFFSETS_TOPIC, topic]]),
    deletedTopics: new Map(),
  };
}
