import { type OpenBroker, openLocalBroker } from '#broker';
import { NodeFileSystem, SystemClock, SystemRandom, SystemScheduler } from '#runtime';
import type { Settings } from '../config/settings.js';
import type { ProcessLogger } from '../observability/logger.js';
import type { GatewayMetrics } from '../observability/metrics.js';
import type { PublicAddress } from './public-address.js';

/** Opens the broker of this process on its data directory. */
export function openBroker(
  settings: Settings,
  logger: ProcessLogger,
  metrics: GatewayMetrics,
  address: PublicAddress,
): Promise<OpenBroker> {
  return openLocalBroker(
    { ...settings, rack: settings.rack ?? null, url: () => address.url },
    {
      fileSystem: new NodeFileSystem(),
      clock: new SystemClock(),
      scheduler: new SystemScheduler(),
      random: new SystemRandom(),
      logger,
      observer: metrics,
    },
  );
}
