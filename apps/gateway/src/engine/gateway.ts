import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Settings } from '../config/settings.js';
import { controlPlaneAdapter } from '../http/control-plane.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { GatewayCounts } from '../observability/gateway-counts.js';
import { NestLogger, type ProcessLogger } from '../observability/logger.js';
import { PublicAddress } from '../shared/public-address.js';
import { SocketAdapter } from '../ws/socket.adapter.js';
import { CannotListenError } from './cannot-listen-error.js';
import { type Engine, openEngine } from './engine.js';
import { GatewayModule } from './gateway.module.js';
import type { BrokerOpening } from './open-broker.js';

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
  readonly #engine: Engine;
  readonly #app: NestFastifyApplication;
  readonly #address: PublicAddress;

  private constructor(engine: Engine, app: NestFastifyApplication, address: PublicAddress) {
    this.#engine = engine;
    this.#app = app;
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
    const address = new PublicAddress(settings);
    const opening = { settings, logger, counts: new GatewayCounts(), address, onFenced };
    const engine = await openEngine(opening);
    const app = await createApp(engine, opening);
    const gateway = new Gateway(engine, app, address);
    try {
      await listen(app, settings);
      await engine.broker.announce();
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
    const { broker, delivery, front, health, memberships, sockets } = this.#engine;
    health.stopping();
    delivery.close();
    broker.endWaits();
    await Promise.all([front.close(), sockets.close(front.answerMsMax)]);
    await memberships.close();
    await this.#app.close();
    await broker.close();
  }
}

/** Creates the application of Nest, which serves what the front does not. */
async function createApp(engine: Engine, opening: BrokerOpening): Promise<NestFastifyApplication> {
  const { settings, logger, counts, address } = opening;
  const filter = new ProblemFilter(engine.operations, address, logger);
  const adapter = controlPlaneAdapter({
    settings,
    filter,
    counts,
    logger,
    serve: (handler) => engine.front.createServer(handler),
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.from(engine, address),
    adapter,
    { logger: new NestLogger(logger), bodyParser: false, abortOnError: false },
  );
  app.useWebSocketAdapter(new SocketAdapter(engine.sockets));
  app.useGlobalFilters(filter);
  return app;
}

async function listen(app: NestFastifyApplication, { host, port }: Settings): Promise<void> {
  await app.init();
  try {
    await app.listen({ port, host, backlog: BACKLOG });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CannotListenError(`cannot listen on ${host}, port ${port}: ${reason}`, { cause });
  }
}
