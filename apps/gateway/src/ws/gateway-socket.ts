import { WebSocket } from 'ws';

/** A WebSocket that tells before it closes: frames must not follow the close frame. */
export class GatewaySocket extends WebSocket {
  /** Called once, before the close frame is written, whoever wanted the end. */
  onClosing: (() => void) | undefined;

  override close(code?: number, reason?: string | Buffer): void {
    const { onClosing } = this;
    this.onClosing = undefined;
    onClosing?.();
    super.close(code, reason);
  }
}
