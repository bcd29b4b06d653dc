/**
 * This broker's part in a rebuild of the registry: see rebuild.ts for the reason why no commit that
 * took effect is lost.
 *
 * Every broker that notices a fault does the same: it begins a round if there is none, journals the
 * number, publishes its state on disk, reads all published states, and installs the result. The
 * registry accepts the first. One attempt does as much as possible now; attempts are repeated until
 * the registry is complete.
 *
 * Overlap: attempts must not overlap; CommitFollower runs one at a time.
 */
import type { Clock, Logger, Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { KnownState } from './known-state.js';
import type { MetadataJournal } from './metadata-journal.js';
import { type RebuildOutcome, rebuildNumberOf, rebuiltState } from './rebuild.js';
import type { RebuildRound } from './rebuild-rounds.js';
import { clusterDocument, type RebuildView, type Registry } from './registry.js';

/** Time that others get to join once there are enough participants, as a part of a lease. */
const GRACE_LEASES = 0.5;

export interface RebuilderOptions {
  readonly registry: Registry;
  readonly known: KnownState;
  readonly journal: MetadataJournal;
  readonly clusterUuid: string;
  readonly dataDirUuid: string;
  readonly brokerId: number;
  /** Broker epoch of this process once it is registered; otherwise 0. */
  readonly brokerEpoch: () => number;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Rebuilder {
  readonly #options: RebuilderOptions;
  /** The last logged text about missing participants. */
  #lastWaitingFor: string | undefined;
  /** The round that has enough participants, and since when. */
  #enough: { readonly round: string; readonly sinceMs: number } | undefined;

  constructor(options: RebuilderOptions) {
    this.#options = options;
  }

  /**
   * @param confirmedBefore confirmation read together with the fault: a registry that was rebuilt
   *   since then is complete
   * @param remains state that the registry still has, if it is complete
   */
  async attempt(
    confirmedBefore: string | undefined,
    remains: ClusterState | undefined,
  ): Promise<void> {
    const { registry, known, journal, random, logger } = this.#options;
    await known.settled();
    // An empty disk has nothing to publish.
    if (!journal.isMade) return;
    const round = await this.#joinRound(confirmedBefore, remains);
    if (round === undefined) return;
    await registry.rebuilds.publish(round, this.#options.brokerId, this.#view());
    const views = await registry.rebuilds.views(round);
    // Another round has begun, or this one has ended.
    if (views.length === 0) return;
    const highest = Math.max(...views.map(({ state }) => rebuildNumberOf(state.version)));
    if (highest >= round.number) {
      const next = { number: highest + 1, id: random.uuid() };
      await registry.rebuilds.begin(round, confirmedBefore, next);
      return;
    }
    const givenUp = await registry.rebuilds.givenUpBrokers();
    const outcome = rebuiltState({ number: round.number, views, remains, givenUp, random });
    if (outcome.kind === 'waiting') {
      this.#logWaiting(outcome);
      return;
    }
    if (outcome.absent.length > 0 && this.#mayStillCome(round)) return;
    const { clusterUuid: uuid } = this.#options;
    const document = clusterDocument(uuid, random.uuid());
    this.#lastWaitingFor = undefined;
    // Another broker may have been faster.
    if (!(await registry.installRebuilt(round, document, outcome.state))) return;
    const brokers = views.map(({ brokerId }) => brokerId);
    logger.warn(
      { round: round.number, brokers, version: outcome.state.version },
      'the metadata was rebuilt from the journals of the brokers',
    );
  }

  /**
   * True while others may still join: there are enough participants, but absent brokers that were
   * alive get some time, because otherwise other replicas would lead their partitions.
   */
  #mayStillCome(round: RebuildRound): boolean {
    const { clock, leaseMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#enough?.round !== round.id) this.#enough = { round: round.id, sinceMs: nowMs };
    return nowMs - this.#enough.sinceMs < leaseMs * GRACE_LEASES;
  }

  /**
   * The round that this broker takes part in; undefined when there is none yet that it may join.
   */
  async #joinRound(
    confirmedBefore: string | undefined,
    remains: ClusterState | undefined,
  ): Promise<RebuildRound | undefined> {
    const { registry, journal, random } = this.#options;
    const leastOfStates =
      1 + rebuildNumberOf(Math.max(journal.state.version, remains?.version ?? 0));
    const mayJoin = (round: RebuildRound): boolean =>
      round.number >= leastOfStates && mayTakePart(journal.promise, round);
    const currentRound = await registry.rebuilds.current();
    if (currentRound === undefined || !mayJoin(currentRound)) {
      const number = Math.max(
        leastOfStates,
        1 + (journal.promise?.number ?? 0),
        1 + (currentRound?.number ?? 0),
      );
      await registry.rebuilds.begin(currentRound, confirmedBefore, { number, id: random.uuid() });
    }
    const startedRound = await registry.rebuilds.current();
    if (startedRound === undefined || !mayJoin(startedRound)) return undefined;
    if (startedRound.id !== journal.promise?.id) await journal.keepPromise(startedRound);
    return startedRound;
  }

  #view(): RebuildView {
    const { brokerId, dataDirUuid, brokerEpoch, journal } = this.#options;
    return { brokerId, dataDirUuid, brokerEpoch: brokerEpoch(), state: journal.state };
  }

  #logWaiting({ for: whom }: Extract<RebuildOutcome, { kind: 'waiting' }>): void {
    if (this.#lastWaitingFor === whom) return;
    this.#lastWaitingFor = whom;
    this.#options.logger.warn(
      { for: whom },
      'the metadata will be rebuilt when more brokers take part',
    );
  }
}

/**
 * True when a broker with this promise may take part in a round: in the promised one, or a higher
 * one.
 */
function mayTakePart(promise: RebuildRound | undefined, round: RebuildRound): boolean {
  if (promise === undefined || round.number > promise.number) return true;
  return round.number === promise.number && round.id === promise.id;
}
