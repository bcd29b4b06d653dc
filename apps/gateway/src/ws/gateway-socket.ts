import { WebSocket } from 'ws';

/** A WebSocket with an event before it closes, because no frame may follow the close frame. */
export class GatewaySocket extends WebSocket {
  /** Called once, before the close frame is written, whichever side closes. */
  onClosing: (() => void) | undefined;

  override close(code?: number, reason?: string | Buffer): void {
    const { onClosing } = this;
    this.onClosing = undefined;
    onClosing?.();
    super.close(code, reason);
  }
}
