/**
 * The composition root: the one place where the parts behind the Broker port are built, each with
 * the parts that it needs.
 */
import { ALL_OPERATIONS } from '#api';
import type { OpenBroker } from '#broker';
import { Delivery, GroupMemberships, OutboundMemory } from '#delivery';
import { RenderCache } from '#record-json';
import { SystemClock, SystemRandom, SystemScheduler } from '#runtime';
import type { Settings } from '../config/settings.js';
import type { FrontContext } from '../http/front/front-context.js';
import { HttpFront } from '../http/front/http-front.js';
import { OperationRouter } from '../http/front/operation-router.js';
import { Health } from '../observability/health.js';
import type { HttpStatus } from '../observability/http-metrics.js';
import { GatewayMetrics } from '../observability/metrics.js';
import { requestMemory } from '../shared/request-memory.js';
import { SocketServer } from '../ws/socket-server.js';
import { DataPlane } from './data-plane.js';
import { descriptorLimit, descriptorStatus } from './descriptor-limit.js';
import { type BrokerOfProcess, type BrokerOpening, openBroker } from './open-broker.js';

/** The parts of a running gateway. */
export interface Engine {
  readonly broker: OpenBroker;
  readonly health: Health;
  readonly metrics: GatewayMetrics;
  readonly delivery: Delivery;
  readonly memberships: GroupMemberships;
  readonly sockets: SocketServer;
  readonly front: HttpFront;
  readonly operations: OperationRouter;
}

/** Opens the broker, which recovers its logs, and builds the parts around it. Nothing listens. */
export async function openEngine(opening: BrokerOpening): Promise<Engine> {
  const { settings, logger, counts, address } = opening;
  const opened = await openBroker(opening);
  const scheduler = new SystemScheduler();
  const memory = requestMemory(settings.requestMemoryBytes);
  const outbound = new OutboundMemory(settings, scheduler);
  const renderCache = new RenderCache(settings.renderCacheBytes);
  const { broker } = opened.open;
  const delivery = new Delivery(
    { broker, scheduler, random: new SystemRandom(), outbound, renderCache },
    settings,
  );
  const memberships = new GroupMemberships({ delivery, logger }, settings);
  const sockets = new SocketServer(settings, {
    broker,
    delivery,
    memory,
    clock: new SystemClock(),
    scheduler,
    logger,
    pathPrefix: address.pathPrefix,
  });
  const operations = new OperationRouter(ALL_OPERATIONS);
  const dataPlane = new DataPlane(delivery, renderCache, settings);
  const front = new HttpFront(settings, {
    address,
    memory,
    outbound,
    observer: counts,
    logger,
    operations,
    routes: dataPlane,
    sockets,
  });
  const http = (): HttpStatus => ({
    ...frontStatus(front.context, settings),
    ...renderStatus(renderCache, dataPlane),
  });
  return {
    broker: opened.open,
    health: healthOf(opened.open),
    metrics: metricsOf(opening, opened, { http, delivery, memberships, sockets }),
    delivery,
    memberships,
    sockets,
    front,
    operations,
  };
}

function healthOf(open: OpenBroker): Health {
  const limit = descriptorLimit();
  return new Health(
    () => open.statusInSlices(),
    () => descriptorStatus(limit),
  );
}

/** The parts whose state a scrape reads, besides the broker. */
interface WatchedParts {
  readonly http: () => HttpStatus;
  readonly delivery: Delivery;
  readonly memberships: GroupMemberships;
  readonly sockets: SocketServer;
}

function metricsOf(
  { settings, counts }: BrokerOpening,
  { open, peersStatus }: BrokerOfProcess,
  { http, delivery, memberships, sockets }: WatchedParts,
): GatewayMetrics {
  const sources = {
    broker: () => open.statusInSlices(),
    http,
    delivery: () => delivery.status(),
    memberships: () => memberships.status(),
    sockets: () => sockets.status(),
    peers: peersStatus,
  };
  return new GatewayMetrics(counts, sources, settings.metricsTopicsMax);
}

type RenderStatus = Pick<
  HttpStatus,
  'renderCacheBytes' | 'renderCacheHits' | 'renderCacheMisses' | 'largePages'
>;

function renderStatus(renderCache: RenderCache, dataPlane: DataPlane): RenderStatus {
  const { sizeBytes, hits, misses } = renderCache.counters();
  return {
    renderCacheBytes: sizeBytes,
    renderCacheHits: hits,
    renderCacheMisses: misses,
    largePages: dataPlane.largePages(),
  };
}

function frontStatus(
  context: FrontContext,
  { requestMemoryBytes }: Pick<Settings, 'requestMemoryBytes'>,
): Omit<HttpStatus, keyof RenderStatus> {
  return {
    connections: context.connections.connectionCount,
    events: context.events.totals,
    requestsInFlight: context.connections.inFlightCount,
    requestMemoryUsedBytes: context.memory.heldBytes,
    requestMemoryLimitBytes: requestMemoryBytes,
    longPolls: context.longPolls.count,
    outbound: context.outbound.status(),
  };
}
