/**
 * Memory that the settings allow a broker to take if all of it is used at the same time: the table
 * of docs/operating/memory.md in numbers.
 */
import { CONCURRENT_UNPACKS_MAX } from '#log';
import type { AvailableMemory } from '#runtime';
import { KIB, MIB } from '#settings';
import type { Settings } from './settings.js';

/** One row of the budget. */
export interface MemoryItem {
  /** The setting or the kind of state that takes the memory. */
  readonly what: string;
  /** The settings that determine it. */
  readonly variables: readonly string[];
  /** Total bytes: heap, buffers, and memory of the operating system for this process. */
  readonly bytes: number;
  /** The part in V8's heap, which has a limit of its own. */
  readonly heapBytes: number;
}

/** Measured on Node 20 after a start with an empty data directory. */
const PROCESS_BYTES = 120 * MIB;
const PROCESS_HEAP_BYTES = 40 * MIB;
/** Measured with 1,000 new partitions and 200 topics with names of 242 characters. */
const PARTITION_BYTES = 33 * KIB;
const PARTITION_HEAP_BYTES = 8.5 * KIB;
/**
 * Measured with 4,000 segments of one batch; their index caches are freed while they are not read.
 */
const SEGMENT_BYTES = 3.5 * KIB;
const SEGMENT_HEAP_BYTES = 2 * KIB;
const TOPIC_HEAP_BYTES = 2 * KIB;
/** Heap of an idle connection. */
const CONNECTION_HEAP_BYTES = 12 * KIB;
/** V8 adds room for young objects to the requested limit. */
const HEAP_SLACK_BYTES = 512 * MIB;
/** Bytes of a read that counts as one towards the limit; a larger one counts as several. */
const DISK_READ_BYTES = MIB;

export type BudgetSettings = Pick<
  Settings,
  | 'bufferMemoryBytes'
  | 'catchUpBytesMax'
  | 'clusterMemoryBytes'
  | 'compactionMapBytes'
  | 'connectionsMax'
  | 'diskReadsMax'
  | 'groupStateBytes'
  | 'largePagesBytes'
  | 'offsetsKeptBytes'
  | 'outboundMemoryBytes'
  | 'partitionsMax'
  | 'partitionsPerBrokerMax'
  | 'producerStateBytes'
  | 'redisUrl'
  | 'renderCacheBytes'
  | 'requestMemoryBytes'
  | 'tailCacheBytes'
  | 'subscriptionMemoryBytes'
  | 'segmentsMax'
  | 'topicsMax'
  | 'unpackedBatchBytesMax'
>;

/** Returns the rows in the order of docs/operating/memory.md. */
export function memoryItems(settings: BudgetSettings): MemoryItem[] {
  const { connectionsMax, topicsMax } = settings;
  const partitionsMax = partitionsOf(settings);
  const heap = (item: string, variable: string, bytes: number): MemoryItem => {
    return { what: item, variables: [variable], bytes, heapBytes: bytes };
  };
  const buffers = (item: string, bytes: number, ...variables: string[]): MemoryItem => {
    return { what: item, variables, bytes, heapBytes: 0 };
  };
  return [
    { what: 'process', variables: [], bytes: PROCESS_BYTES, heapBytes: PROCESS_HEAP_BYTES },
    {
      what: 'partitions',
      variables: ['SLUICE_PARTITIONS_PER_BROKER_MAX'],
      bytes: partitionsMax * PARTITION_BYTES,
      heapBytes: partitionsMax * PARTITION_HEAP_BYTES,
    },
    {
      what: 'segments',
      variables: ['SLUICE_SEGMENTS_MAX'],
      bytes: settings.segmentsMax * SEGMENT_BYTES,
      heapBytes: settings.segmentsMax * SEGMENT_HEAP_BYTES,
    },
    heap('topics', 'SLUICE_TOPICS_MAX', topicsMax * TOPIC_HEAP_BYTES),
    heap('committed offsets', 'SLUICE_OFFSETS_KEPT_BYTES', settings.offsetsKeptBytes),
    heap('members of groups', 'SLUICE_GROUP_STATE_BYTES', settings.groupStateBytes),
    heap('idempotent producers', 'SLUICE_PRODUCER_STATE_BYTES', settings.producerStateBytes),
    heap('connections', 'SLUICE_CONNECTIONS_MAX', connectionsMax * CONNECTION_HEAP_BYTES),
    heap('subscriptions', 'SLUICE_SUBSCRIPTION_MEMORY_BYTES', settings.subscriptionMemoryBytes),
    buffers('request bodies', settings.requestMemoryBytes, 'SLUICE_REQUEST_MEMORY_BYTES'),
    buffers('records to be written', settings.bufferMemoryBytes, 'SLUICE_BUFFER_MEMORY_BYTES'),
    buffers('tail cache', settings.tailCacheBytes, 'SLUICE_TAIL_CACHE_BYTES'),
    buffers('render cache', settings.renderCacheBytes, 'SLUICE_RENDER_CACHE_BYTES'),
    buffers('catch-up reads', settings.catchUpBytesMax, 'SLUICE_CATCH_UP_BYTES'),
    buffers('compaction', settings.compactionMapBytes, 'SLUICE_COMPACTION_MAP_BYTES'),
    buffers('reads from disk', settings.diskReadsMax * DISK_READ_BYTES, 'SLUICE_DISK_READS_MAX'),
    buffers('large pages', settings.largePagesBytes, 'SLUICE_LARGE_PAGES_BYTES'),
    buffers(
      'batches being unpacked',
      CONCURRENT_UNPACKS_MAX * settings.unpackedBatchBytesMax,
      'SLUICE_UNPACKED_BATCH_BYTES_MAX',
    ),
    buffers(
      'bytes sent to clients and not yet received',
      settings.outboundMemoryBytes,
      'SLUICE_OUTBOUND_MEMORY_BYTES',
    ),
    ...(settings.redisUrl === undefined
      ? []
      : [buffers('calls of brokers', settings.clusterMemoryBytes, 'SLUICE_CLUSTER_MEMORY_BYTES')]),
  ];
}

