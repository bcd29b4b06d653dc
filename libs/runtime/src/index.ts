export { AssertionError, assert, assertNever } from './assert.js';
export { type AvailableMemory, availableMemory } from './available-memory.js';
export type { ByteAccount, SharedAccount } from './byte-account.js';
export type { Clock, Random, Scheduler, SecretRandom, Timer } from './clock.js';
export { DataDirError, type DataDirFault } from './data-dir-error.js';
export { DiskReserve, DiskReserveError, type DiskReserveStatus } from './disk-reserve.js';
export { type DrainLimits, drainRequest } from './drain-request.js';
export { EventLoopDelay, type EventLoopDelays } from './event-loop-delay.js';
export { ExpiryClock, type ExpiryClockStatus } from './expiry-clock.js';
export type {
  DirectoryEntry,
  FileHandle,
  FileLock,
  FileSystem,
  OpenMode,
  OpenOptions,
} from './file-system.js';
export { HeldMemory } from './held-memory.js';
export { joinedInSlices } from './joined-bytes.js';
export { Limiter } from './limiter.js';
export { type LogFields, type Logger, silentLogger } from './logger.js';
export { isLoopback } from './loopback.js';
export { MemoryBudget } from './memory-budget.js';
export { NodeFileSystem } from './node-file-system.js';
export { RecentMap } from './recent-map.js';
export { RetryBackoff } from './retry-backoff.js';
export { retryDuringShortage } from './retry-during-shortage.js';
export { SerialQueue } from './serial-queue.js';
export { atOnce, inSlices, type SlicedWork, turnOfLoop } from './sliced-work.js';
export { kindOfError, SparseLog, sparseLogOf } from './sparse-log.js';
export { ProcessClock, SystemClock, SystemRandom, SystemScheduler } from './system-clock.js';
export {
  isDiskFailure,
  isDiskFull,
  isOutOfDescriptors,
  isShortage,
  isShortageBeforeSync,
} from './system-error.js';
export { detachedText, textMemoryBytes } from './text-memory.js';
