import type { Socket } from 'node:net';
import type { ByteAccount } from '#record-json';
import type { FrontEvents } from './front-events.js';

/**
 * Memory that a request takes between its parsing and its beginning: about what node:http makes of
 * it.
 */
const HELD_REQUEST_BYTES = 4096;

/** A connection as far as its requests are bounded. */
interface PipelinedConnection {
  readonly socket: Socket;
  readonly inFlight: readonly unknown[];
  readonly heldBack: (() => void)[];
  hasBeenHeld: boolean;
}

/**
 * Bounds the requests that one connection has in flight. Further ones wait in the client: the
 * connection is not read from until some are answered. What the last read brought with it, at most
 * 64 KiB, was parsed already: those requests are held back, in their order, and counted as memory.
 *
 * A connection is held only when a request too many has arrived. Then the bodies of all requests in
 * flight have come, and nothing that is being handled waits for the bytes that are not read.
 */
export class Pipelines {
  readonly #requestsMax: number;
  readonly #memory: ByteAccount;
  readonly #events: FrontEvents;

  constructor(requestsMax: number, memory: ByteAccount, events: FrontEvents) {
    this.#requestsMax = requestsMax;
    this.#memory = memory;
    this.#events = events;
  }

  /** Whether the request that has just arrived may begin. */
  mayBegin({ inFlight, heldBack }: PipelinedConnection): boolean {
    return inFlight.length < this.#requestsMax && heldBack.length === 0;
  }

  /**
   * Holds the request back until earlier ones are answered. Where there is no memory for it the
   * connection is cut: none of the requests that were held back has had an effect.
   */
  hold(connection: PipelinedConnection, begin: () => void): void {
    const { heldBack, socket } = connection;
    if (socket.destroyed) return;
    try {
      this.#memory.hold(HELD_REQUEST_BYTES);
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

  /** Begins requests that were held back, after others of the connection have ended. */
  proceed(connection: PipelinedConnection): void {
    const { heldBack, inFlight, socket } = connection;
    while (!socket.destroyed && inFlight.length < this.#requestsMax) {
      const begin = heldBack.shift();
      if (begin === undefined) return;
      this.#memory.release(HELD_REQUEST_BYTES);
      begin();
      if (heldBack.length === 0) socket.resume();
    }
  }

  /** The connection is gone: what was held back never begins. */
  closed({ heldBack }: PipelinedConnection): void {
    this.#memory.release(heldBack.length * HELD_REQUEST_BYTES);
    heldBack.length = 0;
  }
}
