import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import type { Broker, OpenBroker } from '#broker';
import { Delivery } from '#delivery';
import { RenderCache } from '#record-json';
import { type Logger, SystemClock, SystemRandom, SystemScheduler } from '#runtime';
import type { Settings } from '../config/settings.js';
import { DataPlane } from '../http/data/data-plane.js';
import { HttpFront } from '../http/front/http-front.js';
import { BROKER } from '../http/tokens.js';
import { Health } from '../observability/health.js';
import { GatewayMetrics } from '../observability/metrics.js';
import { SocketServer } from '../ws/socket-server.js';
import { descriptorLimit, descriptorStatus } from './descriptor-limit.js';
import { type BrokerOpening, openBroker } from './open-broker.js';
import { PublicAddress } from './public-address.js';
import { LOGGER, OPEN_BROKER, SETTINGS } from './tokens.js';

/** Objects that exist before the engine, because Nest itself logs and serves through them. */
export interface EngineSeed extends BrokerOpening {
  readonly front: HttpFront;
}

/** The composition root: the one place where the parts behind the Broker port are built. */
@Module({})
export class EngineModule {
  static from(seed: EngineSeed): DynamicModule {
    return {
      module: EngineModule,
      global: true,
      providers: [...seedProviders(seed), ...BROKER_PROVIDERS, ...DELIVERY_PROVIDERS],
      exports: [BROKER, Delivery, Health, GatewayMetrics, PublicAddress],
    };
  }
}

function seedProviders(seed: EngineSeed): Provider[] {
  return [
    { provide: SETTINGS, useValue: seed.settings },
    { provide: LOGGER, useValue: seed.logger },
    { provide: GatewayMetrics, useValue: seed.metrics },
    { provide: PublicAddress, useValue: seed.address },
    { provide: HttpFront, useValue: seed.front },
    { provide: OPEN_BROKER, useFactory: () => openBroker(seed) },
  ];
}

const BROKER_PROVIDERS: readonly Provider[] = [
  {
    provide: BROKER,
    useFactory: (open: OpenBroker): Broker => open.broker,
    inject: [OPEN_BROKER],
  },
  {
    provide: Health,
    useFactory: (open: OpenBroker) => {
      const limit = descriptorLimit();
      return new Health(
        () => open.statusInSlices(),
        () => descriptorStatus(limit),
      );
    },
    inject: [OPEN_BROKER],
  },
];

const DELIVERY_PROVIDERS: readonly Provider[] = [
  {
    provide: RenderCache,
    useFactory: (settings: Settings) => new RenderCache(settings.renderCacheBytes),
    inject: [SETTINGS],
  },
  {
    provide: Delivery,
    useFactory: (
      broker: Broker,
      front: HttpFront,
      renderCache: RenderCache,
      settings: Settings,
    ) => {
      const { outbound } = front.context;
      const shared = {
        broker,
        scheduler: new SystemScheduler(),
        random: new SystemRandom(),
        outbound,
        renderCache,
      };
      return new Delivery(shared, settings);
    },
    inject: [BROKER, HttpFront, RenderCache, SETTINGS],
  },
  {
    provide: DataPlane,
    useFactory: (delivery: Delivery, renderCache: RenderCache, settings: Settings) =>
      new DataPlane(delivery, renderCache, settings),
    inject: [Delivery, RenderCache, SETTINGS],
  },
  {
    provide: SocketServer,
    useFactory: (delivery: Delivery, front: HttpFront, settings: Settings, logger: Logger) =>
      new SocketServer(settings, {
        broker: delivery.broker,
        delivery,
        memory: front.context.memory,
        clock: new SystemClock(),
        scheduler: new SystemScheduler(),
        logger,
        pathPrefix: front.context.pathPrefix,
      }),
    inject: [Delivery, HttpFront, SETTINGS, LOGGER],
  },
];
