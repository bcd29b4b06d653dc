import { Endpoints, type StatusListener } from './connection/endpoints.js';
import { loadModule } from './connection/load-module.js';
import { connectionOptions, type SluiceOptions } from './connection/options.js';
import { SocketConnection } from './connection/socket-connection.js';
import type { SubscriptionTransport } from './connection/socket-subscription.js';
import { optionError } from './sluice-error.js';

/** A part of a client that is closed with it. */
interface Closable {
  close(): Promise<void>;
}

/** The connections of a client. */
export interface Connections {
  readonly endpoints: Endpoints;
  /** Undefined: everything goes over HTTP. */
  readonly connection: SocketConnection | undefined;
}

/**
 * The connections of a client, and the producers, subscriptions and members that use them.
 *
 * Overlap: all calls may overlap.
 */
export class ClientParts implements Connections {
  readonly endpoints: Endpoints;
  readonly connection: SocketConnection | undefined;
  readonly #open = new Set<Closable>();
  #lastName = 0;

  /** @throws SluiceError INVALID_CONFIG that names the wrong option */
  constructor(options: SluiceOptions) {
    const checked = connectionOptions(options);
    this.endpoints = new Endpoints(checked);
    const { WebSocket } = checked;
    this.connection =
      WebSocket === undefined ? undefined : new SocketConnection(this.endpoints, WebSocket);
  }

  /** Adds a listener of the status; returns the function that removes it. */
  on(event: 'status', listener: StatusListener): () => void {
    if (event !== 'status') throw optionError('event', 'must be "status"');
    return this.endpoints.onStatus(listener);
  }

  /** The WebSocket under a new name; undefined: everything goes over HTTP. */
  socketTransport(): SubscriptionTransport | undefined {
    const { connection, endpoints } = this;
    if (connection === undefined) return undefined;
    this.#lastName += 1;
    return { connection, endpoints, name: `s${this.#lastName}` };
  }

  /** Loads a module of the client as `loadModule` does. */
  load<T>(load: () => Promise<T>): Promise<T> {
    return loadModule(this.endpoints, load);
  }

  /**
   * Makes a part, which is closed with the client.
   * @param make gets the function to call when the part has ended by itself
   * @throws SluiceError ILLEGAL_STATE for a client that is closed
   */
  add<Part extends Closable>(make: (onEnd: () => void) => Part): Part {
    let made: Part | undefined;
    let isEnded = false;
    const part = make(() => {
      isEnded = true;
      if (made !== undefined) this.#open.delete(made);
    });
    made = part;
    if (!isEnded) this.#open.add(part);
    return part;
  }

  assertOpen(): void {
    this.endpoints.assertOpen();
  }

  /** Closes all parts, and then the connections. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((part) => part.close()));
    this.endpoints.close();
  }
}
