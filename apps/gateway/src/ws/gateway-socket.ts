import { WebSocket } from 'ws';

/**
 * A WebSocket with the event `closing`, which is emitted before the close frame is written,
 * whichever side closes, because no frame may follow that one. It may be emitted again.
 */
export class GatewaySocket extends WebSocket {
  override close(code?: number, reason?: string | Buffer): void {
    this.emit('closing');
    super.close(code, reason);
  }
}
