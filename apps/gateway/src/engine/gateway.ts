import type { AddressInfo, Server } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ALL_OPERATIONS } from '#api';
import type { OpenBroker } from '#broker';
import { Delivery } from '#delivery';
import { RenderCache } from '#record-json';
import type { Settings } from '../config/settings.js';
import { ApiDocument } from '../http/api-document.js';
import { AsyncApiDocument } from '../http/async-api-document.js';
import { controlPlaneAdapter } from '../http/control-plane.js';
import { DataPlane } from '../http/data/data-plane.js';
import { HttpFront } from '../http/front/http-front.js';
import { KnownRoutes } from '../http/known-routes.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { Health } from '../observability/health.js';
import type { HttpStatus } from '../observability/http-metrics.js';
import { NestLogger, type ProcessLogger } from '../observability/logger.js';
import { GatewayMetrics } from '../observability/metrics.js';
import { SocketAdapter } from '../ws/socket.adapter.js';
import { SocketServer } from '../ws/socket-server.js';
import { CannotListenError } from './cannot-listen-error.js';
import { GatewayModule } from './gateway.module.js';
import { PublicAddress } from './public-address.js';
import { OPEN_BROKER } from './tokens.js';

/**
 * Connections that the kernel queues until they are accepted. When thousands of clients reconnect
 * at once, connections beyond this bound are dropped and retried a second later, and later. The
 * kernel has a limit of its own (net.core.somaxconn, 4096 by default).
 */
const BACKLOG = 4096;

/**
 * One running gateway. It owns the order of the start and of the stop.
 *
 * `stop` is called at most once, after `start` has resolved.
 */
export class Gateway {
  readonly #app: NestFastifyApplication;
  readonly #front: HttpFront;
  readonly #address: PublicAddress;

  private constructor(app: NestFastifyApplication, front: HttpFront, address: PublicAddress) {
    this.#app = app;
    this.#front = front;
    this.#address = address;
  }

  /**
   * Opens the broker, which recovers its logs, and listens only afterwards.
   * @param onFenced called if another process takes this broker id: this process must end
   * @throws CannotListenError; any error of opening the broker
   */
  static async start(
    settings: Settings,
    logger: ProcessLogger,
    onFenced: () => void,
  ): Promise<Gateway> {
    const metrics = new GatewayMetrics(settings.metricsTopicsMax);
    const address = new PublicAddress(settings);
    const front = new HttpFront({ ...settings, publicUrl: address.url }, metrics, logger);
    const filter = new ProblemFilter(new KnownRoutes(ALL_OPERATIONS), address, logger);
    const adapter = controlPlaneAdapter({
      settings,
      filter,
      metrics,
      logger,
      serve: (handler) => front.createServer(handler),
    });
    const seed = { settings, logger, metrics, address, front, onFenced };
    const app = await NestFactory.create<NestFastifyApplication>(
      GatewayModule.from(seed),
      adapter,
      { logger: new NestLogger(logger), bodyParser: false, abortOnError: false },
    );
    const gateway = new Gateway(app, front, address);
    const broker = app.get<OpenBroker>(OPEN_BROKER);
    const renderCache = app.get(RenderCache);
    const delivery = app.get(Delivery);
    const sockets = app.get(SocketServer);
    const dataPlane = app.get(DataPlane);
    front.route(dataPlane);
    front.upgrade(sockets);
    app.useWebSocketAdapter(new SocketAdapter(sockets));
    metrics.watch({
      broker: () => broker.statusInSlices(),
      http: () => ({ ...httpStatus(front, renderCache), largePages: dataPlane.largePages() }),
      delivery: () => delivery.status(),
      sockets: () => sockets.status(),
    });
    app.useGlobalFilters(filter);
    try {
      await gateway.#listen(settings);
      await broker.announce();
    } catch (error) {
      await gateway.stop();
      throw error;
    }
    return gateway;
  }

  get url(): string {
    return this.#address.url;
  }

  /** The port of the listener. */
  get port(): number {
    return this.#address.port;
  }

  /** Stops accepting, answers requests in flight, then writes buffered data and closes the logs. */
  async stop(): Promise<void> {
    const broker = this.#app.get<OpenBroker>(OPEN_BROKER);
    this.#app.get(Health).stopping();
    this.#app.get(Delivery).close();
    broker.endWaits();
    const sockets = this.#app.get(SocketServer);
    await Promise.all([this.#front.close(), sockets.close(this.#front.answerMsMax)]);
    await this.#app.close();
    await broker.close();
  }

  async #listen({ host, port }: Settings): Promise<void> {
    await this.#app.init();
    this.#app.get(ApiDocument).isServedBy(this.#address.documentedServer);
    try {
      await this.#app.listen({ port, host, backlog: BACKLOG });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CannotListenError(`cannot listen on ${host}, port ${port}: ${reason}`, { cause });
    }
    const server: Server = this.#app.getHttpServer();
    this.#address.listensOn((server.address() as AddressInfo).port);
    this.#front.isReachedAt(this.url);
    this.#app.get(AsyncApiDocument).isServedBy(this.url);
  }
}

function httpStatus(front: HttpFront, renderCache: RenderCache): Omit<HttpStatus, 'largePages'> {
  const { context } = front;
  const rendered = renderCache.counters();
  return {
    connections: context.connections.connectionCount,
    events: context.events.totals,
    requestsInFlight: context.connections.inFlightCount,
    requestMemoryUsedBytes: context.memory.heldBytes,
    requestMemoryLimitBytes: context.options.requestMemoryBytes,
    longPolls: context.longPolls.count,
    outbound: context.outbound.status(),
    renderCacheBytes: rendered.sizeBytes,
    renderCacheHits: rendered.hits,
    renderCacheMisses: rendered.misses,
  };
}
