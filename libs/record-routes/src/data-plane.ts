import type { RecordsForm } from '#api';
import { type Delivery, StreamSweep } from '#delivery';
import type { Exchange, HotRoutes, MemberTarget, PartitionTarget } from '#http-front';
import type { RenderCache } from '#record-json';
import type { Clock } from '#runtime';
import type { EventStreamOptions } from './events/event-stream.js';
import { EventsRoute } from './events/events-route.js';
import { FetchRoute } from './fetch/fetch-route.js';
import { type LargePagesStatus, PageReader } from './fetch/page-reader.js';
import { PollRoute } from './poll/poll-route.js';
import { ProduceRoute } from './produce/produce-route.js';

/** The parts that the hot routes use. */
interface DataPlaneParts {
  readonly delivery: Delivery;
  readonly renderCache: RenderCache;
  readonly clock: Clock;
}

/** The settings that the hot routes use. */
interface DataPlaneOptions extends EventStreamOptions {
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

  constructor({ delivery, renderCache, clock }: DataPlaneParts, options: DataPlaneOptions) {
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
    const compresses = options.compression === 'all';
    this.#fetch = new FetchRoute(this.#pages, { broker, compresses, sweep });
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
