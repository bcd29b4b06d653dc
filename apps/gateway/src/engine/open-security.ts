import type { SecurityPeers } from '#broker';
import { type ClusterSecurity, type CoordinationStore, RedisSecurity } from '#coordination';
import {
  assert,
  type DiskReserve,
  type Logger,
  NodeFileSystem,
  SystemClock,
  SystemRandom,
  SystemScheduler,
} from '#runtime';
import {
  type BrokerSecurity,
  EmbeddedSecurity,
  ForwardedCallers,
  type SecurityMetadata,
  TicketOffice,
  type TicketPeers,
  Tickets,
} from '#security';
import type { RunningSettings } from './running-settings.js';

interface SecurityOpening {
  readonly settings: RunningSettings;
  readonly logger: Logger;
}

/** The parts of the broker that the keys, rules and quotas of a cluster use. */
interface ClusterParts {
  /** The store of the cluster's metadata, which lists the brokers. */
  readonly store: CoordinationStore;
  readonly peers: SecurityPeers;
  readonly reserve: DiskReserve;
}

/**
 * Opens the security of a broker that is a cluster of its own; undefined while authentication is
 * off. The data directory exists.
 * @throws DataDirError if a journal is damaged
 */
export async function openEmbeddedSecurity(
  opening: SecurityOpening,
  reserve: DiskReserve,
): Promise<BrokerSecurity | undefined> {
  if (opening.settings.auth === 'off') return undefined;
  const metadata = await EmbeddedSecurity.open(optionsOf(opening, reserve));
  return securityWith(opening, metadata, undefined);
}

/**
 * Opens the security of a broker of a cluster in Redis.
 * @throws DataDirError if a journal is damaged
 */
export async function openClusterSecurity(
  opening: SecurityOpening,
  url: string,
  { store, peers, reserve }: ClusterParts,
): Promise<BrokerSecurity<ClusterSecurity>> {
  const { clusterSecret, clusterSecretPrevious } = opening.settings;
  assert(clusterSecret !== undefined, 'a cluster without a secret');
  const metadata = await RedisSecurity.open({
    ...optionsOf(opening, reserve),
    url,
    peers,
    scheduler: new SystemScheduler(),
    clusterId: store.clusterId,
    clusterUuid: store.clusterUuid,
    clusterSecrets: [
      clusterSecret,
      ...(clusterSecretPrevious === undefined ? [] : [clusterSecretPrevious]),
    ],
    dataDirUuid: store.dataDirUuid,
    members: () => store.state.brokers,
  });
  return securityWith(opening, metadata, peers);
}

/** @param peers undefined without a cluster */
function securityWith<Metadata extends SecurityMetadata>(
  { settings }: SecurityOpening,
  metadata: Metadata,
  peers: TicketPeers | undefined,
): BrokerSecurity<Metadata> {
  const { brokerId, superUsers, ticketLifetimeMs: lifetimeMs, ticketsMax } = settings;
  const loop = { clock: new SystemClock(), scheduler: new SystemScheduler() };
  const limits = { brokerId, lifetimeMs, ticketsMax };
  const tickets = new Tickets(limits, new SystemRandom(), loop.clock);
  return {
    metadata,
    tickets: new TicketOffice(brokerId, tickets, peers),
    callers: new ForwardedCallers({ ...loop, metadata, superUsers }),
  };
}

function optionsOf({ settings, logger }: SecurityOpening, reserve: DiskReserve) {
  return {
    reserve,
    dataDir: settings.dataDir,
    fileSystem: new NodeFileSystem(),
    clock: new SystemClock(),
    random: new SystemRandom(),
    logger,
    brokerId: settings.brokerId,
    limits: settings,
  };
}
