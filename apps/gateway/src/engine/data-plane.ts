import { type RecordsForm } from '#api';
import type { Delivery } from '#delivery';
import { StreamSweep } from '#delivery';
import type { RenderCache } from '#record-json';
import { SystemClock } from '#runtime';
import { FetchRoute } from '../http/data/fetch-route.js';
import { type LargePagesStatus, PageReader } from '../http/data/page-reader.js';
import { PollRoute } from '../http/data/poll-route.js';
import { ProduceRoute } from '../http/data/produce-route.js';
import type { Exchange } from '../http/front/exchange.js';
import type { HotRoutes, MemberTarget, PartitionTarget } from '../http/front/hot-routes.js';
import type { EventStreamOptions } from '../sse/event-stream.js';
import { EventsRoute } from '../sse/events-route.js';

const clock = new SystemClock();

/** The settings that the hot routes use. */
export interface DataPlaneOptions extends EventStreamOptions {
  readonly recordsPerRequestMax: number;
  readonly headersPerRecordMax: number;
  readonly bodyMembersMax: number;
  readonly autoCreateTopics: boolean;
  readonly compression: 'off' | 'api' | 'all';
  readonly largePagesBytes: number;
}

/** The routes with the highest load: bare handlers, called by the front. */
export class DataPlane implements HotRoutes {
  readonly #produce: ProduceRoute;
  readonly #fetch: FetchRoute;
  readonly #pages: PageReader;
  readonly #events: EventsRoute;
  readonly #poll: PollRoute;

  constructor(delivery: Delivery, renderCache: RenderCache, options: DataPlaneOptions) {
    const { broker } = delivery;
    const sweep = new StreamSweep(delivery.scheduler, options);
    this.#produce = new ProduceRoute(broker, {
      limits: {
        recordsMax: options.recordsPerRequestMax,
        headersPerRecordMax: options.headersPerRecordMax,
        faultyMembersMax: options.bodyMembersMax,
        nowMs: () => clock.nowMs(),
      },
      autoCreateTopics: options.autoCreateTopics,
    });
    this.#pages = new PageReader(broker, renderCache, options.largePagesBytes);
    this.#fetch = new FetchRoute(this.#pages, {
      broker,
      compresses: options.compression === 'all',
      sweep,
    });
    const compresses = options.compression === 'all';
    this.#poll = new PollRoute({ broker, renderCache, compresses });
    this.#events = new EventsRoute({ delivery, sweep, options });
  }

  largePages(): LargePagesStatus {
    return this.#pages.status();
  }

  produce(exchange: Exchange, topic: string, form: RecordsForm): void {
    this.#produce.handle(exchange, topic, form);
  }

  fetch(exchange: Exchange, target: PartitionTarget): void {
    this.#fetch.handle(exchange, target);
  }

  events(exchange: Exchange, topic: string): void {
    this.#events.handle(exchange, topic);
  }

  poll(exchange: Exchange, target: MemberTarget): void {
    this.#poll.handle(exchange, target);
  }
}
