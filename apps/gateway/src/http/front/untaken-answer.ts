import type { ServerResponse } from 'node:http';
import type { OutboundHolder, OutboundMemory } from '../../delivery/outbound-memory.js';
import { untakenBytes } from '../../delivery/untaken-bytes.js';

/**
 * Counts an answer that was written to its end until its client has taken it or is gone. An answer that
 * was taken at once costs nothing.
 */
export function countUntaken(
  response: ServerResponse,
  sizeBytes: number,
  outbound: OutboundMemory,
): void {
  // Also true for an answer that waits behind others of its connection.
  const isUntaken = !response.writableFinished && !response.closed && !response.destroyed;
  if (!isUntaken || sizeBytes === 0) return;
  const holder = new UntakenAnswer(response, sizeBytes);
  outbound.hold(holder, sizeBytes);
  response.once('close', () => {
    outbound.hold(holder, 0);
  });
}

class UntakenAnswer implements OutboundHolder {
  constructor(
    private readonly response: ServerResponse,
    private readonly sizeBytes: number,
  ) {}

  /** Of an answer that waits behind others: all of it, as long as they are not taken. */
  get untakenBytes(): number {
    const { socket } = this.response;
    return socket === null ? this.sizeBytes : untakenBytes(socket);
  }

  dropStalled(): void {
    const { socket, req } = this.response;
    (socket ?? req.socket).destroy();
  }
}
