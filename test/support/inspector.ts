import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { GatewayProcess } from './gateway.js';

/** The inspector of a gateway that was started with `--inspect=127.0.0.1:0`. */
export class Inspector {
  #requests = 0;

  private constructor(private readonly socket: WebSocket) {}

  /** Connects to the inspector that the process named on its standard error. */
  static async of(gateway: GatewayProcess): Promise<Inspector> {
    const announced = gateway.logLines.join('\n').match(/Debugger listening on (ws:\S+)/);
    if (announced?.[1] === undefined) throw new Error('the gateway runs without an inspector');
    const socket = new WebSocket(announced[1], { perMessageDeflate: false });
    await once(socket, 'open');
    return new Inspector(socket);
  }

  /** Resolves once all garbage of the process is collected. */
  async collectGarbage(): Promise<void> {
    this.#requests += 1;
    const id = this.#requests;
    const answered = new Promise<void>((resolve, reject) => {
      const onMessage = (text: Buffer): void => {
        const answer = JSON.parse(text.toString()) as { id?: number; error?: unknown };
        if (answer.id !== id) return;
        this.socket.off('message', onMessage);
        if (answer.error === undefined) resolve();
        else reject(new Error(`not collected: ${JSON.stringify(answer.error)}`));
      };
      this.socket.on('message', onMessage);
    });
    this.socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await answered;
  }

  close(): void {
    this.socket.terminate();
  }
}
