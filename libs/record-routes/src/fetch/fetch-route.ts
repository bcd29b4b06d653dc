import {
  acceptsNdjson,
  answerCoding,
  chargeQuota,
  type Exchange,
  inQuota,
  type PartitionTarget,
  writeCompressed,
  writeParts,
} from '#http-front';
import type { Fetch, FetchRouteOptions } from './fetch-position.js';
import { fetchQuery } from './fetch-query.js';
import { streamRecords } from './ndjson-fetch.js';
import type { PageReader } from './page-reader.js';
import { answerRaw } from './raw-fetch.js';

/**
 * `GET /v1/topics/{topic}/partitions/{partition}/records`, answers a page, a stream or raw bytes.
 *
 * Overlap: all requests may overlap; they share no state but the memory of large pages.
 */
export class FetchRoute {
  readonly #pages: PageReader;
  readonly #options: FetchRouteOptions;

  constructor(pages: PageReader, options: FetchRouteOptions) {
    this.#pages = pages;
    this.#options = options;
  }

  /** @throws ProtocolError if the head alone is refused */
  handle(exchange: Exchange, { topic, partition, form }: PartitionTarget): void {
    const asked = acceptsNdjson(exchange.request.headers.accept) ? 'ndjson' : 'page';
    const answerForm = form === 'any' ? asked : form;
    const isStream = answerForm === 'ndjson';
    const query = fetchQuery(exchange.search, answerForm);
    exchange.context.outbound.assertRoomFor(1);
    const fetch: Fetch = { exchange, topic, partition, query };
    inQuota(exchange, 'consumer_byte_rate', 0, () => this.#answer(fetch, isStream));
  }

  #answer(fetch: Fetch, isStream: boolean): void {
    const answered = isStream
      ? streamRecords(fetch, this.#options)
      : fetch.query.format === 'raw'
        ? answerRaw(fetch, this.#options.broker)
        : this.#answerPage(fetch);
    answered.catch((error: unknown) => {
      fetch.exchange.fail(error);
    });
  }

  async #answerPage(fetch: Fetch): Promise<void> {
    const { exchange } = fetch;
    const page = await this.#pages.read(fetch);
    if (page === undefined) return;
    const { chunks, count, sizeBytes, nextOffset } = page.rendered;
    exchange.context.observer.recordsSent(count, sizeBytes);
    chargeQuota(exchange, 'consumer_byte_rate', sizeBytes);
    const { highWatermark, logStartOffset, leaderEpoch } = page.result;
    const end =
      `],"nextOffset":${nextOffset},"highWatermark":${highWatermark}` +
      `,"logStartOffset":${logStartOffset},"leaderEpoch":${leaderEpoch}}\n`;
    const bodyBytes = PAGE_BEGIN.length + sizeBytes + end.length;
    exchange.context.outbound.assertRoomFor(bodyBytes);
    const coding = this.#options.compresses ? answerCoding(exchange, bodyBytes) : undefined;
    const parts = [PAGE_BEGIN, ...chunks, Buffer.from(end, 'latin1')];
    if (coding === undefined) writeParts(exchange, parts, bodyBytes);
    else await writeCompressed(exchange, coding, parts);
  }
}

const PAGE_BEGIN = Buffer.from('{"records":[');
