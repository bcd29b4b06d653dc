import type { SecurityListener } from './security-metadata.js';

/** The listeners of a store; it has no asynchronous methods. */
export class SecurityListeners {
  readonly #listeners = new Set<SecurityListener>();

  /** @returns a function that removes the listener */
  add(listener: SecurityListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  call(...[changes]: Parameters<SecurityListener>): void {
    for (const listener of this.#listeners) listener(changes);
  }
}
