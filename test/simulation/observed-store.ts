import type { ClusterState, CoordinationStore } from '#coordination';
import type { MetadataObserver } from './simulated-redis.js';

/**
 * The store of a broker that is alone, over all of its processes: what each of them finds on the disk,
 * and commits from then on, is told as one line of commits.
 */
export class ObservedStore {
  readonly #observer: MetadataObserver;
  #known: ClusterState | undefined;

  constructor(observer: MetadataObserver) {
    this.#observer = observer;
  }

  /** The store of the next process. */
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
  }
}
