import type { Broker, FetchResult } from '#broker';
import type { RecordBatch } from '#log';
import type { Offset } from '#protocol';
import {
  areRenderedAtOnce,
  type RenderCache,
  type RenderedRecords,
  type RenderRequest,
  renderInSlices,
} from '#record-json';
import { Limiter } from '#runtime';
import { type Fetch, type FirstFetch, fetchFrom } from './fetch-position.js';
import { pageBounds } from './fetch-query.js';

/** A page of records as JSON, with the fetch that it was read by. */
export interface Page {
  readonly rendered: RenderedRecords;
  readonly result: FetchResult;
}

/** Numbers for metrics. */
export interface LargePagesStatus {
  /** Large pages that are rendered at present. */
  readonly running: number;
  readonly waiting: number;
}

/** A rendered page takes about as much memory as the batches that it is made of. */
const PAGE_BYTES_PER_BATCH_BYTE = 2;

/**
 * Reads pages of records and renders them.
 *
 * A small page is rendered in one slice. A large one keeps its batches and its JSON in memory for
 * many slices, and so only as many are rendered at a time as `largePagesBytes` has room for. A page
 * that waits for its turn keeps no batches: it reads them again.
 *
 * Overlap: `read` may overlap; the limiter orders large pages by arrival.
 */
export class PageReader {
  readonly #broker: Broker;
  readonly #renderCache: RenderCache;
  readonly #largePages: Limiter;

  /** @param largePagesBytes batches and JSON of the large pages that are rendered at a time */
  constructor(broker: Broker, renderCache: RenderCache, largePagesBytes: number) {
    this.#broker = broker;
    this.#renderCache = renderCache;
    this.#largePages = new Limiter(largePagesBytes);
  }

  status(): LargePagesStatus {
    const { running, waiting } = this.#largePages;
    return { running, waiting };
  }

  /**
   * Continues after batches without records to show, which compaction leaves, so that a page is
   * empty only at the end of the log or after the wait. Returns undefined when the client has gone.
   * @throws ProtocolError of the broker; THROTTLING_QUOTA_EXCEEDED when a large page has no room
   *   among the bytes that clients have not received
   */
  async read(fetch: Fetch): Promise<Page | undefined> {
    const { clock } = fetch.exchange.context;
    const endMs = clock.monotonicMs() + fetch.query.waitMs;
    let asked = fetch;
    for (;;) {
      const page = await this.#readOnce(asked);
      if (page === undefined || !showsGap(page)) return page;
      const { rendered, result } = page;
      const waitMs = Math.max(0, Math.trunc(endMs - clock.monotonicMs()));
      const position = rendered.nextOffset;
      const { leaderEpoch } = result;
      asked = { ...fetch, query: { ...fetch.query, position, leaderEpoch, waitMs } };
    }
  }

  async #readOnce(fetch: Fetch): Promise<Page | undefined> {
    const first = await this.#fetch(fetch);
    if (fetch.exchange.isGone) return undefined;
    const { batches } = first.result;
    const request = renderRequest(fetch, first.offset);
    if (areRenderedAtOnce(batches, request)) {
      return { rendered: this.#renderCache.render(batches, request), result: first.result };
    }
    return this.#readLarge(fetch, first);
  }

  #readLarge(fetch: Fetch, { offset, result }: FirstFetch): Promise<Page | undefined> {
    const weight = PAGE_BYTES_PER_BATCH_BYTE * sizeOf(result.batches);
    if (this.#largePages.hasRoomFor(weight)) {
      return this.#largePages.run(() => renderLarge(fetch, { offset, result }), weight);
    }
    return this.#readLargeLater(fetch, offset, weight);
  }

  /** The batches read before are released while the page waits. */
  #readLargeLater(fetch: Fetch, offset: Offset, weight: number): Promise<Page | undefined> {
    const { query } = fetch;
    const position = query.position === 'earliest' ? query.position : offset;
    const again: Fetch = { ...fetch, query: { ...query, position, waitMs: 0 } };
    return this.#largePages.run(async () => {
      if (fetch.exchange.isGone) return undefined;
      return renderLarge(again, await this.#fetch(again));
    }, weight);
  }

  #fetch(fetch: Fetch): Promise<FirstFetch> {
    return fetchFrom(this.#broker, fetch, pageBounds(fetch.query));
  }
}

/** True for a page of batches that have no record at or after its position. */
function showsGap({ rendered, result }: Page): boolean {
  return rendered.count === 0 && result.batches.length > 0;
}

async function renderLarge(
  fetch: Fetch,
  { offset, result }: FirstFetch,
): Promise<Page | undefined> {
  const { exchange } = fetch;
  if (exchange.isGone) return undefined;
  exchange.context.outbound.assertRoomFor(sizeOf(result.batches));
  const request = renderRequest(fetch, offset);
  const rendered = await renderInSlices(result.batches, request, () => !exchange.isGone);
  return exchange.isGone ? undefined : { rendered, result };
}

function renderRequest({ topic, partition, query }: Fetch, offset: Offset): RenderRequest {
  const { limit, maxBytes } = pageBounds(query);
  const format = query.format === 'raw' ? 'default' : query.format;
  const framing = 'array';
  return { topic, partition, format, framing, offset, recordsMax: limit, bytesMax: maxBytes };
}

function sizeOf(batches: readonly RecordBatch[]): number {
  return batches.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
}
