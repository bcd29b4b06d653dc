import { join } from 'node:path';
import { DiskReserve, ExpiryClock, Limiter } from '#runtime';
import { BatchUnpacker } from '../compression/compression.js';
import type { LogEnvironment } from '../log/log-state.js';
import { Quarantine } from '../log/quarantine.js';
import { TailCache } from '../log/tail-cache.js';
import { ProducerMemory } from '../producer-state/producer-memory.js';
import { LogCheckpoints } from '../recovery/log-checkpoints.js';
import { LogLoader } from '../recovery/log-loader.js';
import { FilePool } from '../segment/file-pool.js';
import { SegmentBudget } from '../segment/segment-budget.js';
import type { LogManagerOptions, LogManagerPorts } from './log-manager-options.js';

const RESERVE_FILE = '.reserve';
const DEFAULT_OPEN_FILES_MAX = 1024;
const DEFAULT_SEGMENTS_MAX = 50_000;
const DEFAULT_ROUND_BYTES_MAX = 4 * 1024 * 1024;
const DEFAULT_CLOCK_JUMP_MS = 10 * 60_000;
const DEFAULT_CLOCK_GRACE_MS = 60 * 60_000;
const DEFAULT_PRODUCER_STATE_BYTES = 64 * 1024 * 1024;
const DEFAULT_PRODUCER_STATE_PARTITION_BYTES = 16 * 1024 * 1024;
const DEFAULT_PRODUCER_PROTECTED_MS = 600_000;

/** Parts that all logs of a data directory share. */
export interface ManagerParts {
  readonly environment: LogEnvironment;
  readonly tailCache: TailCache;
  readonly checkpoints: LogCheckpoints;
  readonly loader: LogLoader;
  readonly producerMemory: ProducerMemory;
  readonly expiryClock: ExpiryClock;
}

/**
 * Opens the parts that all logs of a data directory share, before any log is read.
 * @param lastSeenMs last time stored in the data directory
 */
export async function openManagerParts(
  options: LogManagerOptions,
  ports: LogManagerPorts,
  lastSeenMs: number | undefined,
): Promise<ManagerParts> {
  const { fileSystem, clock, scheduler, logger, observer } = ports;
  const { dataDir, diskReserveBytes: sizeBytes = 0 } = options;
  const path = join(dataDir, RESERVE_FILE);
  const reserve = await DiskReserve.open({ fileSystem, logger, path, sizeBytes });
  const checkpoints = new LogCheckpoints(fileSystem, dataDir, reserve, logger);
  const expiryClock = new ExpiryClock({
    clock,
    logger,
    lastSeenMs,
    jumpMs: options.clockJumpMs ?? DEFAULT_CLOCK_JUMP_MS,
    graceMs: options.clockGraceMs ?? DEFAULT_CLOCK_GRACE_MS,
  });
  const environment: LogEnvironment = {
    fileSystem,
    clock,
    scheduler,
    logger,
    observer,
    reserve,
    quarantine: new Quarantine(),
    segmentBudget: new SegmentBudget(options.segmentsMax ?? DEFAULT_SEGMENTS_MAX),
    checkpoints,
    expiryClock,
    files: new FilePool(fileSystem, options.openFilesMax ?? DEFAULT_OPEN_FILES_MAX),
    unpacker: new BatchUnpacker(options.unpackedBatchBytesMax),
    syncs: new Limiter(options.syncsInFlightMax),
    durability: options.durability,
    roundBytesMax: options.roundBytesMax ?? DEFAULT_ROUND_BYTES_MAX,
  };
  const tailCache = new TailCache(options.tailCacheBytes);
  const producerMemory = new ProducerMemory({
    brokerBytes: options.producerStateBytes ?? DEFAULT_PRODUCER_STATE_BYTES,
    partitionBytes: options.producerStatePartitionBytes ?? DEFAULT_PRODUCER_STATE_PARTITION_BYTES,
    protectedMs: options.producerProtectedMs ?? DEFAULT_PRODUCER_PROTECTED_MS,
  });
  const loader = new LogLoader(environment, tailCache, {
    memory: producerMemory,
    batchesRememberedMax: options.producerBatchesRemembered,
    producerIdExpirationMs: options.producerIdExpirationMs,
  });
  return { environment, tailCache, checkpoints, loader, producerMemory, expiryClock };
}
