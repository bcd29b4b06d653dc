import type { ServerResponse } from 'node:http';
import type { OutboundHolder, OutboundMemory } from '#delivery';
import { untakenBytes } from '#delivery';

/**
 * An answer that its client has not taken, counted from its making until `end`.
 *
 * The request that it answers calls `end` when it is closed. A response tells nothing when its
 * connection is gone while it waits behind others, so the response is not asked.
 */
export class UntakenAnswer implements OutboundHolder {
  readonly #response: ServerResponse;
  readonly #sizeBytes: number;
  readonly #outbound: OutboundMemory;

  constructor(response: ServerResponse, sizeBytes: number, outbound: OutboundMemory) {
    this.#response = response;
    this.#sizeBytes = sizeBytes;
    this.#outbound = outbound;

    outbound.hold(this, sizeBytes);
  }

  /** Of an answer that waits behind others: all of it, as long as they are not taken. */
  get untakenBytes(): number {
    const { socket } = this.#response;
    return socket === null ? this.#sizeBytes : untakenBytes(socket);
  }

  /** The client has taken the answer or is gone. */
  end(): void {
    this.#outbound.hold(this, 0);
  }

  dropStalled(): void {
    const { socket, req } = this.#response;
    (socket ?? req.socket).destroy();
  }
}
