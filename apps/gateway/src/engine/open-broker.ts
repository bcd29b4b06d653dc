import { createHash } from 'node:crypto';
import {
  type LocalBrokerPorts,
  type OpenBroker,
  openClusterBroker,
  openLocalBroker,
  type SecurityPeers,
} from '#broker';
import { type CoordinationStore, RedisStore } from '#coordination';
import type { PublicAddress } from '#http-front';
import type { GatewayCounts } from '#observability';
import type { PeerNetwork, PeerNetworkStatus } from '#peer-rpc';
import { ProtocolError } from '#protocol';
import {
  type DiskReserve,
  NodeFileSystem,
  RetryBackoff,
  type Scheduler,
  SystemClock,
  SystemRandom,
  SystemScheduler,
} from '#runtime';
import type { BrokerSecurity } from '#security';
import type { ProcessLogger } from '../logging/logger.js';
import { CannotListenError } from './cannot-listen-error.js';
import { openClusterSecurity, openEmbeddedSecurity } from './open-security.js';
import { followPeerTls, readPeerTls } from './peer-tls-files.js';
import type { RunningSettings } from './running-settings.js';

/**
 * The path is relative to dist/esm/apps/gateway/src/engine; scripts/bundle.ts creates the file.
 */
const LEASE_THREAD_SCRIPT = new URL(
  '../../../../../apps/gateway/lease-thread.cjs',
  import.meta.url,
);

/** Options of a broker at its start. */
export interface BrokerOpening {
  readonly settings: RunningSettings;
  readonly logger: ProcessLogger;
  /** Counts what the log and the front report. */
  readonly counts: GatewayCounts;
  readonly address: PublicAddress;
  /** Called if another process takes this broker id: this process must end. */
  readonly onFenced: () => void;
}

/** The opened broker of this process. */
export interface BrokerOfProcess {
  readonly open: OpenBroker;
  /** Returns the state of the calls between brokers; undefined without a cluster. */
  readonly peersStatus: () => PeerNetworkStatus | undefined;
  /** Its metadata is closed before the broker; undefined without authentication. */
  readonly security: BrokerSecurity | undefined;
  /** Follows the files of TLS between brokers, closed before the broker; undefined without TLS. */
  readonly peerTls: { close(): void } | undefined;
}

/** Opens the broker of this process on its data directory: alone, or as one of a cluster. */
export async function openBroker(opening: BrokerOpening): Promise<BrokerOfProcess> {
  const { settings, logger, counts, address, onFenced } = opening;
  const ports = {
    fileSystem: new NodeFileSystem(settings.spareDescriptors),
    clock: new SystemClock(),
    scheduler: new SystemScheduler(),
    random: new SystemRandom(),
    logger,
    observer: counts,
    url: () => address.knownUrl,
  };
  const { redisUrl } = settings;
  if (redisUrl === undefined) {
    const open = await openLocalBroker(settings, ports);
    const security = await openEmbeddedSecurity(opening, open.reserve);
    if (security !== undefined) open.followSecurity(security.metadata);
    return { open, peersStatus: () => undefined, security, peerTls: undefined };
  }
  const { network, peerTls } = await openPeerNetwork(opening, ports.scheduler);
  let security: BrokerSecurity | undefined;
  const openSecurity = async (
    store: CoordinationStore,
    peers: SecurityPeers,
    reserve: DiskReserve,
  ) => {
    const opened = await openClusterSecurity(opening, redisUrl, { store, peers, reserve });
    security = opened;
    return opened;
  };
  const open = await openClusterBroker(settings, {
    ...ports,
    network,
    onFenced,
    openStore: () => whenAvailable(() => openRedisStore(redisUrl, settings, ports), logger),
    ...(settings.auth === 'off' ? undefined : { openSecurity }),
  });
  return { open, peersStatus: () => network.status(), security, peerTls };
}

function openRedisStore(
  url: string,
  { clusterId, brokerId, dataDir, leaseMs, loopSilenceMaxMs }: RunningSettings,
  { fileSystem, random, scheduler, clock, logger }: LocalBrokerPorts,
): Promise<CoordinationStore> {
  const leaseThread = { script: LEASE_THREAD_SCRIPT, loopSilenceMaxMs };
  const identity = { clusterId, brokerId, dataDir };
  const outside = { fileSystem, random, scheduler, clock, logger };
  return RedisStore.open({ ...identity, ...outside, url, leaseMs, leaseThread });
}

/** The calls between brokers, and what follows the files of their TLS. */
interface FollowedNetwork {
  readonly network: PeerNetwork;
  readonly peerTls: BrokerOfProcess['peerTls'];
}

/** @throws PemFileError, CannotListenError */
async function openPeerNetwork(
  { settings, logger }: BrokerOpening,
  scheduler: Scheduler,
): Promise<FollowedNetwork> {
  // Only cluster mode loads this lib: it brings an HTTP client, which slows down every start.
  const { PeerListenError, PeerNetwork } = await import('#peer-rpc');
  const tls = await readPeerTls(settings);
  try {
    const securityAgreement = securityAgreementOf(settings);
    const peerSettings = {
      ...settings,
      securityAgreement,
      isSecurityRolling: settings.authRolling,
    };
    const ports = { logger, scheduler };
    const network = await PeerNetwork.open(peerSettings, tls, ports);
    return { network, peerTls: tls && followPeerTls(settings, tls, network, ports) };
  } catch (error) {
    if (!(error instanceof PeerListenError)) throw error;
    throw new CannotListenError(error.message, { cause: error });
  }
}

/** Returns a digest of the settings of security that all brokers of a cluster must share. */
function securityAgreementOf({ auth, superUsers }: RunningSettings): string {
  const shared = JSON.stringify([auth ?? 'off', [...(superUsers ?? [])].toSorted()]);
  return createHash('sha256').update(shared).digest('base64url');
}

/** Waits for Redis, because it may be started after its gateways. */
async function whenAvailable(
  open: () => Promise<CoordinationStore>,
  logger: ProcessLogger,
): Promise<CoordinationStore> {
  const backoff = new RetryBackoff(new SystemRandom());
  let said: string | undefined;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'BROKER_NOT_AVAILABLE') throw error;
      const reason = innermostMessage(error);
      if (reason !== said) logger.warn({ reason }, 'the start waits for Redis');
      said = reason;
      await new Promise((resolve) => setTimeout(resolve, backoff.nextDelayMs()));
    }
  }
}

/** Returns the message of the first cause: Redis's own, or the network's. */
function innermostMessage(error: Error): string {
  return error.cause instanceof Error ? innermostMessage(error.cause) : error.message;
}
