import {
  choice,
  GIB,
  KIB,
  MIB,
  optionalWholeNumber,
  TIMER_MS_MAX,
  text,
  wholeNumber,
} from '#settings';

/**
 * Settings of the log on disk: durability, threads, memory, retention, compaction and producer
 * state.
 */
export const STORAGE_SETTINGS = {
  dataDir: text({
    variable: 'SLUICE_DATA_DIR',
    byDefault: './data',
    accepts: 'a path',
    isAccepted: (value) => value.length > 0 && !value.includes('\0'),
    sentence: 'Directory of the log; created if it is missing. One process at a time may use it.',
  }),
  durability: choice({
    variable: 'SLUICE_DURABILITY',
    byDefault: 'fsync',
    choices: ['fsync', 'os'],
    sentence:
      '`fsync`: acknowledged after fdatasync (group commit). `os`: acknowledged after the write, so that a power cut may lose acknowledged records.',
  }),
  diskReserveBytes: wholeNumber({
    variable: 'SLUICE_DISK_RESERVE_BYTES',
    byDefault: 4 * MIB,
    min: 0,
    max: GIB,
    sentence:
      'Space in the data directory that records never use: deletions, configs and a start need it on a full disk. About 500 bytes per partition are enough.',
  }),
  ioThreads: wholeNumber({
    variable: 'SLUICE_IO_THREADS',
    byDefault: 32,
    min: 4,
    max: 1024,
    sentence: "Threads for file system calls (the size of libuv's pool).",
  }),
  segmentsMax: wholeNumber({
    variable: 'SLUICE_SEGMENTS_MAX',
    byDefault: 50_000,
    min: 1,
    max: 10_000_000,
    sentence:
      'Segments of all logs, each of which takes memory. Above this number segments are filled up to 256 MiB, whatever the `segment.bytes` of their topics; nothing is refused.',
  }),
  syncsInFlightMax: optionalWholeNumber({
    variable: 'SLUICE_SYNCS_IN_FLIGHT_MAX',
    defaultNote: 'three quarters of SLUICE_IO_THREADS',
    min: 1,
    max: 1023,
    sentence:
      'Partitions that are synced at the same time. Keep it below the number of threads, so that a read always finds a free one.',
  }),
  diskReadsMax: wholeNumber({
    variable: 'SLUICE_DISK_READS_MAX',
    byDefault: 16,
    min: 1,
    max: 1024,
    sentence:
      'Concurrent reads of records from disk, over all partitions; others wait in order of arrival. A read of more than 1 MiB counts as one per MiB of its `maxBytes`.',
  }),
  tailCacheBytes: wholeNumber({
    variable: 'SLUICE_TAIL_CACHE_BYTES',
    byDefault: 64 * MIB,
    min: 0,
    max: 64 * GIB,
    sentence:
      'Memory for the newest record batches, so that readers at the tail do not read from disk.',
  }),
  unpackedBatchBytesMax: wholeNumber({
    variable: 'SLUICE_UNPACKED_BATCH_BYTES_MAX',
    byDefault: 64 * MIB,
    min: MIB,
    max: GIB,
    sentence:
      "Uncompressed size of a compressed record batch, which only Kafka's producers write; above it its records cannot be read: `CORRUPT_MESSAGE`. Two batches are decompressed at a time, on threads.",
  }),
  producerBatchesRemembered: wholeNumber({
    variable: 'SLUICE_PRODUCER_BATCHES_REMEMBERED',
    byDefault: 512,
    min: 1,
    max: 100_000,
    sentence:
      'Record batches remembered for each idempotent producer and partition: a retry of one of these is answered with its original offsets.',
  }),
  producerIdExpirationMs: wholeNumber({
    variable: 'SLUICE_PRODUCER_ID_EXPIRATION_MS',
    byDefault: 86_400_000,
    min: 1000,
    max: Number.MAX_SAFE_INTEGER,
    sentence:
      "Kafka's `producer.id.expiration.ms`: the state of a silent producer is removed after this time.",
  }),
  producerStateBytes: wholeNumber({
    variable: 'SLUICE_PRODUCER_STATE_BYTES',
    byDefault: 64 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      'Memory for idempotent producers over all partitions. When it is used up, producers that were silent for SLUICE_PRODUCER_PROTECTED_MS are removed; if there are none, new producers are refused with 429 `THROTTLING_QUOTA_EXCEEDED`.',
  }),
  producerStatePartitionBytes: wholeNumber({
    variable: 'SLUICE_PRODUCER_STATE_PARTITION_BYTES',
    byDefault: 16 * MIB,
    min: 16 * KIB,
    max: 64 * GIB,
    sentence: 'Idempotent producers of one partition; beyond it the same applies.',
  }),
  producerProtectedMs: wholeNumber({
    variable: 'SLUICE_PRODUCER_PROTECTED_MS',
    byDefault: 600_000,
    min: 1000,
    max: Number.MAX_SAFE_INTEGER,
    sentence:
      'Time after its last append for which a producer is never removed to make room for others; longer than producers retry a batch.',
  }),
  retentionCheckIntervalMs: wholeNumber({
    variable: 'SLUICE_RETENTION_CHECK_INTERVAL_MS',
    byDefault: 5000,
    min: 10,
    max: TIMER_MS_MAX,
    sentence:
      "Kafka's `log.retention.check.interval.ms`: interval between checks for old segments.",
  }),
  clockJumpMs: wholeNumber({
    variable: 'SLUICE_CLOCK_JUMP_MS',
    byDefault: 600_000,
    min: 1000,
    max: Number.MAX_SAFE_INTEGER,
    sentence:
      'A wall clock that jumps ahead of the monotonic clock by this much, or of the time of the last use of the data directory, is not trusted: nothing expires by it for SLUICE_CLOCK_GRACE_MS.',
  }),
  clockGraceMs: wholeNumber({
    variable: 'SLUICE_CLOCK_GRACE_MS',
    byDefault: 3_600_000,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    sentence:
      'Time for which records, committed offsets, producers and tombstones expire by the clock before its jump; after it the new time is trusted.',
  }),
  compactionCheckIntervalMs: wholeNumber({
    variable: 'SLUICE_COMPACTION_CHECK_INTERVAL_MS',
    byDefault: 5000,
    min: 10,
    max: TIMER_MS_MAX,
    sentence: "Kafka's `log.cleaner.backoff.ms`: interval between checks for logs to compact.",
  }),
  compactionBytesPerSecond: wholeNumber({
    variable: 'SLUICE_COMPACTION_BYTES_PER_SECOND',
    byDefault: 32 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      "Kafka's `log.cleaner.io.max.bytes.per.second`: bounds the disk traffic of compaction.",
  }),
  scrubBytesPerSecond: wholeNumber({
    variable: 'SLUICE_SCRUB_BYTES_PER_SECOND',
    byDefault: 8 * MIB,
    min: 64 * KIB,
    max: 64 * GIB,
    sentence:
      'Bytes per second that the background scrub reads from closed segments to check the checksum of every batch.',
  }),
  scrubIntervalMs: wholeNumber({
    variable: 'SLUICE_SCRUB_INTERVAL_MS',
    byDefault: 86_400_000,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    sentence:
      'Time from the end of a scrub of all logs to the start of the next one; the first one begins a minute after the start. 0: no scrub.',
  }),
  compactionMapBytes: wholeNumber({
    variable: 'SLUICE_COMPACTION_MAP_BYTES',
    byDefault: 32 * MIB,
    min: 64 * KIB,
    max: 2 * GIB,
    sentence:
      "Kafka's `log.cleaner.dedupe.buffer.size`: memory for the keys of a log during compaction; more keys take several passes.",
  }),
};
