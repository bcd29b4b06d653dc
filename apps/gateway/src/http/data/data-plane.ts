import type { Broker } from '#broker';
import type { RenderCache } from '../../records/render-cache.js';
import type { Exchange } from '../front/exchange.js';
import type { HotRoutes } from '../front/http-front.js';
import { FetchRoute } from './fetch-route.js';
import { ProduceRoute } from './produce-route.js';

/** The settings that the hot routes read. */
export interface DataPlaneOptions {
  readonly recordsPerRequestMax: number;
  readonly headersPerRecordMax: number;
  readonly autoCreateTopics: boolean;
  readonly compression: 'off' | 'api' | 'all';
}

/** The two routes that carry the load: bare handlers, given to the front. */
export class DataPlane implements HotRoutes {
  readonly #produce: ProduceRoute;
  readonly #fetch: FetchRoute;

  constructor(broker: Broker, renderCache: RenderCache, options: DataPlaneOptions) {
    this.#produce = new ProduceRoute(broker, {
      limits: {
        recordsMax: options.recordsPerRequestMax,
        headersPerRecordMax: options.headersPerRecordMax,
      },
      autoCreateTopics: options.autoCreateTopics,
    });
    this.#fetch = new FetchRoute({
      broker,
      renderCache,
      compresses: options.compression === 'all',
    });
  }

  produce(exchange: Exchange, topic: string): void {
    this.#produce.handle(exchange, topic);
  }

  fetch(exchange: Exchange, topic: string, partition: number): void {
    this.#fetch.handle(exchange, topic, partition);
  }
}
