import type { ConnectionObservation } from './liveness.js';

/**
 * Counts the signs of life of the client of one connection: it sent bytes (a pong, for example), or
 * it read some of the bytes that waited for it.
 *
 * The system buffers megabytes, so bytes that it accepts prove nothing while it has room. They
 * prove that the client reads when some had to wait before. A client whose messages are not read,
 * because they would exceed a bound of the gateway, cannot show that it is alive, and counts as
 * alive.
 */
export class ClientProgress {
  #receivedBytes = 0;
  #takenBytes = 0;
  /** True when bytes waited at the last look. */
  #hadPending = false;
  #signs = 0;

  /** Returns a number that grows with each look that finds a sign of life. */
  look({ receivedBytes, writtenBytes, pendingBytes, isPaused }: ConnectionObservation): number {
    const takenBytes = writtenBytes - pendingBytes;
    const hasRead = this.#hadPending && takenBytes > this.#takenBytes;
    const isUnheard = isPaused && pendingBytes === 0;
    if (receivedBytes !== this.#receivedBytes || hasRead || isUnheard) this.#signs += 1;
    this.#receivedBytes = receivedBytes;
    this.#takenBytes = takenBytes;
    this.#hadPending = pendingBytes > 0;
    return this.#signs;
  }
}
