import type { WebSocketAdapter, WsMessageHandler } from '@nestjs/common';
import type { ControlHandler, SocketServer } from './socket-server.js';

/**
 * Presents the sockets to Nest.
 *
 * Nest binds its handlers to each client; here they are bound once, to one placeholder client, and
 * every message carries its session. A silent connection then costs nothing here, and a session can
 * have its messages handled one after the other, which Nest's own adapters cannot.
 */
export class SocketAdapter implements WebSocketAdapter<SocketServer, object> {
  readonly #server: SocketServer;

  constructor(server: SocketServer) {
    this.#server = server;
  }

  create(): SocketServer {
    return this.#server;
  }

  bindClientConnect(server: SocketServer, connect: (client: object) => void): void {
    server.onFirstConnection = () => {
      connect(EVERY_CLIENT);
    };
  }

  bindMessageHandlers(_client: object, handlers: WsMessageHandler[]): void {
    for (const { message, callback } of handlers) {
      this.#server.handle(message, callback as ControlHandler);
    }
  }

  /** The gateway closes the server itself, at the right place of its stop. */
  close(): void {
    // Nothing is open any more.
  }

  dispose(): void {
    // As above.
  }
}

const EVERY_CLIENT = {};
