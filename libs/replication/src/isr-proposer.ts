/**
 * Proposes the ISRs that the leaders of this broker want: many partitions in one commit, one commit
 * at a time.
 *
 * A proposal whose outcome is unknown stays proposed, no matter what later attempts return, until a
 * state of the store settles it: the state in which it was accepted, or a later one in which it is
 * no longer valid.
 *
 * Overlap: `propose` may come at any time; commits run one after the other.
 */
import {
  type ClusterState,
  type CoordinationStore,
  type IsrProposal,
  proposeIsr,
} from '#coordination';
import { ProtocolError } from '#protocol';
import type { Logger } from '#runtime';
import type { DesiredIsr } from './leader-state.js';
import type { Partition } from './partition.js';

interface IsrProposerOptions {
  readonly store: Pick<CoordinationStore, 'update'>;
  readonly brokerId: number;
  readonly logger: Logger;
}

interface Proposed {
  readonly partition: Partition;
  readonly wanted: DesiredIsr;
  readonly proposal: IsrProposal;
}

export class IsrProposer {
  readonly #options: IsrProposerOptions;
  readonly #queued = new Map<Partition, Proposed>();
  /** Proposals that the store may have accepted. */
  readonly #uncertain = new WeakSet<DesiredIsr>();
  #underWay: ReadonlyMap<Partition, Proposed> = new Map();
  #isBusy = false;

  constructor(options: IsrProposerOptions) {
    this.#options = options;
  }

  propose(partition: Partition, wantedIsr: DesiredIsr): void {
    if (this.#underWay.get(partition)?.wanted === wantedIsr) return;
    const proposal = {
      ...partition.topicPartition,
      topicId: partition.topicId,
      leaderEpoch: partition.leaderEpoch,
      ...wantedIsr,
    };
    this.#queued.set(partition, { partition, wanted: wantedIsr, proposal });
    if (!this.#isBusy) void this.#proposeAll();
  }

  /** Never rejects. */
  async #proposeAll(): Promise<void> {
    this.#isBusy = true;
    // Proposals of other partitions in this turn of the event loop go into the same commit.
    await Promise.resolve();
    while (this.#queued.size > 0) {
      this.#underWay = new Map(this.#queued);
      this.#queued.clear();
      await this.#proposeUnderWay();
      this.#underWay = new Map();
    }
    this.#isBusy = false;
  }

  async #proposeUnderWay(): Promise<void> {
    const { store, brokerId, logger } = this.#options;
    const proposed = [...this.#underWay.values()];
    try {
      const proposals = proposed.map(({ proposal }) => proposal);
      const state = await store.update((current) => proposeIsr(current, brokerId, proposals));
      for (const pending of proposed) this.#settle(pending, state);
    } catch (error) {
      logger.warn({ err: error, partitions: proposed.length }, 'ISRs could not be changed');
      const isUntaken = error instanceof ProtocolError && error.outcome === 'failed';
      for (const { partition, wanted } of proposed) {
        if (!isUntaken) this.#uncertain.add(wanted);
        else if (!this.#uncertain.has(wanted)) partition.isrRefused(wanted);
      }
    }
  }

  /**
   * Withdraws a proposal that the store did not take. One that it took stays proposed until the
   * change of the metadata reaches the partition (see MetadataApplier), as every other change does.
   */
  #settle({ partition, wanted, proposal }: Proposed, state: ClusterState): void {
    const topic = state.topics.get(proposal.topic);
    const now = topic?.id === proposal.topicId ? topic.partitions[proposal.partition] : undefined;
    const isUnchanged =
      now?.leaderEpoch === proposal.leaderEpoch && now.partitionEpoch === proposal.partitionEpoch;
    if (isUnchanged) partition.isrRefused(wanted);
  }
}
