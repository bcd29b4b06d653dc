import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { SeededRandom } from '#runtime/testing';
import type { CoordinationStore } from '../coordination-store.js';
import { create, registerTestBroker } from '../testing/conformance.js';
import { FakeStores } from '../testing/fake-stores.js';

const IDS = [0, 1, 2];
const HISTORIES = 150;
const STEPS = 40;

describe('any history of faults', () => {
  it.each(Array.from({ length: HISTORIES }, (_, at) => at + 1))(
    'loses no answered change, and reuses no version (seed %i)',
    async (seed) => {
      const history = new FaultHistory(seed);
      await history.run();
    },
  );
});

/**
 * Random faults of registry, network and brokers while topics are created, with the invariants that
 * must hold.
 */
class FaultHistory {
  readonly #random: SeededRandom;
  readonly #stores: FakeStores;
  readonly #brokers = new Map<number, CoordinationStore>();
  /** Change ids by version, as shown by any broker. */
  readonly #shown = new Map<number, string>();
  /** Topics by the answer to their creation. */
  readonly #answered = { created: new Set<string>(), failed: new Set<string>() };
  readonly #inProgress = new Set<Promise<void>>();
  #topics = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#stores = new FakeStores({ delayMs: () => this.#random.below(4) * 10 });
  }

  async run(): Promise<void> {
    const { scheduler } = this.#stores;
    await Promise.all(IDS.map((id) => this.#open(id)));
    for (const id of IDS) await this.#join(id);
    for (let step = 0; step < STEPS; step += 1) {
      this.#step();
      await scheduler.advance(this.#random.below(600));
    }
    await this.#heal();
    const names = [...this.#stores.coordination.state.topics.keys()];
    expect(names).toEqual(expect.arrayContaining([...this.#answered.created]));
    for (const name of this.#answered.failed) expect(names).not.toContain(name);
  }

  #step(): void {
    const { coordination } = this.#stores;
    const id = this.#random.below(IDS.length);
    const steps = [
      () => this.#create(id),
      () => this.#create(id),
      () => this.#create(id),
      () => coordination.cutOff(id),
      () => coordination.reach(id),
      () => coordination.holdNotifications(id),
      () => coordination.releaseNotifications(id),
      () => coordination.loseNextReply(id),
      () => coordination.restart(),
      () => coordination.rollBackTo(coordination.state.version - this.#random.below(6)),
      () => coordination.failOverSilentlyTo(coordination.state.version - this.#random.below(6)),
      () => coordination.empty(),
      () => coordination.restartEmpty(),
      () => coordination.pause(),
      () => coordination.resume(),
      () => this.#restart(id),
      () => this.#renew(id),
    ];
    steps[this.#random.below(steps.length)]?.();
  }

  /** Heals all faults: brokers agree in the end, and can change the metadata. */
  async #heal(): Promise<void> {
    const { coordination } = this.#stores;
    coordination.resume();
    for (const id of IDS) {
      coordination.releaseNotifications(id);
      coordination.reach(id);
    }
    await this.#stores.whileTimePasses(Promise.all(this.#inProgress));
    await this.#stores.until(() => IDS.every((id) => this.#brokers.get(id)?.isAvailable === true));
    for (const id of IDS) await this.#join(id);
    await this.#stores.until(() =>
      IDS.every((id) => this.#brokers.get(id)?.state.version === coordination.state.version),
    );
    for (const id of IDS) expect(this.#brokers.get(id)?.state).toEqual(coordination.state);
  }

  async #open(id: number): Promise<void> {
    const store = await this.#stores.open(id);
    this.#brokers.set(id, store);
    let last = store.state.version;
    store.onChange((_, { version, changeId }) => {
      expect(this.#shown.get(version) ?? changeId).toBe(changeId);
      this.#shown.set(version, changeId);
      expect(version).toBeGreaterThanOrEqual(last);
      last = version;
    });
  }

  async #join(id: number): Promise<void> {
    const store = this.#brokers.get(id);
    if (store !== undefined) await this.#stores.untilDone(() => registerTestBroker(store, id));
    await this.#stores.whileTimePasses(this.#renewal(id));
  }

  #renew(id: number): void {
    this.#track(this.#renewal(id));
  }

  async #renewal(id: number): Promise<void> {
    const store = this.#brokers.get(id);
    const brokerEpoch = store?.state.brokers.get(id)?.brokerEpoch ?? 0;
    await store?.renewLease({ brokerId: id, brokerEpoch }, 500).catch(() => undefined);
  }

  /** Cuts the power: unsynced changes are lost. */
  #restart(id: number): void {
    if (this.#brokers.get(id) === undefined) return;
    this.#brokers.delete(id);
    this.#stores.disk(id).crash();
    this.#track(this.#open(id));
  }

  #create(id: number): void {
    const store = this.#brokers.get(id);
    if (store === undefined) return;
    this.#topics += 1;
    this.#track(this.#createTopic(store, `topic-${this.#topics}`));
  }

  async #createTopic(store: CoordinationStore, name: string): Promise<void> {
    try {
      await create(store, name);
      await store.whenJournaled(store.state.version, 1000);
      this.#answered.created.add(name);
    } catch (error) {
      if (error instanceof ProtocolError && error.outcome === 'failed') {
        this.#answered.failed.add(name);
      }
    }
  }

  #track(promise: Promise<void>): void {
    const tracked = promise.finally(() => this.#inProgress.delete(tracked));
    this.#inProgress.add(tracked);
  }
}
