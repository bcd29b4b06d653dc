import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { GatewayProcess } from './gateway.js';

/** The inspector of a gateway that was started with `--inspect=127.0.0.1:0`. */
export class Inspector {
  #requests = 0;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Connects to the inspector that the process announced on its standard error. */
  static async of(gateway: GatewayProcess): Promise<Inspector> {
    const announced = gateway.logLines.join('\n').match(/Debugger listening on (ws:\S+)/);
    if (announced?.[1] === undefined) throw new Error('the gateway runs without an inspector');
    const socket = new WebSocket(announced[1], { perMessageDeflate: false });
    await once(socket, 'open');
    return new Inspector(socket);
  }

  /** Collects all garbage of the process. */
  async collectGarbage(): Promise<void> {
    await this.#call('HeapProfiler.collectGarbage', {});
  }

  /** The value of an expression in the process, as JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.#call('Runtime.evaluate', {
      expression,
      returnByValue: true,
    })) as { result: { value?: unknown }; exceptionDetails?: unknown };
    if (exceptionDetails !== undefined) {
      throw new Error(`not evaluated: ${JSON.stringify(exceptionDetails)}`);
    }
    return result.value;
  }

  close(): void {
    this.#socket.terminate();
  }

  async #call(method: string, params: object): Promise<unknown> {
    this.#requests += 1;
    const id = this.#requests;
    const answered = new Promise((resolve, reject) => {
      const onMessage = (text: Buffer): void => {
        const answer = JSON.parse(text.toString()) as {
          readonly id?: number;
          readonly error?: unknown;
          readonly result?: unknown;
        };
        if (answer.id !== id) return;
        this.#socket.off('message', onMessage);
        if (answer.error === undefined) resolve(answer.result);
        else reject(new Error(`${method} failed: ${JSON.stringify(answer.error)}`));
      };
      this.#socket.on('message', onMessage);
    });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return answered;
  }
}
