import type { ClusterState, CoordinationStore } from '#coordination';
import type { MetadataObserver } from './simulated-redis.js';

/**
 * Observes the store of a broker without peers over all of its processes: reports the state that
 * each process finds on the disk, and its commits, as one line of commits.
 */
export class ObservedStore {
  readonly #observer: MetadataObserver;
  #known: ClusterState | undefined;

  constructor(observer: MetadataObserver) {
    this.#observer = observer;
  }

  /** Observes the store of the next process. */
  opened(store: CoordinationStore): CoordinationStore {
    this.#see(store.state);
    store.onChange((_, state) => this.#see(state));
    return store;
  }

  #see(state: ClusterState): void {
    const before = this.#known ?? state;
    this.#known = state;
    if (state.changeId === before.changeId) return;
    this.#observer.changed(before, state, state.version === before.version + 1);
    for (const brokerId of state.brokers.keys()) this.#observer.learned(brokerId, state);
  }
}
