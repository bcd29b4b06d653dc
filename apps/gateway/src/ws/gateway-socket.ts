import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { NO_STATUS } from '#web-socket';
import type { SocketOrigin } from './socket-caller.js';

/**
 * A WebSocket with the event `closing`, which has the code of the close frame and is emitted before
 * that frame is written, whichever side closes, because no frame may follow it. It may be emitted
 * again.
 */
export class GatewaySocket extends WebSocket {
  override close(code?: number, reason?: string | Buffer): void {
    this.emit('closing', code ?? NO_STATUS);
    super.close(code, reason);
  }
}

/** A connection that was accepted. */
export interface OpenedSocket extends SocketOrigin {
  readonly socket: GatewaySocket;
  readonly tcp: Socket;
}
