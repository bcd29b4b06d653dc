/**
 * Log offsets of partitions, requested from all their leaders at once.
 *
 * Overlap: calls may overlap; each sends requests of its own.
 */
import type { CoordinationStore } from '#coordination';
import type { Peers, ReplicaManager } from '#replication';
import {
  byPartition,
  type LeaderStatus,
  type StatusOptions,
  type StatusTarget,
  statusesOfLedPartitions,
} from '../leader-status.js';

/** A leader that does not answer in this time is left out: its values are null. */
const ANSWER_MS = 1000;

interface LeaderStatusesOptions {
  readonly store: Pick<CoordinationStore, 'state'>;
  readonly replicas: ReplicaManager;
  readonly peers: Peers;
  readonly brokerId: number;
}

export class LeaderStatuses {
  readonly #options: LeaderStatusesOptions;

  constructor(options: LeaderStatusesOptions) {
    this.#options = options;
  }

  /**
   * Statuses by partition name, without partitions that have no leader or whose leader does not
   * answer.
   */
  async of(
    partitions: readonly StatusTarget[],
    options: StatusOptions = {},
  ): Promise<ReadonlyMap<string, LeaderStatus>> {
    const { store, brokerId, replicas } = this.#options;
    const byLeader = new Map<number, StatusTarget[]>();
    for (const target of partitions) {
      const topic = store.state.topics.get(target.topic);
      const leader = topic?.partitions[target.partition]?.leader ?? null;
      if (leader === null) continue;
      const targetsOfLeader = byLeader.get(leader);
      if (targetsOfLeader === undefined) byLeader.set(leader, [target]);
      else targetsOfLeader.push(target);
    }
    const answers = await Promise.all(
      Array.from(byLeader, async ([leader, targetsOfLeader]) =>
        leader === brokerId
          ? statusesOfLedPartitions(replicas, targetsOfLeader, options)
          : this.#ask(leader, targetsOfLeader, options),
      ),
    );
    return byPartition(answers.flat());
  }

  async #ask(
    leader: number,
    partitions: readonly StatusTarget[],
    options: StatusOptions,
  ): Promise<LeaderStatus[]> {
    const message = { body: { partitions, ...options }, blobs: [] };
    try {
      const { peers } = this.#options;
      const answer = await peers.call(leader, 'partition-status', message, {
        timeoutMs: ANSWER_MS,
      });
      return (answer.body as { readonly partitions: LeaderStatus[] }).partitions;
    } catch {
      // It is dead, or new: the description says null for now.
      return [];
    }
  }
}
