import type { ServerResponse } from 'node:http';
import { type OutboundHolder, type OutboundMemory, unreceivedBytes } from '#delivery';

/**
 * An answer that its client has not received, counted from its creation until `end`.
 *
 * Its request calls `end` when it is closed. A response gets no event if its connection is lost
 * while it waits behind others, so the response cannot do it.
 */
export class UnreceivedAnswer implements OutboundHolder {
  readonly #response: ServerResponse;
  readonly #sizeBytes: number;
  readonly #outbound: OutboundMemory;

  constructor(response: ServerResponse, sizeBytes: number, outbound: OutboundMemory) {
    this.#response = response;
    this.#sizeBytes = sizeBytes;
    this.#outbound = outbound;

    outbound.hold(this, sizeBytes);
  }

  /** An answer that waits behind others counts completely until it is received. */
  get unreceivedBytes(): number {
    const { socket } = this.#response;
    return socket === null ? this.#sizeBytes : unreceivedBytes(socket);
  }

  /** Called when the client has received the answer or has disconnected. */
  end(): void {
    this.#outbound.hold(this, 0);
  }

  dropStalled(): void {
    const { socket, req } = this.#response;
    (socket ?? req.socket).destroy();
  }
}
