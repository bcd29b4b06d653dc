import type { WebSocketAdapter } from '@nestjs/common';
import type { SocketServer } from './socket-server.js';

/**
 * Gives Nest the server of the sockets. The server itself passes messages to `SocketGateway`, one
 * after the other for each connection, which Nest's own binding of handlers cannot do.
 */
export class SocketAdapter implements WebSocketAdapter<SocketServer> {
  readonly #server: SocketServer;

  constructor(server: SocketServer) {
    this.#server = server;
  }

  create(): SocketServer {
    return this.#server;
  }

  bindClientConnect(): void {
    // The server knows its connections.
  }

  bindMessageHandlers(): void {
    // Nest binds handlers to the clients that an adapter announces. This one announces none.
  }

  close(): void {
    // The gateway closes the server itself, at the right place of its stop.
  }

  /** Nest calls it at the stop, although its interface does not require it. */
  dispose(): void {
    // As above.
  }
}
