import type { Endpoints } from './connection/endpoints.js';
import type { WebSocketClass } from './connection/options.js';
import { SocketConnection } from './connection/socket-connection.js';
import type { SubscriptionTransport } from './connection/socket-subscription.js';
import type { LinkEvents } from './consumer/group-link.js';
import { SocketMember, type SocketMemberOptions } from './consumer/socket-member.js';
import type { SubscriptionRequest } from './subscription/options.js';
import type { RecordSource, SourceState } from './subscription/record-source.js';
import { SocketSource } from './subscription/socket-source.js';

/**
 * The WebSocket of a client and the transports over it. They are a module of their own, which is
 * loaded when the first of them is used.
 *
 * Overlap: all calls may overlap.
 */
export class SocketTransports {
  readonly connection: SocketConnection;
  readonly #endpoints: Endpoints;
  #lastName = 0;

  constructor(endpoints: Endpoints, WebSocket: WebSocketClass) {
    this.#endpoints = endpoints;
    this.connection = new SocketConnection(endpoints, WebSocket);
  }

  /** The connection under a new name. */
  named(): SubscriptionTransport {
    this.#lastName += 1;
    const { connection } = this;
    return { connection, endpoints: this.#endpoints, name: `s${this.#lastName}` };
  }

  source(request: SubscriptionRequest, state: SourceState): RecordSource {
    return new SocketSource(this.named(), request, state);
  }

  member(options: SocketMemberOptions, events: LinkEvents): SocketMember {
    return new SocketMember(this.named(), options, events);
  }
}
