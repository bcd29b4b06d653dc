import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { PublicAddress } from '#http-front';
import { GatewayCounts } from '#observability';
import { controlPlaneAdapter } from '../http/control-plane.js';
import { HealthListener } from '../http/health-listener.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { NestLogger, type ProcessLogger } from '../logging/logger.js';
import { SocketAdapter } from '../ws/socket.adapter.js';
import { CannotListenError } from './cannot-listen-error.js';
import { type Engine, openEngine } from './engine.js';
import { GatewayModule } from './gateway.module.js';
import type { BrokerOpening } from './open-broker.js';
import type { RunningSettings } from './running-settings.js';

/**
 * Connections that the kernel queues until they are accepted. When thousands of clients reconnect
 * at once, the kernel drops connections beyond this bound, and the clients retry them after a
 * second or more. The kernel has a limit of its own (net.core.somaxconn, 4096 by default).
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

  #healthListener: HealthListener | undefined;

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
    settings: RunningSettings,
    logger: ProcessLogger,
    onFenced: () => void,
  ): Promise<Gateway> {
    const address = new PublicAddress(settings);
    const opening = { settings, logger, counts: new GatewayCounts(), address, onFenced };
    const engine = await openEngine(opening);
    const { app, serve } = await createApp(engine, opening);
    const gateway = new Gateway(engine, app, address);
    try {
      await listen(app, settings);
      await listenForOperators(engine, settings, serve);
      await gateway.#listenForHealth(settings);
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

  /** URL of the operators' listener; undefined without one. */
  get adminUrl(): string | undefined {
    return this.#engine.listeners.forOperators?.address.url;
  }

  /** The port of the plain listener for health checks; undefined without one. */
  get healthPort(): number | undefined {
    return this.#healthListener?.port;
  }

  async #listenForHealth({ host, healthPort }: RunningSettings): Promise<void> {
    if (healthPort === undefined) return;
    const listener = new HealthListener(this.#engine.health);
    await listener.listen(host, healthPort).catch((cause: unknown) => {
      throw cannotListen(host, `${healthPort} (SLUICE_HEALTH_PORT)`, cause);
    });
    this.#healthListener = listener;
  }

  /** Stops accepting, answers requests in flight, then writes buffered data and closes the logs. */
  async stop(): Promise<void> {
    const { broker, delivery, front, health, memberships, security, sockets, tls } = this.#engine;
    health.stopping();
    tls?.close();
    this.#engine.peerTls?.close();
    delivery.close();
    broker.endWaits();
    await Promise.all([front.close(), sockets.close(front.answerMsMax)]);
    await memberships.close();
    await this.#app.close();
    await security.metadata?.close();
    await broker.close();
    await this.#healthListener?.close();
  }
}

/** The application of Nest, and its handler of requests. */
interface ControlPlane {
  readonly app: NestFastifyApplication;
  readonly serve: RequestListener;
}

/** Creates the application of Nest, which serves what the front does not. */
async function createApp(engine: Engine, opening: BrokerOpening): Promise<ControlPlane> {
  const { settings, logger, counts } = opening;
  const filter = new ProblemFilter(engine.errors);
  let serve: RequestListener = () => undefined;
  const adapter = controlPlaneAdapter({
    settings,
    filter,
    counts,
    logger,
    serve: (handler) => {
      serve = handler;
      return engine.front.createServer(handler);
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    GatewayModule.from(engine),
    adapter,
    { logger: new NestLogger(logger), bodyParser: false, abortOnError: false },
  );
  app.useWebSocketAdapter(new SocketAdapter(engine.sockets));
  app.useGlobalFilters(filter);
  return { app, serve };
}

async function listen(app: NestFastifyApplication, { host, port }: RunningSettings): Promise<void> {
  await app.init();
  try {
    await app.listen({ port, host, backlog: BACKLOG });
  } catch (cause) {
    throw cannotListen(host, String(port), cause);
  }
}

/** Opens the listener of operators, which the front closes with the other one. */
async function listenForOperators(
  { front, listeners }: Engine,
  { host: publicHost, adminHost: host = publicHost, adminPort: port }: RunningSettings,
  serve: RequestListener,
): Promise<void> {
  if (listeners.forOperators === undefined) return;
  const server = front.createServer(serve, listeners.forOperators);
  try {
    await once(server.listen({ port, host }), 'listening');
  } catch (cause) {
    throw cannotListen(host, `${port} (SLUICE_ADMIN_PORT)`, cause);
  }
}

function cannotListen(host: string, port: string, cause: unknown): CannotListenError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CannotListenError(`cannot listen on ${host}, port ${port}: ${reason}`, { cause });
}
