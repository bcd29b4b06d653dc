import { A_FUNCTION, assertArgument } from './connection/checks.js';
import { Endpoints, type StatusListener } from './connection/endpoints.js';
import { loadModule } from './connection/load-module.js';
import {
  connectionOptions,
  type SluiceOptions,
  type WebSocketClass,
} from './connection/options.js';
import { closedError, optionError } from './sluice-error.js';
import type { SocketTransports } from './socket-transports.js';
import { whenAborted } from './waiting.js';

/** A part of a client that is closed with it. */
interface Closable {
  close(): Promise<void>;
}

/**
 * The connections of a client, and the producers, subscriptions and members that use them.
 *
 * Overlap: all calls may overlap.
 */
export class ClientParts {
  readonly endpoints: Endpoints;
  #socket: Promise<SocketTransports> | undefined;
  readonly #open = new Set<Closable>();
  #closed: Promise<void> | undefined;

  /** @throws SluiceError INVALID_CONFIG that names the wrong option */
  constructor(options: SluiceOptions) {
    const checked = connectionOptions(options);
    this.endpoints = new Endpoints(checked);
  }

  /** Adds a listener of the status; returns the function that removes it. */
  on(event: 'status', listener: StatusListener): () => void {
    if (event !== 'status') throw optionError('event', 'must be "status"');
    assertArgument('listener', listener, A_FUNCTION);
    return this.endpoints.onStatus(listener);
  }

  /**
   * Loads the WebSocket and the transports over it. Resolves with undefined when everything goes
   * over HTTP.
   */
  async socket(): Promise<SocketTransports | undefined> {
    const { WebSocket } = this.endpoints.options;
    if (WebSocket === undefined) return undefined;
    this.#socket ??= this.#loadSocket(WebSocket);
    return this.#socket;
  }

  /** Loads a module of the client as `loadModule` does. */
  load<T>(load: () => Promise<T>): Promise<T> {
    return loadModule(this.endpoints, load);
  }

  /**
   * Makes a part, which is closed with the client.
   * @param make gets the function to call when the part has ended by itself
   * @param signal closes the part, too
   */
  add<Part extends Closable>(make: (onEnd: () => void) => Part, signal?: AbortSignal): Part {
    let made: Part | undefined;
    let isEnded = false;
    let release: (() => void) | undefined;
    const part = make(() => {
      isEnded = true;
      release?.();
      if (made !== undefined) this.#open.delete(made);
    });
    made = part;
    if (!isEnded) {
      this.#open.add(part);
      release = whenAborted(signal, () => void part.close());
    }
    return part;
  }

  /** @throws SluiceError ILLEGAL_STATE once the client is being closed: no part is made then */
  assertOpen(): void {
    if (this.#closed !== undefined) throw closedError('client');
  }

  /** Closes all parts, and then the connections. All calls return the promise of the first one. */
  close(): Promise<void> {
    this.#closed ??= Promise.resolve().then(() => this.#close());
    return this.#closed;
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((part) => part.close()));
    this.endpoints.close();
  }

  async #loadSocket(WebSocket: WebSocketClass): Promise<SocketTransports> {
    try {
      const { SocketTransports } = await this.load(() => import('./socket-transports.js'));
      this.endpoints.assertOpen();
      return new SocketTransports(this.endpoints, WebSocket);
    } catch (error) {
      this.#socket = undefined;
      throw error;
    }
  }
}
