import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { AvailableMemory } from '../config/memory-budget.js';
import type { Settings } from '../config/settings.js';

const MIB = 1024 * 1024;
/** V8 adds room for young objects to the requested limit. */
const HEAP_SLACK_BYTES = 512 * MIB;

/**
 * The memory of the machine, or of the container (cgroup) if that has less, and V8's heap limit.
 */
export function availableMemory(): AvailableMemory {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return {
    totalBytes: constrained > 0 ? Math.min(constrained, total) : total,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
  };
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
