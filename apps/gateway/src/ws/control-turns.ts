import type { ClientEvent } from '#api';

/** Messages after which the next one begins at once: those of many are taken together. */
const OVERLAPPING: ReadonlySet<ClientEvent> = new Set(['ack', 'nack', 'extend', 'reject']);

/**
 * The order in which the control messages of one connection begin.
 *
 * A commit waits for a disk, perhaps that of another broker. A client that grants credit meanwhile
 * gets the records that it has room for: `credit` begins during a commit, and everything else but a
 * publish waits until it is done.
 *
 * Overlap: `take` is called for one message after the other, as each of them may begin.
 */
export class ControlTurns {
  #committing: Promise<void> | undefined;

  /**
   * Begins a message in its turn.
   * @param begin handles the message; it never rejects
   * @returns what the next message waits for; undefined: it may begin at once
   */
  take(event: ClientEvent, begin: () => Promise<void>): Promise<void> | undefined {
    if (event === 'credit') return begin();
    if (this.#committing !== undefined) return this.#committing.then(begin);
    const handled = begin();
    if (event !== 'commit') return OVERLAPPING.has(event) ? undefined : handled;
    this.#committing = handled.finally(() => {
      this.#committing = undefined;
    });
    return undefined;
  }
}
