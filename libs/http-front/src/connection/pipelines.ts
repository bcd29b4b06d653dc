import type { Socket } from 'node:net';
import type { ByteAccount } from '#runtime';
import type { FrontEvents } from '../front-events.js';

/** Memory of a request between its parsing and its start: about the size of node:http's objects. */
const HELD_REQUEST_BYTES = 4096;

/** The part of a connection that the bound on its requests needs. */
interface PipelinedConnection {
  readonly socket: Socket;
  readonly inFlight: readonly unknown[];
  readonly heldBack: (() => void)[];
  /** Counts held back requests. */
  readonly memory: ByteAccount;
  hasBeenHeld: boolean;
}

/**
 * Bounds the requests in flight on one connection. Further ones wait in the client: the connection
 * is not read until some are answered. The last read, at most 64 KiB, is already parsed: its
 * requests are held back in order and counted as memory.
 *
 * A connection is held only after a request too many has arrived. The bodies of all requests in
 * flight have arrived by then, and no handler waits for unread bytes.
 */
export class Pipelines {
  readonly #requestsMax: number;
  readonly #events: FrontEvents;

  constructor(requestsMax: number, events: FrontEvents) {
    this.#requestsMax = requestsMax;
    this.#events = events;
  }

  /** True when the request that has just arrived may start. */
  mayBegin({ inFlight, heldBack }: PipelinedConnection): boolean {
    return inFlight.length < this.#requestsMax && heldBack.length === 0;
  }

  /**
   * Holds the request back until earlier ones are answered. Without memory for it the connection is
   * cut: none of the requests that were held back has had an effect.
   */
  hold(connection: PipelinedConnection, begin: () => void): void {
    const { heldBack, memory, socket } = connection;
    if (socket.destroyed) return;
    try {
      memory.hold(HELD_REQUEST_BYTES);
    } catch {
      this.#events.count('pipelineCut');
      this.closed(connection);
      socket.destroy();
      return;
    }
    heldBack.push(begin);
    if (heldBack.length > 1) return;
    this.#events.count('pipelineHeld');
    if (!connection.hasBeenHeld) {
      connection.hasBeenHeld = true;
      // node:http resumes the connection whenever a body is read.
      socket.on('resume', () => {
        if (heldBack.length > 0) socket.pause();
      });
    }
    socket.pause();
  }

  /** Starts held back requests after others of the connection have ended. */
  proceed(connection: PipelinedConnection): void {
    const { heldBack, inFlight, memory, socket } = connection;
    while (!socket.destroyed && inFlight.length < this.#requestsMax) {
      const begin = heldBack.shift();
      if (begin === undefined) return;
      memory.release(HELD_REQUEST_BYTES);
      begin();
      if (heldBack.length === 0) socket.resume();
    }
  }

  /** Forgets the held back requests of a closed connection: they never start. */
  closed({ heldBack, memory }: PipelinedConnection): void {
    memory.release(heldBack.length * HELD_REQUEST_BYTES);
    heldBack.length = 0;
  }
}
