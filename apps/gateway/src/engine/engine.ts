/**
 * The composition root: the one place where the parts behind the Broker port are built, each with
 * the parts that it needs.
 */
import type { OpenBroker } from '#broker';
import { Delivery, GroupMemberships, OutboundMemory } from '#delivery';
import { ClientErrors, type FrontContext, HttpFront, requestMemory } from '#http-front';
import { GatewayMetrics, Health, type HttpStatus } from '#observability';
import { RenderCache } from '#record-json';
import { DataPlane } from '#record-routes';
import { EventLoopDelay, SystemClock, SystemRandom, SystemScheduler } from '#runtime';
import { type EdgeSecurity, edgeStatus } from '#security';
import type { Settings } from '../config/settings.js';
import { SocketServer } from '../ws/socket-server.js';
import { descriptorLimit, descriptorStatus } from './descriptor-limit.js';
import { createListeners, type Listeners } from './listeners.js';
import { type BrokerOfProcess, type BrokerOpening, openBroker } from './open-broker.js';
import { PublicTls } from './public-tls.js';
import { type SecurityParts, securityParts } from './security-parts.js';

/** The parts of a running gateway. */
export interface Engine {
  readonly broker: OpenBroker;
  readonly health: Health;
  readonly metrics: GatewayMetrics;
  readonly delivery: Delivery;
  readonly memberships: GroupMemberships;
  readonly sockets: SocketServer;
  readonly front: HttpFront;
  readonly errors: ClientErrors;
  readonly listeners: Listeners;
  /** Undefined if clients talk plain HTTP. */
  readonly tls: PublicTls | undefined;
  readonly peerTls: BrokerOfProcess['peerTls'];
  readonly security: SecurityParts;
}

/** Opens the broker, which recovers its logs, and builds the parts around it. Nothing listens. */
export async function openEngine(opening: BrokerOpening): Promise<Engine> {
  const { settings, logger, counts, address } = opening;
  const tls = await PublicTls.open(settings);
  const opened = await openBroker(opening);
  const security = await securityParts(opening, opened.security);
  const { edge, openUses } = security;
  const clock = new SystemClock();
  const errors = new ClientErrors(logger);
  const scheduler = new SystemScheduler();
  const memory = requestMemory(settings.requestMemoryBytes);
  const outbound = new OutboundMemory(settings, scheduler);
  const renderCache = new RenderCache(settings.renderCacheBytes);
  const { broker } = opened.open;
  const shared = { broker: broker.as('broker'), scheduler };
  const delivery = new Delivery(
    { ...shared, random: new SystemRandom(), outbound, renderCache, shares: edge?.shares },
    settings,
  );
  const memberships = new GroupMemberships({ delivery, logger }, settings);
  const sockets = new SocketServer(settings, {
    broker,
    delivery,
    memory,
    clock,
    scheduler,
    logger,
    errors,
    pathPrefix: address.pathPrefix,
    security: edge,
    openUses,
  });
  const listeners = createListeners(settings, address);
  const dataPlane = new DataPlane({ delivery, renderCache, clock }, settings);
  const front = new HttpFront(settings, {
    listener: listeners.forClients,
    memory,
    outbound,
    observer: counts,
    clock,
    scheduler,
    logger,
    errors,
    routes: dataPlane,
    sockets,
    tls: tls?.material,
    security: edge,
    openUses,
  });
  tls?.follow(front, logger);
  const http = (): HttpStatus => ({
    ...frontStatus(front.context, settings),
    ...renderStatus(renderCache, dataPlane),
  });
  return {
    broker: opened.open,
    health: healthOf(opened),
    metrics: metricsOf(opening, opened, { http, delivery, memberships, sockets, tls, edge }),
    delivery,
    memberships,
    sockets,
    front,
    errors,
    listeners,
    tls,
    peerTls: opened.peerTls,
    security,
  };
}

function healthOf({ open, security }: BrokerOfProcess): Health {
  const limit = descriptorLimit();
  return new Health(() => open.statusInSlices(), {
    descriptors: () => descriptorStatus(limit),
    security: () => security?.metadata,
  });
}

/** The parts whose state a scrape reads, besides the broker. */
interface WatchedParts {
  readonly http: () => HttpStatus;
  readonly delivery: Delivery;
  readonly memberships: GroupMemberships;
  readonly sockets: SocketServer;
  readonly tls: PublicTls | undefined;
  readonly edge: EdgeSecurity | undefined;
}

function metricsOf(
  { settings, counts }: BrokerOpening,
  { open, peersStatus, security }: BrokerOfProcess,
  { http, delivery, memberships, sockets, tls, edge }: WatchedParts,
): GatewayMetrics {
  const limit = descriptorLimit();
  const eventLoop = new EventLoopDelay();
  eventLoop.start();
  const sources = {
    broker: () => open.statusInSlices(),
    http,
    delivery: () => delivery.status(),
    memberships: () => memberships.status(),
    sockets: () => sockets.status(),
    peers: peersStatus,
    tls: () => tls?.status(),
    security: () => security?.metadata.status(),
    edge: () => edge && edgeStatus(edge),
    groupLags: () => open.groupLags(settings.metricsGroupPartitionsMax),
    openDescriptors: async () => (await descriptorStatus(limit))?.inUse,
    eventLoop: () => eventLoop.take(),
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
    unidentifiedConnections: context.connections.unidentifiedCount,
    events: context.events.totals,
    boundRefusals: context.errors.boundRefusals,
    requestsInFlight: context.connections.inFlightCount,
    requestMemoryUsedBytes: context.memory.heldBytes,
    requestMemoryLimitBytes: requestMemoryBytes,
    longPolls: context.longPolls.count,
    outbound: context.outbound.status(),
  };
}
