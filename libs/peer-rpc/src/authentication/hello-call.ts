import type { Dispatcher } from 'undici';

/** An answer to a hello is small; a larger one is not one of a broker. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** The whole answer to a hello. */
export interface HelloAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The call that opens a session, from its dispatch to its answer. It ends exactly once. */
export class HelloCall implements Dispatcher.DispatchHandler {
  readonly #onEnd: (answer: HelloAnswer | Error) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: HelloAnswer['headers'] = {};
  #bytes = 0;
  #hasEnded = false;

  constructor(onEnd: (answer: HelloAnswer | Error) => void) {
    this.#onEnd = onEnd;
  }

  abandon(reason: Error): void {
    this.#end(reason);
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: HelloAnswer['headers'],
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > ANSWER_BYTES_MAX) controller.abort(new Error('the answer is too large'));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const body = Buffer.concat(this.#chunks);
    this.#end({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  #end(answer: HelloAnswer | Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd(answer);
  }
}
