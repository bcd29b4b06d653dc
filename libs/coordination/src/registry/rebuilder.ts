/**
 * This broker's part in a rebuild of the registry: see rebuild.ts for why nothing that counted is
 * lost.
 *
 * All who notice do the same: begin a round if there is none, write its number down, publish what
 * they have on disk, look at what all have published, and install what comes out. The registry
 * takes the first. One attempt does as much as can be done now; it is made again until the registry
 * is whole.
 */
import type { Clock, Logger, Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type { KnownState } from './known-state.js';
import type { MetadataJournal } from './metadata-journal.js';
import { type RebuildOutcome, rebuildNumberOf, rebuiltState } from './rebuild.js';
import { clusterDocument, type RebuildRound, type RebuildView, type Registry } from './registry.js';

/** How long others are waited for once there are enough. */
const GRACE_OF_A_LEASE = 0.5;

export interface RebuilderOptions {
  readonly registry: Registry;
  readonly known: KnownState;
  readonly journal: MetadataJournal;
  readonly clusterUuid: string;
  readonly dataDirUuid: string;
  readonly brokerId: number;
  /** Of this process once it is registered; else 0. */
  readonly brokerEpoch: () => number;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Rebuilder {
  readonly #options: RebuilderOptions;
  /** What was last said about whom it waits for. */
  #said: string | undefined;
  /** Since when a round has had enough members. */
  #enough: { readonly round: string; readonly sinceMs: number } | undefined;

  constructor(options: RebuilderOptions) {
    this.#options = options;
  }

  /**
   * @param confirmedBefore what was seen with the fault: a registry that was rebuilt meanwhile is
   *   whole
   * @param remains what the registry still has, if that is whole
   */
  async attempt(
    confirmedBefore: string | undefined,
    remains: ClusterState | undefined,
  ): Promise<void> {
    const { registry, known, journal, random, logger } = this.#options;
    await known.settled();
    // An empty disk knows nothing that it could say.
    if (!journal.isMade) return;
    const round = await this.#joinRound(confirmedBefore, remains);
    if (round === undefined) return;
    await registry.publishView(round, this.#view());
    const views = await registry.views(round);
    // Another round has begun, or this one has ended.
    if (views.length === 0) return;
    const highest = Math.max(...views.map(({ state }) => rebuildNumberOf(state.version)));
    if (highest >= round.number) {
      const next = { number: highest + 1, id: random.uuid() };
      await registry.beginRebuild(round, confirmedBefore, next);
      return;
    }
    const givenUp = await registry.givenUpBrokers();
    const outcome = rebuiltState({ number: round.number, views, remains, givenUp, random });
    if (outcome.kind === 'waiting') {
      this.#saysWaiting(outcome);
      return;
    }
    if (outcome.absent.length > 0 && this.#mayStillCome(round)) return;
    const { clusterUuid: uuid } = this.#options;
    const document = clusterDocument(uuid, random.uuid());
    this.#said = undefined;
    // Another one may have been faster.
    if (!(await registry.installRebuilt(round, document, outcome.state))) return;
    const brokers = views.map(({ brokerId }) => brokerId);
    logger.warn(
      { round: round.number, brokers, version: outcome.state.version },
      'the metadata were rebuilt from what the brokers have on disk',
    );
  }

  /**
   * Enough are there, and others were alive: they are given some time, for what they lead would
   * have to be led by others without them.
   */
  #mayStillCome(round: RebuildRound): boolean {
    const { clock, leaseMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#enough?.round !== round.id) this.#enough = { round: round.id, sinceMs: nowMs };
    return nowMs - this.#enough.sinceMs < leaseMs * GRACE_OF_A_LEASE;
  }

  /** The round that this broker takes part in; undefined when there is none yet that it may. */
  async #joinRound(
    confirmedBefore: string | undefined,
    remains: ClusterState | undefined,
  ): Promise<RebuildRound | undefined> {
    const { registry, journal, random } = this.#options;
    const leastOfStates =
      1 + rebuildNumberOf(Math.max(journal.state.version, remains?.version ?? 0));
    const mayJoin = (round: RebuildRound): boolean =>
      round.number >= leastOfStates && maySay(journal.promise, round);
    const present = await registry.rebuildRound();
    if (present === undefined || !mayJoin(present)) {
      const number = Math.max(
        leastOfStates,
        1 + (journal.promise?.number ?? 0),
        1 + (present?.number ?? 0),
      );
      await registry.beginRebuild(present, confirmedBefore, { number, id: random.uuid() });
    }
    const begun = await registry.rebuildRound();
    if (begun === undefined || !mayJoin(begun)) return undefined;
    if (begun.id !== journal.promise?.id) await journal.keepPromise(begun);
    return begun;
  }

  #view(): RebuildView {
    const { brokerId, dataDirUuid, brokerEpoch, journal } = this.#options;
    return { brokerId, dataDirUuid, brokerEpoch: brokerEpoch(), state: journal.state };
  }

  #saysWaiting({ for: whom }: Extract<RebuildOutcome, { kind: 'waiting' }>): void {
    if (this.#said === whom) return;
    this.#said = whom;
    this.#options.logger.warn(
      { for: whom },
      'the metadata will be rebuilt when more brokers are here',
    );
  }
}

/**
 * Whether a broker that made this promise may take part in a round: in the promised one, or a
 * higher.
 */
function maySay(promise: RebuildRound | undefined, round: RebuildRound): boolean {
  if (promise === undefined || round.number > promise.number) return true;
  return round.number === promise.number && round.id === promise.id;
}