/** Returns the most partitions that a broker keeps; a single broker keeps all. */
function partitionsOf(settings: BudgetSettings): number {
  const { partitionsMax, partitionsPerBrokerMax, redisUrl } = settings;
  return redisUrl === undefined
    ? Math.min(partitionsMax, partitionsPerBrokerMax)
    : partitionsPerBrokerMax;
}

/** Returns a sentence for each sum that does not fit; empty if both fit. */
export function memoryWarnings(settings: BudgetSettings, available: AvailableMemory): string[] {
  const items = memoryItems(settings);
  const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
  const heapBytes = items.reduce((sum, item) => sum + item.heapBytes, 0);
  const warnings: string[] = [];
  if (bytes > available.totalBytes) {
    warnings.push(
      `the settings allow ${inMib(bytes)} of memory, available are ${inMib(available.totalBytes)}; ` +
        `most of it: ${largest(items, (item) => item.bytes)} (docs/operating/memory.md)`,
    );
  }
  if (heapBytes > available.heapLimitBytes) {
    warnings.push(
      `the settings allow ${inMib(heapBytes)} of heap, its limit is ${inMib(available.heapLimitBytes)}; ` +
        `most of it: ${largest(items, (item) => item.heapBytes)} (docs/operating/memory.md)`,
    );
  }
  return warnings;
}

/** Returns a warning if SLUICE_HEAP_BYTES is set and did not become the limit of the heap. */
export function heapWarnings(
  { heapBytes }: Pick<Settings, 'heapBytes'>,
  { heapLimitBytes }: Pick<AvailableMemory, 'heapLimitBytes'>,
): string[] {
  if (heapBytes === undefined) return [];
  const isApplied = heapLimitBytes >= heapBytes && heapLimitBytes <= heapBytes + HEAP_SLACK_BYTES;
  if (isApplied) return [];
  return [
    `SLUICE_HEAP_BYTES is not the limit of the heap, which is ${heapLimitBytes} bytes: ` +
      'NODE_OPTIONS sets another one, or this version of Node cannot change it at run time. Start it with ' +
      `NODE_OPTIONS=--max-old-space-size=${Math.floor(heapBytes / MIB)}`,
  ];
}

/** Formats the three largest rows with their settings. */
function largest(items: readonly MemoryItem[], bytesOf: (item: MemoryItem) => number): string {
  return items
    .filter(({ variables }) => variables.length > 0)
    .toSorted((left, right) => bytesOf(right) - bytesOf(left))
    .slice(0, 3)
    .map((item) => `${item.variables.join(' x ')} ${inMib(bytesOf(item))}`)
    .join(', ');
}

function inMib(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}
