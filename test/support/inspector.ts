import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { GatewayProcess } from './gateway.js';

interface HeapSnapshotChunk {
  readonly method?: string;
  readonly params: { readonly chunk: string };
}

/** The inspector of a gateway that was started with `--inspect=127.0.0.1:0`. */
export class Inspector {
  #requests = 0;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Connects to the inspector that the process announced last on its standard error. */
  static async of(gateway: GatewayProcess): Promise<Inspector> {
    const url = gateway.logLines
      .map((line) => /Debugger listening on (ws:\S+)/.exec(line)?.[1])
      .findLast((announced) => announced !== undefined);
    if (url === undefined) throw new Error('the gateway runs without an inspector');
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await once(socket, 'open');
    return new Inspector(socket);
  }

  /** Collects all garbage of the process. */
  async collectGarbage(): Promise<void> {
    await this.#call('HeapProfiler.collectGarbage', {});
  }

  /** The names and strings of everything that the process holds, after a collection of garbage. */
  async heapSnapshot(): Promise<string> {
    const chunks: string[] = [];
    const onMessage = (text: Buffer): void => {
      const { method, params } = JSON.parse(text.toString()) as HeapSnapshotChunk;
      if (method === 'HeapProfiler.addHeapSnapshotChunk') chunks.push(params.chunk);
    };
    this.#socket.on('message', onMessage);
    await this.#call('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    this.#socket.off('message', onMessage);
    return chunks.join('');
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
