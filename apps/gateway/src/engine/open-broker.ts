import { type OpenBroker, openClusterBroker, openLocalBroker } from '#broker';
import { type CoordinationStore, RedisStore } from '#coordination';
import { unpackedBatch } from '#log';
import type { PeerNetwork, PeerNetworkStatus } from '#peer-rpc';
import { ProtocolError } from '#protocol';
import {
  NodeFileSystem,
  RetryBackoff,
  type Scheduler,
  SystemClock,
  SystemRandom,
  SystemScheduler,
} from '#runtime';
import type { Settings } from '../config/settings.js';
import type { GatewayCounts } from '../observability/gateway-counts.js';
import type { ProcessLogger } from '../observability/logger.js';
import type { PublicAddress } from '../shared/public-address.js';
import { CannotListenError } from './cannot-listen-error.js';
import { descriptorLimit, shareDescriptors } from './descriptor-limit.js';
import { readPeerTls } from './peer-tls-files.js';

/**
 * The path is relative to dist/esm/apps/gateway/src/engine; scripts/bundle.ts creates the file.
 */
const LEASE_THREAD_SCRIPT = new URL(
  '../../../../../apps/gateway/lease-thread.cjs',
  import.meta.url,
);

/** Options of a broker at its start. */
export interface BrokerOpening {
  readonly settings: Settings;
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
}

/** Opens the broker of this process on its data directory: alone, or as one of a cluster. */
export async function openBroker(opening: BrokerOpening): Promise<BrokerOfProcess> {
  const { settings, logger, counts, address, onFenced } = opening;
  unpackedBatch.bytesMax = settings.unpackedBatchBytesMax;
  const limit = descriptorLimit();
  const shares = shareDescriptors(limit, settings.connectionsMax);
  const ports = {
    fileSystem: new NodeFileSystem(shares.spareDescriptors),
    clock: new SystemClock(),
    scheduler: new SystemScheduler(),
    random: new SystemRandom(),
    logger,
    observer: counts,
  };
  const brokerSettings = {
    ...settings,
    openFilesMax: shares.openFilesMax,
    ...(limit === undefined ? undefined : { partitionFilesMax: shares.openFilesMax }),
    rack: settings.rack ?? null,
    url: () => address.knownUrl,
  };
  const { redisUrl, loopSilenceMaxMs } = settings;
  if (redisUrl === undefined) {
    const open = await openLocalBroker(brokerSettings, ports);
    return { open, peersStatus: () => undefined };
  }
  const network = await openPeerNetwork(opening, ports.scheduler);
  const leaseThread = { script: LEASE_THREAD_SCRIPT, loopSilenceMaxMs };
  const open = await openClusterBroker(brokerSettings, {
    ...ports,
    network,
    onFenced,
    openStore: () =>
      whenAvailable(
        () => RedisStore.open({ ...settings, ...ports, url: redisUrl, leaseThread }),
        logger,
      ),
  });
  return { open, peersStatus: () => network.status() };
}

/** @throws PeerTlsFileError, CannotListenError */
async function openPeerNetwork(
  { settings, logger }: BrokerOpening,
  scheduler: Scheduler,
): Promise<PeerNetwork> {
  // Only cluster mode loads this lib: it brings an HTTP client, which slows down every start.
  const { PeerListenError, PeerNetwork } = await import('#peer-rpc');
  const tls = await readPeerTls(settings);
  try {
    return await PeerNetwork.open(settings, tls, { logger, scheduler });
  } catch (error) {
    if (!(error instanceof PeerListenError)) throw error;
    throw new CannotListenError(error.message, { cause: error });
  }
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
