import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** Lines of an endless answer, decompressed if it is compressed. */
export class LineStream {
  readonly #request: ClientRequest;
  readonly #lines: AsyncIterator<string>;

  private constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.#request = outgoing;
    const isPacked = response.headers['content-encoding'] === 'gzip';
    const input = isPacked ? response.pipe(createGunzip()) : response;
    response.on('error', () => undefined);
    this.#lines = createInterface({ input })[Symbol.asyncIterator]();
  }

  /** @param coding the value of Accept-Encoding */
  static async open(url: string, coding: string): Promise<LineStream> {
    const headers = {
      Accept: 'application/x-ndjson, text/event-stream',
      'Accept-Encoding': coding,
    };
    const outgoing = request(url, { headers, agent: false });
    outgoing.on('error', () => undefined);
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return new LineStream(outgoing, response);
  }

  /** Resolves when a line with this text has arrived. */
  async untilLine(text: string): Promise<void> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`the stream ended before ${text}`);
      if (value.includes(text)) return;
    }
  }

  close(): void {
    this.#request.destroy();
  }
}
